"""Writes what files say of the settings: `docs/settings.md`, its Korean page and `.env.example`, all from the settings.

`python -m episode_monitor.settings.generated_docs` writes the three files; a test compares them with what it would
write.
"""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from episode_monitor.settings import korean
from episode_monitor.settings.settings import SettingRow, settings_table

ROOT = Path(__file__).resolve().parents[2]
SETTINGS_FILE, KOREAN_FILE = ROOT / "docs" / "settings.md", ROOT / "docs" / "settings.ko.md"
ENV_FILE = ROOT / ".env.example"

_SETTINGS_HEAD = """\
# Settings

Made by `python -m episode_monitor.settings.generated_docs` from the groups in `episode_monitor/settings`; change it
there. [한국어](settings.ko.md)

Settings are environment variables. A file `.env` in the working directory is read as well; the environment wins over
it. An empty value counts as unset. A wrong value stops the start with one sentence that names the setting, and exit
code 2. `episode-monitor config show` prints what is in force. Settings marked *secret* are never printed: of an address
only scheme, host and port are shown. Each of them may be a file instead: `NAME_FILE` is its path, and a line break at
its end is no part of the secret. Only `API_TOKENS_FILE` is something else: it holds hashes.

With nothing but `KAFKA_BOOTSTRAP_SERVERS` set, `episode-monitor worker` runs.
"""

_KOREAN_HEAD = """\
# 설정

이 페이지는 `python -m episode_monitor.settings.generated_docs`가 `episode_monitor/settings`의 설정 그룹으로
만듭니다. 수정은 그곳에서 합니다. [English](settings.md)

설정은 환경 변수로 지정합니다. 작업 폴더의 `.env` 파일도 읽으며, 둘 다 있으면 환경 변수가 우선합니다. 빈 값은
지정하지 않은 것과 같습니다. 값이 잘못되면 설정 이름과 이유를 한 문장으로 알리고 종료 코드 2로 시작을 중단합니다.
적용 중인 값은 `episode-monitor config show`로 확인합니다. *시크릿*으로 표시한 설정은 출력하지 않으며, 주소는 스킴,
호스트, 포트만 보여 줍니다. 시크릿은 파일로도 지정할 수 있습니다. `NAME_FILE`에 파일 경로를 지정하면 되고, 파일 끝의
줄바꿈은 시크릿에 포함하지 않습니다. `API_TOKENS_FILE`만은 다르며, 해시를 담은 파일입니다.

`KAFKA_BOOTSTRAP_SERVERS`만 지정해도 `episode-monitor worker`가 동작합니다.
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


class _Language(NamedTuple):
    """The words of a page about the settings."""

    head: str
    columns: str
    secret: str
    group: Callable[[str], str]
    values: Callable[[str], str]
    unit: Callable[[str], str]
    meaning: Callable[[SettingRow], str]


_ENGLISH = _Language(
    _SETTINGS_HEAD, "variable | default | value | meaning", "secret", str, str, str, lambda row: row.description
)
_KOREAN = _Language(
    _KOREAN_HEAD, "변수 | 기본값 | 값 | 설명", "시크릿", lambda name: korean.GROUPS[name], korean.values,
    lambda name: korean.UNITS[name], lambda row: korean.MEANINGS[row.name],
)  # fmt: skip


def settings_markdown() -> str:
    """`docs/settings.md`."""
    return _page(_ENGLISH)


def korean_settings_markdown() -> str:
    """`docs/settings.ko.md`. Raises KeyError for a text that has no Korean one."""
    return _page(_KOREAN)


def _page(words: _Language) -> str:
    parts = [words.head]
    for group, rows in groupby(settings_table(), lambda row: row.group):
        parts.append(f"\n## {words.group(group)}\n\n| {words.columns} |\n|---|---|---|---|\n")
        parts.extend(_line(row, words) for row in rows)
    return "".join(parts)


def _line(row: SettingRow, words: _Language) -> str:
    default = f"`{row.default}`" if row.default else "–"
    unit = f"; {words.unit(row.unit)}" if row.unit else ""
    secret = f"; *{words.secret}*" if row.is_secret else ""
    return f"| `{row.name}` | {default} | {words.values(row.values)}{unit}{secret} | {words.meaning(row)} |\n"


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
    """Write the files."""
    KOREAN_FILE.write_text(korean_settings_markdown(), encoding="utf-8")
    SETTINGS_FILE.write_text(settings_markdown(), encoding="utf-8")
    ENV_FILE.write_text(env_example(), encoding="utf-8")


if __name__ == "__main__":
    main()
