"""Targets are held against medians of one run; who could not run is named and compared with nobody."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from benchmarks.peers import plot
from benchmarks.peers.contender import Ending
from benchmarks.peers.race import Figures, Measured, medians
from benchmarks.peers.ratios import of_two_processes, ratios, table


def _figures(rate: float) -> Figures:
    return Figures(1000, rate, rate, 20.0, 100.0, 12.5)


def _measured(name: str, rate: float | None, more: dict[str, float] | None = None) -> Measured:
    figures = None if rate is None else _figures(rate)
    return Measured(name, name.title(), Ending.COMMITTED.value, figures, problem="" if rate else "no | Java", more=more)


def _run(contenders: list[Measured]) -> dict[str, object]:
    return {
        "shape": "1000",
        "about": "1 000 projects & more",
        "partitions": 4,
        "workers": 1,
        "contenders": [each.as_dict() for each in contenders],
        "ratios": ratios("1000", contenders),
    }


def test_a_replay_by_two_processes_is_held_against_one_and_against_nothing_where_one_did_not_run() -> None:
    one, two = [_measured("replay", 100_000)], [_measured("replay", 149_000)]
    assert of_two_processes(one, two) == [
        {"what": "replay by two processes / by one", "ratio": 1.49, "at_least": 1.5, "met": False}
    ]
    assert of_two_processes([_measured("replay", None)], two) == of_two_processes((), two) == []


def test_a_target_is_met_at_exactly_its_ratio_and_missed_below() -> None:
    rows = ratios(
        "1000", [_measured("monitor", 60_000), _measured("kafka-streams", 100_000), _measured("quix", 30_100)]
    )
    assert [(row["what"], row["ratio"], row["met"]) for row in rows] == [
        ("monitor / kafka-streams", 0.6, True),
        ("monitor / quix", 1.99, False),
    ]


def test_all_cores_have_a_target_of_their_own() -> None:
    rows = ratios("1000", [_measured("monitor", 74_000), _measured("kafka-streams", 100_000)], workers=4)
    assert [(row["ratio"], row["at_least"], row["met"]) for row in rows] == [(0.74, 0.75, False)]


def test_a_shape_has_its_own_targets() -> None:
    rows = ratios("1000000", [_measured("monitor", 20_000), _measured("quix", 10_000), _measured("faust", 2_000)])
    assert [(row["what"], row["at_least"]) for row in rows] == [("monitor / quix", 2.0)]


def test_who_could_not_run_is_compared_with_nobody() -> None:
    assert ratios("1000", [_measured("monitor", 75_000), _measured("kafka-streams", None)]) == []


def test_who_counted_wrong_has_figures_and_no_ratio() -> None:
    wrong = replace(_measured("faust", 2_000), wrong="780 projects are wrong")
    assert ratios("1000", [_measured("monitor", 75_000), wrong]) == []
    run = _run([wrong])
    assert "| Faust – counted wrong: 780 projects are wrong | 2,000 |" in table([run])
    assert "2 000, counted wrong" in plot.svg([run], "2 cores")


def test_recovery_is_held_against_a_bare_fetch() -> None:
    more = {
        "recovery_records": 10_000.0,
        "recovery_records_per_second": 59.0,
        "bare_fetch_records_per_second": 100.0,
    }
    (row,) = ratios("zipf", [_measured("monitor", 1.0, more)])
    assert (row["ratio"], row["at_least"], row["met"]) == (0.59, 0.6, False)
    assert ratios("zipf", [_measured("monitor", 1.0, more | {"recovery_records": 9_999.0})]) == []


def test_the_median_of_each_figure_is_told() -> None:
    assert medians([_figures(10), _figures(30), _figures(20)]) == _figures(20)
    assert medians([]) is None


def test_the_table_says_why_a_contender_is_missing_without_breaking_its_row() -> None:
    text = table([_run([_measured("monitor", 75_000), _measured("kafka-streams", None)])])
    assert "| Monitor | 75,000 | 20 | 100 MB | 12.5 |" in text
    assert "| Kafka-Streams | could not run: no / Java | | | |" in text


def test_whoever_got_a_share_of_the_events_says_so() -> None:
    share = replace(_measured("faust", 2_000), figures=replace(_figures(2_000), events=300))
    text = table([_run([_measured("monitor", 75_000), share])])
    assert "| Faust (the first 300 events) | 2,000 |" in text
    assert "| Monitor | 75,000 |" in text


def test_the_picture_is_well_formed_and_has_a_bar_for_each_that_ran() -> None:
    run = _run([_measured("monitor", 75_000), _measured("quix", 20_000), _measured("kafka-streams", None)])
    root = ElementTree.fromstring(plot.svg([run], "2 cores & <more>"))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}rect")) == 3  # the page and two bars
    assert "75 000" in [text.text for text in root.iter(f"{space}text")]
