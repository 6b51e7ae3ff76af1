"""Each dead letter has a line of log that says where it lies and why, and a flood of them has ten."""

from structlog.testing import capture_logs

from agents.engine.letter_log import LetterLog
from models.dead_letter import DeadLetter, DeadLetterReason, Malformed, dead_letter

MALFORMED = Malformed(DeadLetterReason.MISSING_FIELD, "episode_id is needed for episode.created.")


def letters(*offsets: int) -> list[DeadLetter]:
    return [dead_letter("events", 3, at, b"p", b"{}", [("dl_reason", b"older")], MALFORMED) for at in offsets]


def test_a_dead_letter_is_logged_with_its_place_and_reason() -> None:
    with capture_logs() as lines:
        LetterLog(lambda: 0.0).note(letters(17))
    assert lines == [
        {
            "event": "record sent to the dead-letter topic",
            "log_level": "warning", "topic": "events", "partition": "3",
            "offset": "17", "reason": "missing_field", "detail": "episode_id is needed for episode.created.",
        }
    ]  # fmt: skip


def test_a_flood_is_ten_lines_and_the_next_line_says_how_many_had_none() -> None:
    now = 0.0
    noted = LetterLog(lambda: now)
    with capture_logs() as lines:
        noted.note(letters(*range(500)))
        noted.note(letters(500))
        now = 10.0
        noted.note(letters(501, 502))
    assert [line["offset"] for line in lines] == [*map(str, range(10)), "501", "502"]
    assert [line.get("not_logged") for line in lines[-2:]] == [491, None]
