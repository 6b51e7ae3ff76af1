"""`episode-outbox-relay`: a relay as a process of its own. It waits for whatever is away; SIGTERM or Ctrl-C ends it."""

import argparse
import asyncio
import logging
import os
import signal
import sys

from .outbox import Outbox, ddl
from .relay import OutboxRelay
from .security import SettingsError
from .settings import ClientSettings


def main() -> int:
    """Exit code 0 after a signal, 2 for a wrong setting, 3 where the tables could not be made."""
    parser = argparse.ArgumentParser(
        prog="episode-outbox-relay",
        description="Sends the events of the outbox in DATABASE_URL to Kafka at KAFKA_BOOTSTRAP_SERVERS.",
    )
    parser.add_argument("--ddl", action="store_true", help="print the SQL of the tables and exit")
    parser.add_argument("--create-tables", action="store_true", help="create missing tables first")
    options = parser.parse_args()
    if options.ddl:
        print(ddl(), end="")
        return 0
    try:
        settings = ClientSettings.from_environment()
    except SettingsError as error:
        return _refuse(str(error))
    database_url = os.environ.get("DATABASE_URL", "")
    if isinstance(settings, str):
        return _refuse(f"{settings}, so there is no Kafka to send to.")
    if not database_url.startswith(("postgresql://", "postgres://")):
        return _refuse("DATABASE_URL must be the address of the service's database, postgresql://...")
    try:
        import asyncpg  # noqa: F401
    except ImportError:
        return _refuse("the relay needs asyncpg: install episode-monitor-client[outbox].")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return asyncio.run(_run(database_url, settings, create_tables=options.create_tables))


def _refuse(sentence: str) -> int:
    print(f"episode-outbox-relay: {sentence}", file=sys.stderr)
    return 2


async def _run(database_url: str, settings: ClientSettings, *, create_tables: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if create_tables:
        import asyncpg

        try:
            connection = await asyncpg.connect(database_url, timeout=10)
            try:
                await Outbox().create_tables(connection)
            finally:
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            print(f"episode-outbox-relay: the tables could not be made: {error!r}", file=sys.stderr)
            return 3
    await OutboxRelay(database_url, settings).run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
