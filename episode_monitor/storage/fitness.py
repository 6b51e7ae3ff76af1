"""Whether the monitor can work on a database at all. The worker asks at each start of the connection, `doctor` too."""

from collections.abc import Awaitable, Callable

from episode_monitor.storage import migrate
from episode_monitor.storage.connecting import Connection, refuse_transaction_pooling
from episode_monitor.storage.troubles import ReadOnly, TablesAreNewer, WrongEncoding

_ASKED = "select current_setting('transaction_read_only') = 'on', current_setting('server_encoding')"


async def checked_standing(
    connection: Connection, again: Callable[[], Awaitable[Connection]]
) -> migrate.MigrationStatus:
    """Which migrations it has. Raises TransactionPooler, ReadOnly, WrongEncoding, TablesAreNewer."""
    await refuse_transaction_pooling(connection, again)
    is_read_only, encoding = await connection.fetchrow(_ASKED)
    if is_read_only:
        raise ReadOnly
    if encoding != "UTF8":
        raise WrongEncoding(encoding)
    standing = await migrate.standing(connection)
    if standing.unknown:
        raise TablesAreNewer(standing.unknown)
    return standing
