"""Writes what files say of the settings: `docs/settings.md` and `.env.example`, both from the settings themselves.

`python -m episode_monitor.settings.generated_docs` writes the two files; a test compares them with what it would
write.
"""

from itertools import groupby
from pathlib import Path

from episode_monitor.settings.settings import SettingRow, settings_table

ROOT = Path(__file__).resolve().parents[2]
SETTINGS_FILE = ROOT / "docs" / "settings.md"
ENV_FILE = ROOT / ".env.example"

_SETTINGS_HEAD = """\
# Settings

Made by `python -m episode_monitor.settings.generated_docs` from the groups in `episode_monitor/settings`; change it
there.

Settings are environment variables. A file `.env` in the working directory is read as well; the environment wins over
it. An empty value counts as unset. A wrong value stops the start with one sentence that names the setting, and exit
code 2. `episode-monitor config show` prints what is in force. Settings marked *secret* are never printed: of an address
only scheme, host and port are shown. Each of them may be a file instead: `NAME_FILE` is its path, and a line break at
its end is no part of the secret. Only `API_TOKENS_FILE` is something else: it holds hashes.

With nothing but `KAFKA_BOOTSTRAP_SERVERS` set, `episode-monitor worker` runs.
"""

_ENV_HEAD = """\
# Copy this file to .env and remove the # from the lines you need. docs/settings.md explains every setting.
# `episode-monitor` reads .env from the folder it is started in, `docker compose` from the folder of its file.

# --- docker-compose.yml only

# Required there: this password, and API_TOKENS below, which is needed to acknowledge alerts. README.md
# has a command that creates both, under "In production".
# Letters and digits only, because it becomes part of a URL. It cannot change once PostgreSQL has its volume.
POSTGRES_PASSWORD=

# What is started besides Apache Kafka and two monitors. Without database and service set MONITOR_DATABASE_URL and
# DATABASE_URL below, to databases of your own or to nothing.
COMPOSE_PROFILES=database,service,observability

# Which address of this machine the ports are opened on, and the ports.
# PUBLISH_ADDRESS=127.0.0.1
# MONITOR_1_PORT=8002
# MONITOR_2_PORT=8012
# PROJECT_SERVICE_PORT=8001
# PROMETHEUS_PORT=9090
# ALERTMANAGER_PORT=9093
# GRAFANA_PORT=3000
# KAFKA_PORT=9092
# POSTGRES_PORT=5432

# Creations a second of the load profile; memory of the broker; how long Prometheus keeps samples.
# LOAD_RATE=20
# KAFKA_HEAP_OPTS=-Xms512m -Xmx512m
# PROMETHEUS_RETENTION=15d
"""


def settings_markdown() -> str:
    """`docs/settings.md`."""
    parts = [_SETTINGS_HEAD]
    for group, rows in groupby(settings_table(), lambda row: row.group):
        parts.append(f"\n## {group}\n\n| variable | default | value | meaning |\n|---|---|---|---|\n")
        parts.extend(_line(row) for row in rows)
    return "".join(parts)


def _line(row: SettingRow) -> str:
    default = f"`{row.default}`" if row.default else "–"
    unit = f"; {row.unit}" if row.unit else ""
    secret = "; *secret*" if row.is_secret else ""
    return f"| `{row.name}` | {default} | {row.values}{unit}{secret} | {row.description} |\n"


def env_example() -> str:
    """`.env.example`."""
    parts = [_ENV_HEAD]
    for group, rows in groupby(settings_table(), lambda row: row.group):
        parts.append(f"\n# --- {group}\n")
        for row in rows:
            unit = f" ({row.unit})" if row.unit else ""
            parts.append(f"\n# {row.description}{unit}\n# {row.name}={row.default}\n")
    return "".join(parts)


def main() -> None:
    """Write both files."""
    SETTINGS_FILE.write_text(settings_markdown(), encoding="utf-8")
    ENV_FILE.write_text(env_example(), encoding="utf-8")


if __name__ == "__main__":
    main()
