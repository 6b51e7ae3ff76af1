"""The benchmark of an open page asks what a worker has, and its projects have the findings that it counts on."""

from collections import Counter
from datetime import UTC, datetime

import msgspec

from benchmarks.open_page import FURTHER, events, requests_of_overview
from tools import openapi_document

NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


def test_every_request_is_of_a_route_that_there_is() -> None:
    paths = msgspec.json.decode(openapi_document.DOCUMENT.read_bytes())["paths"]
    asked = {path.partition("?")[0] for path in (*requests_of_overview(NOW).values(), *FURTHER.values())}
    assert {path for path in asked if "get" not in paths.get(path, {})} == set()


def test_so_many_projects_as_alerts_lack_a_number() -> None:
    numbers: dict[str, list[int]] = {}
    for key, value in events(projects=5, alerts=2, now=NOW):
        event = msgspec.json.decode(value)
        assert event["project_id"] == key.decode()
        numbers.setdefault(event["project_id"], []).append(event["episode_number"])
    assert Counter(map(tuple, numbers.values())) == {(1, 2, 4): 2, (1, 2, 3): 3}
