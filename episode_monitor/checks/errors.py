"""Why a check ends without a result."""


class CheckFailed(Exception):
    """The message is one sentence or two, for people."""
