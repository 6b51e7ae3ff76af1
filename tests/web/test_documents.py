"""The document of the routes against the answers, the pages against the rule that nothing comes from outside."""

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi.dependencies.utils import get_dependant

import episode_monitor.web
from episode_monitor.web.schemas import ANSWERS
from tests.web.fake_views import FakeViews, alert

ROOT = "/monitoring/episodes"
STATIC = Path(episode_monitor.web.__file__).parent / "static"
CONTRACT = {
    ("get", f"{ROOT}/integrity/summary"): {"IntegritySummary", "SwitchedOffSummary"},
    ("get", f"{ROOT}/integrity/projects"): {"ProjectPage"},
    ("get", f"{ROOT}/integrity/project"): {"ProjectView"},
    ("get", f"{ROOT}/integrity/project/{{project_id}}"): {"ProjectView"},
    ("get", f"{ROOT}/integrity/project/{{project_id}}/rules"): {"ProjectRules"},
    ("get", f"{ROOT}/integrity/project/{{project_id}}/findings"): {"FindingList"},
    ("get", f"{ROOT}/integrity/findings"): {"FindingList"},
    ("get", f"{ROOT}/integrity/project/{{project_id}}/findings/{{finding_id}}"): {"FindingDetail"},
    ("post", f"{ROOT}/integrity/project/{{project_id}}/findings/{{finding_id}}/waive"): {"FindingView"},
    ("post", f"{ROOT}/integrity/findings/{{finding_id}}/waive"): {"FindingView"},
    ("get", f"{ROOT}/performance/stats"): {"PerformanceStats"},
    ("get", f"{ROOT}/performance/trend"): {"PerformanceTrend"},
    ("get", f"{ROOT}/alerts/active"): {"ActiveAlerts"},
    ("get", f"{ROOT}/alerts/history"): {"AlertHistoryPage"},
    ("get", f"{ROOT}/alerts/statistics"): {"AlertStatistics"},
    ("get", f"{ROOT}/alerts/{{alert_key}}"): {"AlertDetails"},
    ("get", f"{ROOT}/audit"): {"AuditPage"},
    ("get", f"{ROOT}/rules"): {"RulesInForce"},
    ("post", f"{ROOT}/rules/backtest"): {"ReplayJob"},
    ("post", f"{ROOT}/replays"): {"ReplayJob"},
    ("get", f"{ROOT}/replays"): {"ReplayJobList"},
    ("get", f"{ROOT}/replays/{{job_id}}"): {"ReplayJobWithResult"},
    ("post", f"{ROOT}/replays/{{job_id}}/cancel"): {"ReplayJob"},
    ("delete", f"{ROOT}/replays/{{job_id}}"): {"ReplayJob"},
    ("post", f"{ROOT}/alerts/{{alert_key}}/resolve"): {"Alert"},
    ("post", f"{ROOT}/alerts/{{alert_key}}/acknowledge"): {"Alert"},
    ("post", f"{ROOT}/alerts/{{alert_key}}/unacknowledge"): {"Alert"},
    ("post", f"{ROOT}/alerts/{{alert_key}}/silence"): {"Alert"},
    ("post", f"{ROOT}/jobs/integrity/run-check"): {"BasicCheckResult", "DeepCheckResult"},
    ("get", f"{ROOT}/integrity/drift"): {"ProjectDrift"},
    ("get", f"{ROOT}/integrity/states"): {"ProjectStatesPage"},
    ("get", f"{ROOT}/integrity/facts"): {"ProjectFactsAnswer"},
    ("get", f"{ROOT}/jobs"): {"JobList"},
    ("get", f"{ROOT}/jobs/{{job_id}}"): {"JobStatus"},
    ("post", f"{ROOT}/integrity/project/{{project_id}}/repair-plans"): {"RepairPlan"},
    ("post", f"{ROOT}/repair-plans"): {"RepairPlan"},
    ("get", f"{ROOT}/repair-plans"): {"RepairPlanList"},
    ("get", f"{ROOT}/repair-plans/{{plan_id}}"): {"RepairPlan"},
    ("post", f"{ROOT}/repair-plans/{{plan_id}}/approve"): {"RepairPlan"},
    ("post", f"{ROOT}/repair-plans/{{plan_id}}/apply"): {"RepairPlan"},
    ("post", f"{ROOT}/repair-plans/{{plan_id}}/rollback"): {"RepairPlan"},
    ("get", f"{ROOT}/automatic-repair"): {"AutomaticRepair"},
    ("post", f"{ROOT}/automatic-repair"): {"AutomaticRepair"},
    ("post", f"{ROOT}/jobs/{{job_id}}/cancel"): {"JobStatus"},
    ("get", f"{ROOT}/integrity/projects/export"): set(),
    ("get", f"{ROOT}/alerts/history/export"): set(),
    ("get", f"{ROOT}/audit/export"): set(),
    ("get", f"{ROOT}/repair-plans/export"): set(),
    ("get", f"{ROOT}/whoami"): {"WhoAmI"},
    ("get", f"{ROOT}/stream"): {"ResourceChanged"},
    ("get", f"{ROOT}/performance/projects"): {"ProjectRanking"},
    ("get", f"{ROOT}/performance/retries"): {"RetryReasons"},
    ("get", "/readyz"): {"Readiness"},
    ("get", "/livez"): set(),
    ("get", "/metrics"): set(),
    ("get", f"{ROOT}/metrics/export"): set(),
}


async def document_of(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


def references(part: object) -> set[str]:
    return set(re.findall(r"#/components/schemas/(\w+)", json.dumps(part)))


async def test_the_document_names_every_route_and_the_shape_of_its_answer(client: httpx.AsyncClient) -> None:
    document = await document_of(client)
    described = {
        (method, path): references(operation["responses"].get("200") or operation["responses"]["202"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert described == CONTRACT


async def test_every_shape_the_document_refers_to_is_in_it(client: httpx.AsyncClient) -> None:
    document = await document_of(client)
    assert references(document) <= set(document["components"]["schemas"])
    assert {kind.__name__ for kind in ANSWERS} <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_every_mutation_is_marked_and_documents_its_body(client: httpx.AsyncClient) -> None:
    for path, item in (await document_of(client))["paths"].items():
        for method, operation in item.items():
            assert (method != "get") == (operation.get("security") == [{"operatorToken": []}]), path
            assert (method != "get") == ("requestBody" in operation), path
            if method != "get":
                assert {"401", "403", "413", "415", "422"} <= set(operation["responses"])


async def test_the_shape_of_an_alert_is_what_is_sent(client: httpx.AsyncClient) -> None:
    shape = (await document_of(client))["components"]["schemas"]["Alert"]
    sent = alert("r:p").to_dict()
    assert set(shape["properties"]) - {"inputs"} == set(sent) == set(shape["required"])
    assert shape["properties"]["starts_at"] == {"type": "string", "format": "date-time"}
    assert {"type": "null"} in shape["properties"]["ends_at"]["anyOf"]


async def test_the_limits_are_documented(client: httpx.AsyncClient) -> None:
    operation = (await document_of(client))["paths"][f"{ROOT}/performance/stats"]["get"]
    window = next(found for found in operation["parameters"] if found["name"] == "window_minutes")["schema"]
    assert (window["minimum"], window["maximum"], window["default"]) == (1, 1440, 15)


async def test_each_sent_answer_has_exactly_the_fields_of_its_shape(
    client: httpx.AsyncClient, views: FakeViews
) -> None:
    schemas = (await document_of(client))["components"]["schemas"]
    views.alerts = {"r:p": alert("r:p")}
    for (method, path), names in CONTRACT.items():
        # tests/repair asks the first, with a database; tests/web/test_stream.py the second, with a server
        if method == "get" and names and "repair" not in path and not path.endswith("/stream"):
            address = path.format(project_id="p", job_id="job-1", finding_id="f1", alert_key="r:p")
            asks_for_one = address.endswith(("/project", "/integrity/findings", "/drift", "/states", "/facts"))
            answer = await client.get(address, params={"project_id": "p", "partition": 0} if asks_for_one else None)
            assert set(answer.json()) in [set(schemas[name]["properties"]) for name in names], path


async def test_a_problem_has_no_field_that_is_not_documented(client: httpx.AsyncClient) -> None:
    shape = (await document_of(client))["components"]["schemas"]["ProblemBody"]
    for path in ("/nothing", f"{ROOT}/integrity/projects?limit=0"):
        assert set(shape["required"]) <= set((await client.get(path)).json()) <= set(shape["properties"])


async def test_the_documentation_shows_every_route_and_shape(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    document = await document_of(client)
    for path in document["paths"]:
        assert f"<code>{path}</code>" in answer.text
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in answer.text
    links = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert links <= set(re.findall(r'id="([^"]+)"', answer.text))


@pytest.mark.parametrize("path", ["/", "/docs", *(f"/static/{file.name}" for file in sorted(STATIC.glob("*.css")))])
async def test_nothing_is_loaded_from_outside_and_nothing_is_inline_but_the_early_script(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    loaded = re.findall(r"""(?:src|href|action)=["']([^"']+)|url\(([^)]+)|@import""", answer.text)
    places = {place.strip("\"'") for found in loaded for place in found if place}
    assert all(place.startswith(("/", "#", "./", "data:")) and not place.startswith("//") for place in places), places
    if answer.headers["content-type"].startswith("text/html"):
        assert "<style" not in answer.text
        assert len(re.findall(r"<script(?![^>]*src=)", answer.text)) == (path == "/")
        assert not re.search(r"\son\w+=|style=|javascript:", answer.text)


async def test_what_the_page_loads_is_there(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    loaded = re.findall(r'(?:src|href)="[.](/static/[^"]+)"', page)
    assert {Path(address).suffix for address in loaded} == {".svg", ".js", ".css"}
    for address in loaded:
        assert (await client.get(address)).status_code == 200, address
    assert (await client.get("/favicon.ico")).headers["content-type"] == "image/svg+xml"
    script = await client.get(next(address for address in loaded if address.endswith(".js")))
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_the_page_allows_the_script_that_stands_in_it_and_no_other_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    script = answer.text.partition("<script>")[2].partition("</script>")[0]
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "integrity/summary" in script
    assert f"; script-src 'self' 'sha256-{digest}'; " in answer.headers["content-security-policy"]
    known = await client.get("/", headers={"if-none-match": answer.headers["etag"]})
    assert known.status_code == 304
    assert known.headers["content-security-policy"] == answer.headers["content-security-policy"]


async def test_scripts_and_styles_are_compressed_for_a_caller_that_takes_it(client: httpx.AsyncClient) -> None:
    packed = await client.get("/static/docs.css", headers={"accept-encoding": "gzip"})
    plain = await client.get("/static/docs.css", headers={"accept-encoding": "identity"})
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "accept-encoding")
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("name", ["..%2fapp.py", "%2e%2e%2fapp.py", "nothing.js", "", "index.html%00"])
async def test_only_the_pages_own_files_are_served(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/static/{name}")
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_seen_before_is_304(client: httpx.AsyncClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/static/docs.css"):
        etag = (await client.get(path)).headers["etag"]
        assert (await client.get(path, headers={"if-none-match": etag})).status_code == 304


def test_answers_survive_msgspec_both_ways() -> None:
    for kind in ANSWERS:
        assert msgspec.json.schema(kind)


async def test_the_first_page_waits_for_no_other_route_to_be_prepared(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []

    def counted(**parts: Any) -> Any:
        prepared.append(parts["path"])
        return get_dependant(**parts)

    monkeypatch.setattr("fastapi.routing.get_dependant", counted)
    assert (await client.get("/")).status_code == 200
    assert sorted(prepared) == ["/", "/docs", "/favicon.ico", "/openapi.json", "/static/{name}"]
    assert (await client.get("/no-such-path")).status_code == 404
    assert len(prepared) > 30
