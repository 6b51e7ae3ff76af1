"""The words of an alert, the same in every sink that writes to people."""

import pytest

from alert_sinks import wording
from models.alert import AlertStatus, Severity
from tests.alert_sinks.support import NOW_MS, an_alert, digest_of


def test_a_headline_names_the_project_only_if_the_title_does_not() -> None:
    assert wording.headline(an_alert()) == "[WARNING] High failure rate in proj_1"
    assert wording.headline(an_alert(title="Slow")) == "[WARNING] Slow (project proj_1)"
    assert wording.headline(an_alert(status=AlertStatus.RESOLVED)).startswith("[RESOLVED] ")


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("escalated_unacknowledged", "not acknowledged in time"),
        ("acknowledged_by_person", "acknowledged by person"),
        ("a_newer_reason", "a newer reason"),
        ("", ""),
    ],
)
def test_a_reason_has_words_and_one_that_is_not_known_is_shown_as_written(word: str, words: str) -> None:
    assert wording.reason(word) == words


def test_a_time_is_in_utc_to_the_second() -> None:
    assert wording.moment(NOW_MS) == "2025-10-09 08:53:20 UTC"


def test_facts_without_a_value_are_left_out() -> None:
    facts = {fact.title: fact.value for fact in wording.facts(an_alert(window_minutes=None))}
    assert facts == {
        "Project": "proj_1", "Severity": "WARNING", "Status": "firing", "Value": "2.5 %", "Threshold": "1 %",
        "Since": "2025-10-09 08:53:20 UTC",
    }  # fmt: skip


def test_a_digest_has_a_line_for_each_of_the_worst_and_says_how_many_more_there_are() -> None:
    alerts = [an_alert(alert_id=str(place)) for place in range(21)]
    digest = digest_of([*alerts, an_alert(severity=Severity.CRITICAL, title="Split")])
    lines = wording.lines(digest)
    assert (len(lines), lines[0], lines[-1]) == (
        11, "CRITICAL Split: 2.5 %, since 2025-10-09 08:53:20 UTC", "and 12 more",
    )  # fmt: skip
    assert [(fact.title, fact.value) for fact in wording.digest_facts(digest)] == [("CRITICAL", "1"), ("WARNING", "21")]
