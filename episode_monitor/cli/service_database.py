"""What commands say where the project service's database fails them."""

from collections.abc import Iterator
from contextlib import contextmanager

from episode_monitor.exits import ExitCode, Failure
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseError, ServiceDatabaseRefused
from episode_monitor.storage.address import BadDatabaseUrl


@contextmanager
def failing_as_a_command() -> Iterator[None]:
    """Errors of the database become Failure: 3 where it is away, 4 where it refuses, 2 where the settings are wrong."""
    try:
        yield
    except ServiceDatabaseAway as error:
        raise Failure(str(error), ExitCode.UNREACHABLE) from None
    except ServiceDatabaseRefused as error:
        raise Failure(str(error), ExitCode.REFUSED) from None
    except (ServiceDatabaseError, BadDatabaseUrl) as error:
        raise Failure(str(error), ExitCode.USAGE) from None
