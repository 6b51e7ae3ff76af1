"""What a program handed in: an address, or an object of which driver, sync or async. No driver is imported for it."""

import re
from typing import Any


def plain_address(db: Any) -> str | None:
    """The address in PostgreSQL's own form, of a text or an URL object of SQLAlchemy's; None for anything else."""
    if not isinstance(db, str):
        if is_of(db, "sqlalchemy") and hasattr(db, "render_as_string"):
            db = db.render_as_string(hide_password=False)
        else:
            return None
    return re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", db.strip())


def is_async(db: Any) -> bool:
    """Whether only `await` gets anything out of it."""
    names = {kind.__name__ for kind in type(db).__mro__}
    return is_of(db, "asyncpg") or any(name.startswith("Async") for name in names) or "async_scoped_session" in names


def is_of(db: Any, package: str) -> bool:
    return any(kind.__module__.partition(".")[0] == package for kind in type(db).__mro__)


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of what a driver raised, inside SQLAlchemy's wrapping too."""
    for each in (error, getattr(error, "orig", None), error.__cause__):
        code = getattr(each, "sqlstate", None) or getattr(each, "pgcode", None)
        if isinstance(code, str):
            return code
    return None
