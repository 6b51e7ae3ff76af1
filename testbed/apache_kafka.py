"""Apache Kafka itself, one node on loopback, from the jars of Maven Central. Needs Java 17 and, once, Maven.

As a script it runs one in the foreground until Ctrl-C:

    python -m testbed.apache_kafka --port 9092
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from episode_monitor.demo.embedded import kafka_answers
from episode_monitor.demo.guarded import GuardedProcess, ServerError
from episode_monitor.demo.ports import LOOPBACK, free_port
from episode_monitor.demo.server import LocalServer

KAFKA_VERSION = "4.4.0"
_CACHE = Path(__file__).resolve().parents[1] / ".kafka"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.5</version>
    </dependency>
  </dependencies>
</project>
"""
_LOGGING = """rootLogger.level = WARN
rootLogger.appenderRefs = console
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n
"""
_formatted: dict[str, bytes] = {}  # the files of a storage that was just formatted, without its ids


class ApacheKafka(LocalServer):
    """A broker that is its own controller. Data and ports stay the same over `kill9`, `pause`, `restart` and `start`.

    Topics are not created by asking for them, as in careful production. `settings` are added to its properties.
    """

    name = "kafka"

    def __init__(
        self,
        port: int | None = None,
        *,
        settings: dict[str, str] | None = None,
        protocol: str = "PLAINTEXT",
        cluster_id: str | None = None,
        jvm_options: Sequence[str] = ("-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    ) -> None:
        super().__init__(port)
        self._settings = settings or {}
        self._protocol = protocol
        self._cluster_id = cluster_id or new_cluster_id()
        self._jvm_options = jvm_options

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, once started."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def data_folder(self) -> Path:
        """Where each partition has its folder, once started."""
        assert self._folder is not None
        return self._folder / "data"

    def _prepare(self, folder: Path) -> None:
        controller_port = free_port(avoid=[self.port])
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{self._protocol}://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"{self._protocol}://{LOOPBACK}:{self.port}",
            "inter.broker.listener.name": self._protocol,
            "listener.security.protocol.map": f"{self._protocol}:{self._protocol},CONTROLLER:PLAINTEXT",
            "log.dirs": str(folder / "data"),
            "auto.create.topics.enable": "false",
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "2000",  # a killed broker is let in again after this; 9 s by default
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "log.segment.bytes": str(16 * 1024 * 1024),
            "log.index.size.max.bytes": str(1024 * 1024),
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
            **self._settings,
        }
        (folder / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        (folder / "log4j2.properties").write_text(_LOGGING)
        self._format(folder)

    def _format(self, folder: Path) -> None:
        """As Kafka's tool does it, which takes 2 s: but for the first of this process, its own files with other ids."""
        data = folder / "data"
        if not _formatted:
            self._run_format(folder)
            files = [path for path in data.rglob("*") if path.is_file() and path.name != "meta.properties"]
            _formatted.update({str(path.relative_to(data)): path.read_bytes() for path in files})
            return
        node, directory = self._settings.get("node.id", "1"), new_cluster_id()
        meta = f"version=1\nnode.id={node}\ncluster.id={self._cluster_id}\ndirectory.id={directory}\n"
        for name, content in {**_formatted, "meta.properties": meta.encode()}.items():
            path = data / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _run_format(self, folder: Path) -> None:
        command = self._java("kafka.tools.StorageTool", folder)
        # One word, because an id may begin with a hyphen.
        command += ["format", f"--cluster-id={self._cluster_id}", "--config", str(folder / "server.properties")]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerError(f"Apache Kafka could not format its storage: {(done.stderr + done.stdout)[-600:]}")

    def move(self, port: int) -> None:
        """Another address from the next `start` on, as a pod gets one. Not while it runs."""
        old, self.port = self.port, port
        assert self._folder is not None
        properties = self._folder / "server.properties"
        properties.write_text(properties.read_text().replace(f"{LOOPBACK}:{old}", f"{LOOPBACK}:{self.port}"))

    def _launch(self, folder: Path) -> GuardedProcess:
        return GuardedProcess(
            "Apache Kafka",
            [*self._java("kafka.Kafka", folder), str(folder / "server.properties")],
            cwd=folder,
            log=folder / "log",
            stop_seconds=15.0,
            remove=folder,
        )

    def _answers(self, folder: Path) -> bool:
        return _shakes_hands(self.port) if self._protocol.endswith("SSL") else kafka_answers(self.port)

    def _java(self, main_class: str, folder: Path) -> list[str]:
        options = [*self._jvm_options, f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"]
        return [java(), *options, "-cp", str(jars() / "*"), main_class]


def _shakes_hands(port: int) -> bool:
    """Whether a server speaks TLS there."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((LOOPBACK, port), 1) as raw, context.wrap_socket(raw):
            return True
    except OSError:
        return False


def new_cluster_id() -> str:
    """An id for a cluster of its own."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def java() -> str:
    """The Java program. Raises ServerError with what to do when there is none."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which(str(Path(home) / "bin" / "java") if home else "java")
    if program is None:
        raise ServerError(
            "Apache Kafka needs Java 17 or newer, and there is no java; install it, or unset TEST_BROKER."
        )
    return program


def jars() -> Path:
    """The folder of Kafka's jars; Maven fetches them the first time."""
    folder = _CACHE / f"jars-{KAFKA_VERSION}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerError("The jars of Apache Kafka are fetched with Maven, and there is no mvn; install it.")
    _CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as unfinished:
        (Path(unfinished) / "pom.xml").write_text(_POM)
        target = Path(unfinished) / "jars"
        command = [maven, "-q", "-B", "-f", f"{unfinished}/pom.xml", "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerError(f"Maven could not fetch the jars of Apache Kafka: {done.stdout[-600:].strip()}")
        with contextlib.suppress(OSError):  # another run may have been quicker
            target.rename(folder)
    return folder


def main() -> None:
    """Runs a broker until Ctrl-C and prints its address."""
    parser = argparse.ArgumentParser(prog="python -m testbed.apache_kafka", description="Run Apache Kafka.")
    parser.add_argument("--port", type=int, default=9092, help="wished port; a taken one moves to the next (9092)")
    wish = parser.parse_args().port
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with ApacheKafka(wish, jvm_options=("-Xmx1g",)) as kafka:
            if kafka.moved_from:
                print(f"Port {kafka.moved_from} is taken; using {kafka.port}.", file=sys.stderr)
            print(kafka.bootstrap_servers, flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except ServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
