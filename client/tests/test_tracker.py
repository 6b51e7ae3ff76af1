"""The tracker as a project service uses it: two calls, a context manager or a decorator. It never raises."""

from typing import Any

import pytest

from episode_monitor_client import EpisodePerformanceTracker, current_operation, use_traceparent
from episode_monitor_client import tracker as module
from episode_monitor_client.events import EpisodeEvent
from episode_monitor_client.pytest_plugin import CapturedEvents

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Episode:
    def __init__(self, episode_id: str, number: int) -> None:
        self.id = episode_id
        self.number = number


def test_an_operation_is_timed_and_told(episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()
    operation_id = tracker.start_operation("create_ep_123")
    duration = tracker.end_operation(
        operation_id=operation_id,
        project_id="project_123",
        episode_id="ep_456",
        success=True,
        retry_count=2,
        had_conflict=False,
        episode_number=7,
    )
    (body,) = episode_events.bodies()
    assert operation_id.startswith("create_ep_123-")
    assert body["duration_seconds"] == duration > 0
    assert {name: body[name] for name in ("type", "project_id", "episode_id", "episode_number", "operation_id")} == {
        "type": "episode.created",
        "project_id": "project_123",
        "episode_id": "ep_456",
        "episode_number": 7,
        "operation_id": operation_id,
    }
    assert body["retry_count"] == 2
    assert "retry_reasons" not in body  # the monitor then takes `error`, or `conflict` with had_conflict


def test_two_operations_of_one_name_have_ids_of_their_own() -> None:
    tracker = EpisodePerformanceTracker()
    assert tracker.start_operation("create") != tracker.start_operation("create")
    assert len(tracker.start_operation("x" * 500)) == 128


def test_a_success_whose_number_is_not_said_is_the_ending_of_an_operation_and_states_no_number(
    episode_events: CapturedEvents,
) -> None:
    """The call as the user's document prints it."""
    tracker = EpisodePerformanceTracker()
    operation_id = tracker.start_operation("create_ep_123")
    duration = tracker.end_operation(
        operation_id=operation_id,
        project_id="project_123",
        episode_id="ep_456",
        success=True,
        retry_count=2,
        had_conflict=False,
    )
    (body,) = episode_events.bodies()
    assert (body["type"], body["operation_id"], body["retry_count"]) == ("episode.creation_succeeded", operation_id, 2)
    assert body["duration_seconds"] == duration > 0
    assert "episode_number" not in body
    assert tracker.invalid == 0


def test_events_that_cannot_be_made_are_counted_and_logged_once_a_minute_and_their_duration_answered(
    episode_events: CapturedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = EpisodePerformanceTracker()
    for _ in range(3):
        assert tracker.end_operation(tracker.start_operation(), "p", "ep", success=True, episode_number=0) > 0
    assert episode_events.all == []
    assert tracker.invalid == 3
    assert len(caplog.records) == 1
    assert "episode_number must be a whole number" in caplog.text


def test_conflicts_failures_renumberings_and_deletions_are_told(episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()
    operation_id = tracker.start_operation()
    tracker.conflict(operation_id, "p")
    tracker.end_operation(
        operation_id, "p", success=False, retry_reasons=["conflict"], had_conflict=True, error="time is up"
    )
    tracker.renumbered("p", "ep", 2, 1)
    tracker.deleted("p", "ep")
    conflict, failed, renumbered, deleted = episode_events.all
    assert conflict.operation_id == failed.operation_id == operation_id
    assert (failed.type, failed.error, failed.retry_count) == ("episode.creation_failed", "time is up", 1)
    assert (renumbered.episode_number, renumbered.old_number) == (2, 1)
    assert deleted.type == "episode.deleted"


def test_an_operation_that_nobody_began_is_told_without_a_duration(episode_events: CapturedEvents) -> None:
    assert EpisodePerformanceTracker().end_operation("unknown", "p", "ep", episode_number=1) == 0.0
    assert "duration_seconds" not in episode_events.bodies()[0]


def test_operations_that_never_end_are_forgotten_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OPEN_OPERATIONS", 3)
    tracker = EpisodePerformanceTracker()
    begun = [tracker.start_operation() for _ in range(5)]
    assert list(tracker._open) == begun[2:]


async def test_a_block_tells_conflicts_at_once_and_its_ending_at_the_end(episode_events: CapturedEvents) -> None:
    async with EpisodePerformanceTracker().operation("p") as operation:
        operation.conflict()
        assert [event.type for event in episode_events.all] == ["episode.creation_conflict"]
        operation.retry("conflict")
        operation.retry("timeout")
        operation.created("ep", 3)
    conflict, created = episode_events.all
    assert created.operation_id == conflict.operation_id == operation.operation_id
    assert (created.retry_count, created.retry_reasons, created.had_conflict) == (2, ("conflict", "timeout"), True)
    assert created.duration_seconds == operation.duration_seconds


async def test_an_exception_is_a_failure_and_goes_on_as_it_was(episode_events: CapturedEvents) -> None:
    error = RuntimeError("the disk is full")
    with pytest.raises(RuntimeError) as caught:
        async with EpisodePerformanceTracker().operation("p"):
            raise error
    assert caught.value is error
    assert [event.error for event in episode_events.of_type("creation_failed")] == ["RuntimeError: the disk is full"]


def test_an_exception_after_the_creation_is_no_failure_of_it(episode_events: CapturedEvents) -> None:
    def create() -> None:
        with EpisodePerformanceTracker().operation("p") as operation:
            operation.created("ep", 1)
            raise KeyError("later")

    with pytest.raises(KeyError):
        create()
    assert [event.type for event in episode_events.all] == ["episode.created"]


def test_an_exception_that_cannot_be_said_is_told_by_its_name(episode_events: CapturedEvents) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    with pytest.raises(Mute), EpisodePerformanceTracker().operation("p"):
        raise Mute
    assert episode_events.all[0].error == "Mute"


def test_a_block_without_an_outcome_tells_nothing_and_counts_it(episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()
    with tracker.operation("p"):
        pass
    assert (episode_events.all, tracker.invalid) == ([], 1)


async def test_the_decorator_takes_the_project_from_the_arguments_and_the_episode_from_the_result(
    episode_events: CapturedEvents,
) -> None:
    tracker = EpisodePerformanceTracker()

    @tracker.track()
    async def create(title: str, project_id: str = "standard") -> Episode:
        operation = current_operation()
        assert operation is not None
        operation.retry("error")
        return Episode("ep_1", 4)

    @tracker.track(project_id=lambda request: request["project"], result=lambda row: (row[0], row[1]))
    def create_from(request: dict[str, str]) -> tuple[str, int]:
        return "ep_2", 5

    assert (await create("t")).number == 4
    assert create_from({"project": "other"}) == ("ep_2", 5)
    told = [(e.project_id, e.episode_id, e.episode_number, e.retry_count) for e in episode_events.all]
    assert told == [("standard", "ep_1", 4, 1), ("other", "ep_2", 5, 0)]
    assert current_operation() is None


def test_a_decorated_function_works_although_nothing_can_be_told_of_it(episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()

    @tracker.track(project_id=lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    def create() -> str:
        return "no episode at all"

    assert create() == "no episode at all"
    assert (episode_events.all, tracker.invalid) == ([], 1)


def test_a_decorator_that_names_no_argument_fails_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="no argument 'project_id'"):

        @EpisodePerformanceTracker().track()
        def create(project: str) -> None: ...


def test_events_bear_the_trace_they_are_made_in(episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()
    with use_traceparent(TRACE):
        tracker.deleted("p", "ep")
    tracker.deleted("p", "ep")
    tracker.deleted("p", "ep", traceparent=TRACE)
    assert [event.traceparent for event in episode_events.all] == [TRACE, None, TRACE]


def test_a_sink_that_raises_is_the_hosts_no_matter() -> None:
    class Broken:
        enabled = True

        def emit(self, event: EpisodeEvent) -> bool:
            raise OSError("broken")

    tracker = EpisodePerformanceTracker(Broken())
    assert tracker.end_operation(tracker.start_operation(), "p", "ep", episode_number=1) > 0
    assert tracker.invalid == 1


@pytest.mark.parametrize("nonsense", [None, 5, "", b"p", object(), "a\x00b"])
def test_nonsense_never_raises(nonsense: Any, episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()
    tracker.start_operation(nonsense)
    tracker.end_operation(nonsense, nonsense, nonsense, nonsense, nonsense, nonsense, episode_number=nonsense)
    tracker.conflict(nonsense, nonsense)
    tracker.renumbered(nonsense, nonsense, nonsense, nonsense)
    tracker.deleted(nonsense, nonsense)
    with tracker.operation(nonsense, nonsense) as operation:
        operation.conflict()
        operation.retry(nonsense)
        operation.created(nonsense, nonsense)
    assert episode_events.all == []
