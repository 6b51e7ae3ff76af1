"""Why a question has no answer, or an act was not done. Each kind is one answer to the caller."""

import msgspec


class ViewError(Exception):
    """An answer that cannot be given."""


class Recovering(ViewError):
    """Tables are being read back; the numbers would be wrong. Answered with 503 and `Retry-After`."""

    def __init__(self, retry_after_seconds: float = 2.0) -> None:
        super().__init__("tables are recovering")
        self.retry_after_seconds = retry_after_seconds


class Unreachable(ViewError):
    """Something needed for this answer (another worker, the database) did not answer. 503; `detail` is a sentence."""

    def __init__(self, detail: str, retry_after_seconds: float = 2.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds


class NotAvailable(ViewError):
    """This monitor is set up without the part that would answer. 501; `detail` says which setting brings it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidQuery(ViewError):
    """A parameter only the question can judge, such as a cursor, is wrong. 422 with the code `invalid_{parameter}`."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail


class Refusal(msgspec.Struct, frozen=True):
    """An HTTP status, a code for programs and a sentence for people. Workers send it to each other as it is."""

    status: int
    code: str
    detail: str


class Refused(ViewError):
    """What was asked for does not exist or cannot be done; asking again changes nothing."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


STORED_VALUES_LOST = Refusal(
    500,
    "stored_values_lost",
    "The disk of STATE_DIR does not give back what the monitor stored there: look at that disk, or set STATE_DIR to a "
    "folder on another one, and restart the worker. Nothing is lost: a start reads the changelog.",
)
UNKNOWN_ALERT = Refusal(404, "unknown_alert", "There is no alert with this key: see the active alerts for their keys.")
ALREADY_RESOLVED = Refusal(409, "already_resolved", "This alert is already resolved: no further action is possible.")
