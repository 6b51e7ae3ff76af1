"""What an owner of the dispatcher counts, since the start of its process."""

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.dispatch.outputs import Decision, Notification
from streams.dispatch.table import NotifyReason

RECEIVERS_MAX = 20  # with counts of their own; the others are summed
OTHER = "_other"


@dataclass
class DispatchCounts:
    """`on_sent` is called with each notification. `changes_lost`: changes of alerts that are not in the history.
    `undecodable`: records that are no inputs. `empty_shifts`: pages for which a layer, or the whole schedule, had
    nobody. `notifications` by receiver and reason; `explanations`, receivers that were not notified, by why."""

    inputs: int = 0
    undecodable: int = 0
    changes_lost: int = 0
    empty_shifts: int = 0
    decisions: int = 0
    repeated: int = 0  # notifications sent again after a restart; they are in `notifications` as well
    notifications: dict[tuple[str, str], int] = field(default_factory=dict)
    explanations: dict[str, int] = field(default_factory=dict)
    on_sent: Callable[[Notification], None] = lambda notification: None
    _receivers: set[str] = field(default_factory=set)

    def decided(self, decision: Decision) -> None:
        """An input was applied."""
        self.decisions += 1
        self.empty_shifts += sum(has_empty_shift(each) for each in decision.notifications)
        for each in decision.explanations:
            self.explanations[each.reason.value] = self.explanations.get(each.reason.value, 0) + 1

    def sent(self, notification: Notification) -> None:
        """A notification was handed to the broker."""
        self.on_sent(notification)
        receiver = notification.receiver
        if receiver not in self._receivers and len(self._receivers) >= RECEIVERS_MAX:
            receiver = OTHER
        self._receivers.add(receiver)
        key = receiver, notification.reason.value
        self.notifications[key] = self.notifications.get(key, 0) + 1


def has_empty_shift(notification: Notification) -> bool:
    """Whether it is a page for which a layer of the schedule had nobody; its note says which."""
    return notification.reason is NotifyReason.ESCALATED and bool(notification.note)
