"""Connects to the project service's database: the same way for checks, repair, backfill and `doctor`."""

from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.explaining import explained
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import Connection, Session, connect, refuse_transaction_pooling

CONNECT_SECONDS = 5.0


async def open_service(address: Address, table: EpisodesTable, session: Session) -> Connection:
    """A connection with `session` set. Raises ServiceDatabaseError."""

    async def one() -> Connection:
        return await connect(address, session, CONNECT_SECONDS)

    with explained(address.place, table, address):
        connection = await one()
        try:
            await refuse_transaction_pooling(connection, one)
        except BaseException:
            connection.terminate()
            raise
        return connection
