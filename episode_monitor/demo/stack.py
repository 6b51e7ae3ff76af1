"""The whole system on one machine: real broker, real database, a project service that really numbers, load and trouble.

Everything is started here and everything is stopped here; Ctrl-C leaves no process, port or file behind.
"""

import asyncio
import base64
import contextlib
import secrets
import shlex
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from episode_monitor.demo.alert_log import AlertLog
from episode_monitor.demo.alerting_files import settings_of, write_alerting_files
from episode_monitor.demo.embedded import EmbeddedBroker, EmbeddedPostgres, ServerError
from episode_monitor.demo.person import ALERT_KEY, NAME, PROJECT, PersonOnCall
from episode_monitor.demo.ports import NoFreePortError, PortClaims
from episode_monitor.demo.programs import Driver, Program
from episode_monitor.demo.server import LocalServer
from episode_monitor.demo.watching import Watch
from episode_monitor.exits import ExitCode

DASHBOARD_PORT, SERVICE_PORT, RECEIVER_PORT, KAFKA_PORT, POSTGRES_PORT = 8002, 8001, 8003, 9092, 5432
SETTLE_SECONDS = 10  # a minute in production; the demo is to show its gap within its first minute
APPROVAL_ABOVE = 1000  # the default of 100 is passed within two minutes here; one person is to be able to try it
PARTITIONS = 2  # the embedded broker keeps all that was ever written in memory, and every partition writes its sums
CHECKPOINT_SECONDS = 10  # a minute in production; an audit of the demo need not wait
LOOK_SECONDS = 1.0
SERVICE_DATABASE, MONITOR_DATABASE = "project_service", "episode_monitor"

PROGRAMS = Path(sys.executable).parent  # where `episode-monitor` is

# Short, because the embedded broker lets a group begin only after half its session time-out.
# A pause of half a session ends a worker, and busy machines make pauses of 2 s.
_SESSION = {"KAFKA_SESSION_TIMEOUT_SECONDS": "5", "KAFKA_REBALANCE_TIMEOUT_SECONDS": "5", "FLUSH_INTERVAL_MS": "1000"}


class Stack:
    """The parts of the demo and their addresses."""

    def __init__(self, rate: float) -> None:
        self.moved: list[str] = []  # which part could not have its usual port
        self._ports = PortClaims()
        self.broker = EmbeddedBroker(self._claim("broker", KAFKA_PORT))
        self.postgres = EmbeddedPostgres(self._claim("database", POSTGRES_PORT))
        self._webhook_secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self._signing_key = base64.b64encode(secrets.token_bytes(32)).decode()  # a seed of Ed25519
        self.worker = Program(
            "worker", ["episode_monitor", "worker"], self._claim("monitor", DASHBOARD_PORT), self._worker, "/livez",
            lambda folder: write_alerting_files(folder, self.receiver.url, self._webhook_secret),
        )  # fmt: skip
        self.service = Program(
            "project service",
            ["examples.project_service"],
            self._claim("project service", SERVICE_PORT),
            self._service,
            "/healthz",
        )
        self.receiver = Program(
            "receiver", ["examples.receiver"], self._claim("receiver", RECEIVER_PORT), self._receiver
        )
        self._rate = rate

    def _claim(self, part: str, wished: int) -> int:
        """The part's usual port, or the next one that is free and that no other part or demo has."""
        port = self._ports.claim(wished)
        if port != wished:
            self.moved.append(f"Port {wished} is taken: the {part} is on {port}.")
        return port

    def driver(self) -> Driver:
        """Traffic for the service; to be made when its address is known."""
        return Driver(["examples.load_driver", "--service", self.service.url, "--rate", str(self._rate)])

    async def start(self, running: AsyncExitStack) -> None:
        """Starts the parts; at the end the programs stop before their servers. Raises ServerError or NoFreePortError.

        The worker's imports take longest, so it starts first and waits for broker and database itself. The other
        programs start when the database is made: earlier they would keep a machine of two cores from the worker.
        """
        running.callback(self._ports.release)
        for part in (self.receiver, self.postgres, self.broker, self.service, self.worker):
            running.push_async_exit(part)
        await asyncio.gather(_start(self.worker), self._start_others())

    async def _start_others(self) -> None:
        await asyncio.gather(_start(self.broker), self._start_databases())
        await _start(self.service)
        await _start(self.receiver)

    async def _start_databases(self) -> None:
        await _start(self.postgres)
        for name in (SERVICE_DATABASE, MONITOR_DATABASE):
            await asyncio.to_thread(self.postgres.create_database, name)

    def write_environment(self) -> Path:
        """A file for a shell: the commands on its path, and the worker's settings. It goes when the worker stops."""
        from models.audit_signature import private_key, public_text  # its cryptography would keep the worker waiting

        path = self.worker.log.with_name("env")
        settings = self._worker(self.worker.port)
        signing_key = private_key(settings.pop("AUDIT_SIGNING_KEY").encode())  # who verifies has the public one alone
        settings["AUDIT_PUBLIC_KEY"] = public_text(signing_key.public_key())
        lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
        path.touch(0o600)  # it holds the database's password
        path.write_text("\n".join([f"export PATH={shlex.quote(str(PROGRAMS))}:$PATH", *lines, ""]))
        return path

    def _worker(self, port: int) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "EVENTS_PARTITIONS": str(PARTITIONS),
            "MONITORING_PORT": str(port),
            "MONITOR_DATABASE_URL": self.postgres.url(MONITOR_DATABASE),
            "DATABASE_URL": self.postgres.url(SERVICE_DATABASE),
            "EPISODES_VERSION_COLUMN": "version",
            "AUTO_FIX_ENABLED": "true",
            "REPAIR_APPROVAL_ABOVE": str(APPROVAL_ABOVE),
            "GAP_SETTLE_SECONDS": str(SETTLE_SECONDS),
            "AUDIT_CHECKPOINT_SECONDS": str(CHECKPOINT_SECONDS),
            "AUDIT_SIGNING_KEY": self._signing_key,
            **settings_of(self.worker.log.parent),
            **_SESSION,
        }

    def _service(self, port: int) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url(SERVICE_DATABASE),
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "EVENTS_PARTITIONS": str(PARTITIONS),
            "PROJECT_SERVICE_PORT": str(port),
            "EVENTS_IDEMPOTENCE": "off",
            "EVENTS_LINGER_MS": "500",  # the embedded broker keeps and searches batches
        }

    def _receiver(self, port: int) -> dict[str, str]:
        return {"RECEIVER_PORT": str(port), "RECEIVER_WEBHOOK_SECRET": self._webhook_secret}


async def _start(part: LocalServer) -> None:
    """Raises ServerError where the port was taken since it was chosen: the other parts know that one."""
    await asyncio.to_thread(part.start)
    if part.moved_from is not None:
        raise ServerError(f"Port {part.moved_from} was taken while the demo started. Start it again.")


async def run_demo(seconds: float | None, rate: float) -> ExitCode:
    """Run until Ctrl-C, SIGTERM, the end of `seconds`, or the end of a part that is not started again."""
    console, stop = Console(stderr=True, highlight=False), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        stage = Stack(rate)
        async with AsyncExitStack() as running:
            with console.status("Starting broker, database, service and monitor ..."):
                await stage.start(running)
            _tell_addresses(console, stage)
            driver = await running.enter_async_context(stage.driver())
            return await _watch(console, stage, driver, stop, seconds)
    except (ServerError, NoFreePortError) as error:
        console.print(f"episode-monitor: {error}", style="red")
        return ExitCode.UNREACHABLE
    finally:
        console.print("All parts are stopped.")


def _tell_addresses(console: Console, stage: Stack) -> None:
    for sentence in stage.moved:
        console.print(sentence, style="yellow", soft_wrap=True)
    environment = stage.write_environment()
    console.print(
        f"""
[bold]The episode monitor runs.[/bold] Faults begin in a few seconds; Ctrl-C stops everything.

  Monitor                      [link={stage.worker.url}/]{stage.worker.url}/[/link]
  Its HTTP interface           {stage.worker.url}/docs
  What the receivers got       {stage.receiver.url}/
  Sample project service       {stage.service.url}/openapi.json
  Kafka                        {stage.broker.bootstrap_servers}
  Log of the worker            {stage.worker.log}

  Below is what happens to the alerts, and what their receivers get. A critical one that nobody acknowledges within a
  minute is escalated to {NAME}, who is on call. {NAME} acknowledges the one of {PROJECT} and repairs the project; then
  it is resolved. The others are left to you.

  Gaps and duplicates settle in {SETTLE_SECONDS} s here; the default is 60 s.

  In another terminal, find the lost number and plan its repair:

    . {shlex.quote(str(environment))}
    episode-monitor check --deep
    episode-monitor check proj_lost_number
    episode-monitor repair plan proj_lost_number

  The last command shows how to apply the plan; docs/find-and-repair.md continues from there.

  Acknowledge an alert before it is escalated, see what happened to it and who was notified, and how long it all took:

    episode-monitor alerts ack episode_integrity:proj_used_twice --comment "I look at it"
    episode-monitor alerts show {ALERT_KEY}
    episode-monitor alerts statistics

  docs/audit.md audits the demo: what happened, and the proof that nothing else did.
""",
        soft_wrap=True,
    )


async def _watch(
    console: Console, stage: Stack, driver: Driver, stop: asyncio.Event, seconds: float | None
) -> ExitCode:
    """Say what is delivered until the end comes."""
    deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
    watch = Watch(
        (stage.worker, stage.service, driver), (stage.receiver, stage.broker, stage.postgres),
        lambda line: console.print(line, style="yellow", soft_wrap=True),
    )  # fmt: skip
    log, person = AlertLog(stage.worker.url, stage.receiver.url), PersonOnCall(stage.worker.url)
    while not stop.is_set():
        if deadline is not None and asyncio.get_running_loop().time() >= deadline:
            break
        await watch.look()
        await asyncio.to_thread(person.look, datetime.now(UTC))
        for line in await asyncio.to_thread(log.new_lines):
            console.print(line, soft_wrap=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
    print(file=sys.stderr)
    return ExitCode.CLEAN
