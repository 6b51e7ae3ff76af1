"""The snippets of the user's document as it prints them, but for the import line where it prints none."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from episode_monitor.observe.metrics import METRIC_LABELS
from episode_monitor.settings.rules_file import load_rules
from episode_monitor.settings.settings import load_settings
from episode_monitor_client import (
    Alert,
    AlertHandler,
    EpisodeIntegrityChecker,
    EpisodeIntegrityJob,
    EpisodePerformanceTracker,
    IntegrityAutoFixer,
    JobConfig,
)
from episode_monitor_client.pytest_plugin import CapturedEvents
from models.alert import Severity
from tests.alert_sinks.support import an_alert
from tests.client.databases import EVERY
from tests.service_database.making import fill, make_table, numbered

NUMBERS = [*(number for number in range(1, 29) if number not in (3, 7, 12)), 5, 9]


def table_of(url: str) -> None:
    make_table(url)
    fill(url, numbered("project_123", *NUMBERS))


@pytest.mark.parametrize("name", ["an address", "a session", "psycopg with rows that are dictionaries"])
async def test_section_1_2_checks_a_project(database_url: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    table_of(database_url)
    async with EVERY[name](database_url) as db:
        checker = EpisodeIntegrityChecker(db)
        result = checker.check_project_integrity("project_123")

        print(f"건강 상태: {result.is_healthy}")
        print(f"누락 번호: {result.gaps}")
        print(f"중복 번호: {result.duplicates}")
        print(f"전체 에피소드: {result.total_episodes}")
    assert capsys.readouterr().out.splitlines() == [
        "건강 상태: False", "누락 번호: [3, 7, 12]", "중복 번호: [5, 9]", "전체 에피소드: 27",
    ]  # fmt: skip


def test_section_2_1_tracks_an_operation(episode_events: CapturedEvents, capsys: pytest.CaptureFixture[str]) -> None:
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
    print(f"생성 시간: {duration:.3f}초")
    assert capsys.readouterr().out.startswith("생성 시간: 0.0")
    (event,) = episode_events.bodies()
    assert (event["type"], event["project_id"], event["retry_count"]) == (
        "episode.creation_succeeded",
        "project_123",
        2,
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "rule_id: episode_failure_rate\nalert_type: HIGH_FAILURE_RATE\nseverity: WARNING\n"
            "threshold: 1.0%           # 실패율 1% 초과 시\nwindow_minutes: 15        # 15분 창\n"
            'description: "Episode creation failure rate exceeds 1%"\n',
            ("episode_failure_rate", Severity.WARNING, "1.0", 15),
        ),
        (
            "rule_id: episode_conflict_rate  \nalert_type: HIGH_CONFLICT_RATE\nseverity: CRITICAL\n"
            "threshold: 5.0%           # 충돌률 5% 초과 시\nwindow_minutes: 10        # 10분 창  \n"
            'description: "Episode creation conflict rate exceeds 5% - monitoring enhanced"\n',
            ("episode_conflict_rate", Severity.CRITICAL, "5.0", 10),
        ),
    ],
)
def test_section_3_1_prints_rules(tmp_path: Path, text: str, rule: tuple[str, Severity, str, int]) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    (found,) = load_rules(path, load_settings({}))
    assert (found.rule_id, found.severity, str(found.threshold), found.window_minutes) == rule


async def test_section_3_2_handles_alerts() -> None:
    posted: list[dict[str, Any]] = []

    class SlackAlertHandler(AlertHandler):
        def handle(self, alert: Alert) -> None:
            payload = {
                "attachments": [{
                    "color": "danger" if alert.severity == "critical" else "warning",
                    "title": alert.title,
                    "text": alert.description,
                    "fields": [
                        {"title": "Project", "value": alert.project_id, "short": True},
                        {"title": "Severity", "value": alert.severity.upper(), "short": True}
                    ]
                }]
            }  # fmt: skip
            posted.append(payload)

    class WebhookAlertHandler(AlertHandler):
        def handle(self, alert: Alert) -> None:
            payload = {
                "alert": alert.to_dict(),
                "timestamp": datetime.now(UTC).isoformat(),
                "service": "project-service",
                "component": "episode-numbering",
            }
            posted.append(payload)

    sent = an_alert(severity=Severity.CRITICAL).to_dict()
    alert = Alert(json.loads(json.dumps(sent)))
    SlackAlertHandler().handle(alert)
    WebhookAlertHandler().handle(alert)
    assert posted[0]["attachments"][0]["color"] == "danger"
    assert posted[0]["attachments"][0]["fields"][1]["value"] == "CRITICAL"
    assert posted[1]["alert"] == sent


async def test_section_5_checks_and_mends(database_url: str) -> None:
    table_of(database_url)
    results: list[dict[str, Any]] = []
    both = asyncio.Event()

    def take(result: dict[str, Any]) -> None:
        results.append(result)
        if len(results) == 2:
            both.set()

    job = EpisodeIntegrityJob(database_url, config=JobConfig(check_interval_minutes=30), on_result=take)
    running = asyncio.create_task(job.run_continuous_monitoring())
    await asyncio.wait_for(both.wait(), 60)
    job.stop()
    await asyncio.wait_for(running, 60)
    basic, deep = results
    assert (basic["status"], basic["summary"]["total_gaps"], basic["summary"]["total_duplicates"]) == (
        "completed",
        3,
        2,
    )
    assert deep["project_issues"][0]["project_id"] == "project_123"

    plan = await IntegrityAutoFixer(database_url).fix_gaps("project_123", dry_run=True)
    assert plan["changes_needed"] == len(plan["changes"]) > 0
    assert plan["changes"][0].keys() == {"episode_id", "old_number", "new_number"}
    again = EpisodeIntegrityChecker(database_url).check_project_integrity("project_123")
    assert again.gaps == [3, 7, 12], "a dry run writes nothing"


def test_section_6_2_names_the_labels() -> None:
    assert METRIC_LABELS.keys() == {"project_id", "success", "retry_reason", "severity", "alert_type"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of `on_event`, which the document uses
async def test_section_7_2_starts_and_ends_with_the_application() -> None:
    from episode_monitor_client import monitoring_shutdown_event, monitoring_startup_event

    app = FastAPI()
    ended: list[int] = []

    @app.on_event("startup")
    async def startup() -> None:
        await monitoring_startup_event()

    @app.on_event("shutdown")
    async def shutdown() -> None:
        ended.append(await monitoring_shutdown_event())

    async with app.router.lifespan_context(app):
        assert ended == []
    assert ended == [0]
