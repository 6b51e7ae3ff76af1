"""The notation of events, each form once, with what it stands for written by hand."""

from typing import Any

import pytest

from episode_monitor.rule_tests.notation import MAX_EVENTS, BadNotation, Planned, duration_ms, plan


def short(event: Planned) -> tuple[Any, ...]:
    """Seconds, kind, number."""
    kind = event.fields["type"].removeprefix("episode.")
    return event.at_ms / 1000, kind, event.fields.get("episode_number")


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("created", [(0, "created", 1)]),
        ("created x 2 / failed", [(0, "created", 1), (1, "created", 2), (2, "creation_failed", None)]),
        ("created x2 every 30s / conflict", [(0, "created", 1), (30, "created", 2), (60, "creation_conflict", None)]),
        ("created / wait 1h / created", [(0, "created", 1), (3601, "created", 2)]),
        ("created / skip 2 / created", [(0, "created", 1), (1, "created", 4)]),
        ("created 7 x 2 / created", [(0, "created", 7), (1, "created", 8), (2, "created", 9)]),
        ("(created / failed) x 2", [(0, "created", 1), (1, "creation_failed", None), (2, "created", 2),
                                    (3, "creation_failed", None)]),
        ("((succeeded) x 2) x 2", [(at, "creation_succeeded", None) for at in range(4)]),
        ("created x 2 / renumbered 1 to 5 / deleted 5", [
            (0, "created", 1), (1, "created", 2), (2, "renumbered", 5), (3, "deleted", None)]),
        ("failed x 0", []),
    ],
)  # fmt: skip
def test_steps_happen_one_after_another(text: str, events: list[tuple[Any, ...]]) -> None:
    assert [short(event) for event in plan("p", text, 1000)] == events


def test_modifiers_fill_the_fields_of_an_event() -> None:
    (event,) = plan("p", "created took 1.5s conflicted retries 2 late 30s", 1000)
    assert event.late_ms == 30_000
    assert event.fields == {
        "type": "episode.created", "project_id": "p", "duration_seconds": 1.5, "had_conflict": True, "retry_count": 2,
        "episode_id": "p-episode-1", "episode_number": 1,
    }  # fmt: skip


def test_a_renumbering_names_the_episode_that_has_the_number() -> None:
    *_, moved, deleted = plan("p", "created x 2 / created 2 / renumbered 2 to 3 / deleted 1", 1000)
    assert moved.fields["episode_id"] == "p-episode-3"
    assert (moved.fields["old_number"], moved.fields["episode_number"]) == (2, 3)
    assert deleted.fields["episode_id"] == "p-episode-1"


@pytest.mark.parametrize(("text", "ms"), [("90s", 90_000), ("1h30m", 5_400_000), ("500ms", 500), ("5", 5000)])
def test_durations_have_units(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "An empty step is no step; it begins with one of created, succeeded,"),
        ("made x 3", "`made` is no step"),
        ("created y", "`y` after `created` is not known; there are a number, x COUNT"),
        ("created x many", "`x` needs a whole number behind it, not `many`"),
        ("created x", "`x` needs a whole number behind it, not ``"),
        ("created every", "`every` needs a duration behind it, such as every 5m"),
        ("wait long", "`long` is no duration"),
        ("(created", "A bracket is not closed"),
        ("created )", r"`\)` closes a bracket that is not open"),
        ("deleted", "Write `deleted 3`"),
        ("deleted 3", "No episode has the number 3 at this step"),
        ("created / renumbered 1", "Write `deleted 3`, and `renumbered 3 to 5`"),
        (f"created x {MAX_EVENTS + 1}", "There are more than 100000 events"),
        ("created /", "An empty step"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_mend(text: str, sentence: str) -> None:
    with pytest.raises(BadNotation, match=sentence):
        plan("p", text, 1000)
