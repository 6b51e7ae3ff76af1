"""The HTTP side of one worker: what its routes, probes and metrics get of the other parts."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import structlog
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry

from agents.fleet_topic.fleet_view import FleetView
from agents.fleet_topic.reader import FleetReader
from agents.runtime import Runtime
from alert_sinks.texts.languages import texts_of
from episode_monitor import __version__, composition
from episode_monitor.alertmanager_api.routes import Monitor, alertmanager_router
from episode_monitor.checks.service import Checks
from episode_monitor.deliveries.routes import delivery_routers
from episode_monitor.dispatch.alert_desk import DispatchedAlerts
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.dispatch.on_call_routes import on_call_router
from episode_monitor.dispatch.reload import Files
from episode_monitor.dispatch.reload_routes import reload_router
from episode_monitor.dispatch.routes import silence_router
from episode_monitor.fleet import outgoing
from episode_monitor.fleet.ask import Fleet
from episode_monitor.fleet.outgoing import deliveries_of, outgoing_of
from episode_monitor.fleet.settings_watch import SettingsWatch
from episode_monitor.observe.passed_over import passed_over_by
from episode_monitor.observe.process_view import Process, ProcessView
from episode_monitor.observe.siblings import OneOfSeveral, SeenAsOne, Siblings
from episode_monitor.observe.switched_off import SwitchedOffFleet, SwitchedOffProcess, refuse
from episode_monitor.observe.worker_state import Probe, WorkerState
from episode_monitor.replay_jobs.jobs import ReplayJobs
from episode_monitor.replay_jobs.requests import Requests
from episode_monitor.replay_jobs.routes import replay_router
from episode_monitor.settings.settings import Settings
from episode_monitor.slack.routes import say_by, slack_router
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.storage.storage import Storage
from episode_monitor.web.app import create_web_app
from episode_monitor.web.context import WebContext
from episode_monitor.web.peer_routes import peer_router
from episode_monitor.web.rates import Rates
from episode_monitor.web.sibling_routes import sibling_router
from episode_monitor.web.sources import sources_of
from episode_monitor.web.stream import ChangeFeed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class WebParts:
    """Parts of a worker that answers are made of. `peer_token` lets other workers in; `now_ms` is the wall clock."""

    settings: Settings
    runtime: Runtime
    storage: Storage
    client: httpx.AsyncClient
    registry: CollectorRegistry
    files: Files
    checks: Checks
    replays: ReplayJobs
    fleet: Fleet
    view: FleetView
    reader: FleetReader
    settings_watch: SettingsWatch
    peer_token: str
    siblings: Siblings | None  # None: this process is the worker
    is_traced: bool
    now_ms: Callable[[], int]


class WorkerWeb:
    """`app` serves; `changes` feeds open pages, to be closed before the server; `repairs` run if they are not None;
    `seated` is this process to its siblings."""

    seated: OneOfSeveral | None = None

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._is_on = parts.settings.episode_monitoring_enabled
        self._desk = DispatchDesk(parts.runtime.dispatching, parts.now_ms)
        self.probes = self._make_probes()
        self.repairs = composition.automatic_repairs(
            parts.settings, parts.storage, lambda: parts.runtime.producer, parts.fleet, parts.now_ms
        )
        looked_at = sources_of(parts.view, self._desk.version, lambda: parts.checks.jobs, parts.replays)
        self.changes = ChangeFeed(looked_at if self._is_on else ())
        self.app = self._make_app()

    def _make_app(self) -> FastAPI:
        parts = self._parts
        return create_web_app(
            self._context(), registry=parts.registry, extra_routers=self._routers(), version=__version__,
            is_traced=parts.is_traced,
        )  # fmt: skip

    def _context(self) -> WebContext:
        parts, is_on, alert_desk = self._parts, self._is_on, DispatchedAlerts(self._desk, self._parts.fleet)
        process = self._make_process()
        return WebContext(
            fleet=parts.fleet if is_on else SwitchedOffFleet(),
            process=process,
            jobs=(lambda: parts.checks.jobs) if is_on else refuse,
            drift_of=parts.checks.drift_of if is_on else refuse,
            settings=composition.web_settings(parts.settings),
            audit=self._audit,
            audit_is_shared=parts.settings.monitor_database_url is not None,
            rates=Rates(parts.settings.costly_requests_per_minute),
            idempotency=parts.storage.idempotency,
            now_ms=parts.now_ms,
            changes=self.changes,
            repairs=self.repairs,
            alert_desk=(lambda: alert_desk) if is_on else refuse,
            kafka_trouble=lambda: parts.runtime.kafka_trouble,
        )

    def _make_process(self) -> Process:
        parts = self._parts
        view = ProcessView(parts.view, self._state(), parts.registry, parts.settings.metrics_max_projects)
        process: Process = view if self._is_on else SwitchedOffProcess(view)
        if parts.siblings is None:
            return process
        self.seated = OneOfSeveral(process, view, parts.siblings)
        return SeenAsOne(self.seated, parts.siblings)

    def _state(self) -> WorkerState:
        parts = self._parts
        return WorkerState(
            parts.view,
            self.probes,
            __version__,
            lambda: deliveries_of(parts.runtime),
            parts.runtime.waits_now,
            lambda: len(parts.settings_watch.found()),
            lambda: outgoing_of(parts.runtime),
            parts.storage.database.counters,
            lambda: parts.runtime.dispatching.status(parts.now_ms()) if self._is_on else None,
            parts.files.metrics,
            lambda: passed_over_by(parts.runtime),
        )

    def _routers(self) -> list[APIRouter]:
        parts, desk, settings = self._parts, self._desk, self._parts.settings
        replays = (lambda: parts.replays) if self._is_on else refuse
        return [
            peer_router(parts.fleet.here, parts.peer_token),
            *(() if self.seated is None else (sibling_router(self.seated),)),
            replay_router(replays, Requests(settings, lambda: parts.files.core.rules)),
            *([reload_router(parts.files, parts.fleet, settings.own_url)] if self._is_on else ()),
            silence_router(desk),
            on_call_router(desk, parts.files.on_call),
            *delivery_routers(parts.runtime, parts.now_ms),
            slack_router(say_by(parts.client), texts_of(settings.alert_language)),
            alertmanager_router(desk, Monitor(settings.monitor_id, parts.now_ms(), parts.reader.addresses)),
        ]

    def _make_probes(self) -> list[Probe]:
        parts, runtime = self._parts, self._parts.runtime
        probes = [
            Probe("broker", lambda: runtime.status, is_needed=True),
            Probe("database", self._database_status, is_needed=False),
            Probe("deliveries", lambda: outgoing.status(outgoing_of(runtime)), is_needed=False),
            Probe("settings", parts.settings_watch.status, is_needed=False),
            Probe("files", parts.files.status, is_needed=False),
            Probe("fleet_rules", lambda: runtime.fleet_rules.problem or "ok", is_needed=False),
            Probe("history", lambda: runtime.history.status, is_needed=False),
        ]
        table_look = parts.checks.table_look
        if table_look is not None:
            probes.append(Probe("project_database", lambda: table_look.status, is_needed=False))
        return probes

    def _database_status(self) -> str:
        """How the database is now; where that is well, what was lost before."""
        database = self._parts.storage.database
        word, losses = database.status(), database.losses()
        return losses if word == "ok" and losses else word

    def _audit(self, entry: AuditEntry) -> None:
        log.info("audit", by=entry.who, action=entry.what, target=entry.target, result=entry.result)
        self._parts.storage.audit.note(entry)
