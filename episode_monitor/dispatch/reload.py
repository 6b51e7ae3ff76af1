"""Reads the rules, the alerting and the on-call file again: everything is taken over, or nothing is.

Each worker reads its own files. SIGHUP is for one worker; over HTTP one asks the others.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from agents.engine.rule_change import put_rules_in_force
from agents.runtime import Runtime
from episode_monitor.dispatch.in_force import AlertingInForce
from episode_monitor.settings.agreement import SettingsDigest, digest_of
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, SettingsError
from models.reload_views import FileInForce, WorkerFiles
from models.times import rfc3339
from streams.alerting.core import Core
from streams.routing.alerting import OnCall

log = structlog.get_logger(__name__)


class Files:
    """The files of this worker. `now_ms` is the wall clock."""

    def __init__(
        self, settings: Settings, runtime: Runtime, alerting: AlertingInForce, now_ms: Callable[[], int]
    ) -> None:
        self.refused = ""  # why the last reload changed nothing; "" if it did not fail
        self.reloads = 0  # since the start, refused ones among them
        self.loaded_at_ms = now_ms()
        self.on_change: list[Callable[[], None]] = []
        self._settings = settings
        self._runtime = runtime
        self._alerting = alerting
        self._now_ms = now_ms
        self._lock = asyncio.Lock()
        self._reloading: set[asyncio.Task[None]] = set()

    @property
    def core(self) -> Core:
        """What alerts are judged by now."""
        return self._runtime.engine.core

    @property
    def digest(self) -> SettingsDigest:
        """Of the settings and the files in force."""
        return digest_of(self._settings, self.core.rules.fingerprint, *self._alerting.versions)

    def on_call(self) -> OnCall:
        """Chains and schedules."""
        return self._alerting.config().on_call

    def in_force(self) -> list[FileInForce]:
        """The files, and the versions that count now."""
        loaded_at, files = rfc3339(self.loaded_at_ms), self._alerting.current.files
        found: list[tuple[str, Path | None, str]] = [
            ("rules", self._settings.rules_path, self.core.rules.fingerprint),
            ("alerting", files.alerting_path, files.alerting.version),
            ("oncall", files.oncall_path, files.on_call.version),
        ]
        return [
            FileInForce(what=what, file=None if path is None else str(path), version=version, loaded_at=loaded_at)
            for what, path, version in found
        ]

    def status(self) -> str:
        """ "ok", or why the last reload was refused."""
        return f"The last reload was refused, what was in force still is: {self.refused}" if self.refused else "ok"

    def metrics(self) -> tuple[bool, float]:
        """Whether the last reload was taken over, and when something was loaded last (epoch seconds)."""
        return not self.refused, self.loaded_at_ms / 1000

    async def reload(self, by: str) -> list[str]:
        """Put in force what the files say now; what has changed. Raises SettingsError: nothing has changed then."""
        async with self._lock:
            self.reloads += 1
            before = self.in_force()
            try:
                core, alerting = core_from(self._settings), self._alerting.prepare()
            except SettingsError as error:
                self.refused = str(error)
                log.error("a reload was refused; what was in force still is", by=by, reason=str(error))
                raise
            self._runtime.fanout.put_in_force(alerting.destinations)
            self._alerting.put(alerting)
            if core.rules.fingerprint != self.core.rules.fingerprint:
                await put_rules_in_force(self._runtime.engine, core)
            self.refused, self.loaded_at_ms = "", self._now_ms()
            versions = {each.what: each.version for each in before}
            changed = [each.what for each in self.in_force() if versions[each.what] != each.version]
            log.info("files were reloaded", by=by, changed=changed)
            for call in self.on_change:
                call()
            return changed

    async def reload_as_asked(self, by: str) -> WorkerFiles:
        """The same for another worker that asks."""
        try:
            changed = await self.reload(by)
        except SettingsError as error:
            return WorkerFiles(url=self._settings.own_url, files=self.in_force(), refused=str(error))
        return WorkerFiles(url=self._settings.own_url, files=self.in_force(), changed=changed)

    def reload_soon(self) -> None:
        """For SIGHUP: what is wrong is in the log, in /readyz and in the metrics."""
        task = asyncio.create_task(self._reload_on_signal(), name="reload")
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    async def _reload_on_signal(self) -> None:
        await self.reload_as_asked("SIGHUP")
