"""An act on a monitor leaves a row in the audit, as those that a worker does: in PostgreSQL, or in the log without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from episode_monitor.composition import storage
from episode_monitor.rebuild.monitors import now_ms
from episode_monitor.settings.settings import Settings
from episode_monitor.storage.audit import AuditEntry


@asynccontextmanager
async def audited(settings: Settings, by: str, what: str, target: str, **request: Any) -> AsyncIterator[None]:
    """Write the row however the act ends. While PostgreSQL is away it is logged. Raises SettingsError."""
    kept, result = storage(settings), "interrupted"
    await kept.database.connect()
    try:
        yield
        result = "done"
    except Exception as error:
        result = str(error)
        raise
    finally:
        kept.audit.note(
            AuditEntry(
                who=by, what=what, target=target, result=result, at_ms=now_ms(), request={"role": "cli", **request}
            )
        )
        await kept.database.close()
