"""Makes the Java contenders, once, under .bench/: their jars from Maven Central and their programs compiled."""

import shutil
import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers.contender import CannotRun
from benchmarks.peers.tools import BENCH, run
from episode_monitor.demo.guarded import ServerError
from testbed.apache_kafka import java

_HERE = Path(__file__).parent
KAFKA_STREAMS_VERSION = "4.3.1"
FLINK_VERSION = "2.2.1"
FLINK_KAFKA_VERSION = "5.0.0-2.2"


class Dependencies(NamedTuple):
    """`name` with a version is the folder's; each jar is group, artifact and version."""

    name: str
    version: str
    jars: Sequence[tuple[str, str, str]]


_LOGGING = ("org.slf4j", "slf4j-simple", "1.7.36")
KAFKA_STREAMS = Dependencies(
    "kafka-streams",
    KAFKA_STREAMS_VERSION,
    (("org.apache.kafka", "kafka-streams", KAFKA_STREAMS_VERSION), _LOGGING),
)
FLINK = Dependencies(
    "flink",
    f"{FLINK_VERSION}-kafka-{FLINK_KAFKA_VERSION}",
    (
        *(
            ("org.apache.flink", f"flink-{part}", FLINK_VERSION)
            for part in ("streaming-java", "clients", "runtime", "connector-base", "statebackend-rocksdb")
        ),
        ("org.apache.flink", "flink-connector-kafka", FLINK_KAFKA_VERSION),
        ("com.fasterxml.jackson.core", "jackson-databind", "2.18.2"),  # as the connector's other parts of Jackson
        _LOGGING,
    ),
)


def class_path(dependencies: Dependencies, sources: Sequence[Path]) -> str:
    """Jars and the compiled program. Raises CannotRun."""
    try:
        java()
    except ServerError as error:
        raise CannotRun(str(error)) from None
    folder = f"{dependencies.name}-{dependencies.version}"
    jars = BENCH / f"jars-{folder}"
    if not jars.is_dir():
        _fetch(dependencies, jars)
    digest = blake2b(digest_size=6)
    for source in sources:
        digest.update(source.read_bytes())
    classes = BENCH / f"classes-{folder}-{digest.hexdigest()}"
    if not classes.is_dir():
        with tempfile.TemporaryDirectory(dir=BENCH) as unfinished:
            target = Path(unfinished) / "classes"
            command = [_program("javac", "a JDK of 17 or newer"), "-nowarn", "-cp", f"{jars}/*", "-d", str(target)]
            run([*command, *map(str, sources)], f"the program for {dependencies.name} could not be compiled")
            target.rename(classes)
    return f"{jars}/*:{classes}"


def sources(folder: str, *more: str) -> list[Path]:
    """The Java files of folders beside this one."""
    return sorted(path for each in (folder, *more) for path in (_HERE / each).glob("*.java"))


def _fetch(dependencies: Dependencies, jars: Path) -> None:
    BENCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BENCH) as unfinished:
        (Path(unfinished) / "pom.xml").write_text(_pom(dependencies))
        target = Path(unfinished) / "jars"
        command = [_program("mvn", "Maven"), "-q", "-B", "-f", f"{unfinished}/pom.xml", "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
        run(command, f"Maven could not fetch the jars of {dependencies.name}")
        target.rename(jars)


def _pom(dependencies: Dependencies) -> str:
    listed = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
        for group, artifact, version in dependencies.jars
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>local</groupId><artifactId>{dependencies.name}-jars</artifactId><version>1</version>"
        f"<packaging>pom</packaging><dependencies>{listed}</dependencies></project>\n"
    )


def _program(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotRun(f"{what} is needed and there is no {name}; install it.")
    return found
