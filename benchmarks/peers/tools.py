"""Makes what contenders need, once, under .bench/: their Python environment, Kafka Streams' jars and its program."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from benchmarks.peers.contender import ROOT, CannotRun

BENCH = ROOT / ".bench"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
SOURCE = Path(__file__).with_name("kafka_streams") / "Counts.java"
KAFKA_STREAMS_VERSION = "4.3.1"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-streams-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-streams</artifactId>
      <version>{KAFKA_STREAMS_VERSION}</version>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""


def python_with(package: str) -> Path:
    """The Python that has the peers' packages, each tried alone: one that has no build here must not stop the others.

    Raises CannotRun where `package` cannot be installed.
    """
    venv = BENCH / "venv"
    python = venv / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(venv)], "could not make a Python environment")
    lines = [line.strip() for line in REQUIREMENTS.read_text().splitlines()]
    wanted = next(line for line in lines if line.startswith(f"{package}=="))
    stamp = venv / f".installed-{wanted}"
    if not stamp.exists():
        print(f"Installing {wanted} into .bench/ (once) ...", file=sys.stderr)
        install = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(REQUIREMENTS), wanted]
        _run(install, f"{wanted} could not be installed on Python {sys.version_info.major}.{sys.version_info.minor}")
        stamp.touch()
    return python


def class_path() -> str:
    """Jars and the compiled program of Kafka Streams. Raises CannotRun."""
    jars = BENCH / f"jars-kafka-streams-{KAFKA_STREAMS_VERSION}"
    if not jars.is_dir():
        _fetch_jars(jars)
    digest = blake2b(SOURCE.read_bytes(), digest_size=6).hexdigest()
    classes = BENCH / f"classes-{KAFKA_STREAMS_VERSION}-{digest}"
    if not classes.is_dir():
        with tempfile.TemporaryDirectory(dir=BENCH) as unfinished:
            target = Path(unfinished) / "classes"
            compiler = _program("javac", "a JDK of 17 or newer")
            _run([compiler, "-cp", f"{jars}/*", "-d", str(target), str(SOURCE)], "its program could not be compiled")
            target.rename(classes)
    return f"{jars}/*:{classes}"


def _fetch_jars(jars: Path) -> None:
    BENCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BENCH) as unfinished:
        (Path(unfinished) / "pom.xml").write_text(_POM)
        target = Path(unfinished) / "jars"
        command = [_program("mvn", "Maven"), "-q", "-B", "-f", f"{unfinished}/pom.xml", "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
        _run(command, "Maven could not fetch the jars of Kafka Streams")
        target.rename(jars)


def _program(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotRun(f"{what} is needed and there is no {name}; install it.")
    return found


def _run(command: Sequence[str], complaint: str) -> None:
    BENCH.mkdir(exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotRun(f"{complaint}: {(done.stderr + done.stdout).strip()[-400:]}")
