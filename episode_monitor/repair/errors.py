"""Why a repair is refused. Each code is one decision; the sentence says what, why and what next."""

from enum import Enum


class Code(Enum):
    """For programs; the route maps each to an HTTP status."""

    AUTO_FIX_DISABLED = "auto_fix_disabled"
    UNKNOWN_PLAN = "unknown_plan"
    UNKNOWN_PROJECT = "unknown_project"
    CANNOT_PLAN = "cannot_plan"
    WRONG_CONFIRMATION = "invalid_confirm"
    PLAN_EXPIRED = "plan_expired"
    NOTHING_TO_DO = "nothing_to_do"
    PLAN_NOT_OPEN = "plan_not_open"  # its state does not allow it
    PLAN_BUSY = "plan_busy"  # another worker or request is at work on it
    APPROVAL_NEEDED = "approval_needed"
    SAME_PERSON = "same_person"
    DATA_MOVED = "data_moved"
    CONTENDED = "contended"  # other transactions kept changing the same rows


class RepairRefused(Exception):
    """Nothing was changed. The message is one sentence for people."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class NotChanged(RepairRefused):
    """The rows or the database stand against it: a transaction that was open is rolled back."""

    makes_stale = False  # whether a plan that has not been applied can never be applied any more


class CannotPlan(NotChanged):
    """No plan can be made of these rows, or none can be carried out on them."""

    def __init__(self, sentence: str) -> None:
        super().__init__(Code.CANNOT_PLAN, sentence)


class RowsMoved(NotChanged):
    """The rows are no longer as the plan has them; `how` is a clause."""

    makes_stale = True
    advice = "Make a new plan."

    def __init__(self, how: str) -> None:
        super().__init__(Code.DATA_MOVED, f"Nothing was changed: {how}. {self.advice}")


class OnlyNewer(RowsMoved):
    """Only newer episodes are in the way: the same plan can be applied together with them."""

    makes_stale = False
    advice = "Say with_newer (--with-newer) to move newer episodes along."


class TooMany(NotChanged):
    """Together with the newer episodes it is more than may be applied without approval."""

    def __init__(self, changes: int, limit: int) -> None:
        super().__init__(
            Code.APPROVAL_NEEDED,
            f"With the episodes created since, {changes} numbers change, more than REPAIR_APPROVAL_ABOVE ({limit}): "
            "a second person must approve the plan first.",
        )


class Contended(NotChanged):
    """Other transactions got in between at each try."""

    def __init__(self, project_id: str, constraint: str | None) -> None:
        super().__init__(
            Code.CONTENDED,
            f"Constraint {constraint} refused new numbers of {project_id} each time, so nothing was changed: they "
            "are taken concurrently, or held by rows that the plan does not see, such as deleted ones."
            if constraint
            else f"Concurrent changes of {project_id} kept interfering, so nothing was changed: try again later.",
        )
