"""How an encoded slash travels inside: as a character that no path may hold, so that it separates nothing."""

from typing import Final

from pydantic import BeforeValidator

ENCODED_SLASH: Final = "\x1f"


def whole(path: str) -> str:
    """A path, or a part of one, with the slashes that were encoded."""
    return path.replace(ENCODED_SLASH, "/")


Whole = BeforeValidator(lambda text: whole(text) if isinstance(text, str) else text)  # of every path parameter
