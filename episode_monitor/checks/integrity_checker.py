"""The client's `EpisodeIntegrityChecker` as the monitor uses it: by its settings, and with sentences for errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseError
from episode_monitor.service_database.explaining import explain
from episode_monitor.storage.address import Address
from episode_monitor_client import integrity
from episode_monitor_client.integrity import ProjectIntegrity, UnknownProject
from episode_monitor_client.kinds import plain_address
from streams.base.numbering_rules import NumberingRules

__all__ = ["EpisodeIntegrityChecker", "ProjectIntegrity", "ServiceDatabaseError", "UnknownProject"]

_PLACE = "the connection given"
_DRIVERS = ("asyncpg", "psycopg", "psycopg2", "psycopg_pool", "sqlalchemy")


class EpisodeIntegrityChecker(integrity.EpisodeIntegrityChecker):
    """See the client's. Raises ServiceDatabaseError in place of what drivers and the network raise."""

    def __init__(self, db: Any, table: EpisodesTable | None = None, rules: NumberingRules | None = None) -> None:
        """Raises BadDatabaseUrl for a text that is no address. `rules`: the first number and the largest jump."""
        rules, self._names = rules or NumberingRules(), table or EpisodesTable()
        address = plain_address(db)
        self._address = None if address is None else Address.parse(address, "DATABASE_URL")
        super().__init__(
            db if self._address is None else self._address.for_libpq,
            self._names,
            first_number=rules.first_number,
            max_number_jump=rules.max_jump,
        )

    @contextmanager
    def _guarded(self, project_id: str) -> Iterator[None]:
        try:
            with super()._guarded(project_id):
                yield
        except Exception as error:
            module = type(error).__module__.partition(".")[0]
            if module not in _DRIVERS and not isinstance(error, OSError):
                raise
            place = _PLACE if self._address is None else self._address.place
            raise explain(getattr(error, "orig", None) or error, place, self._names, self._address) from error
