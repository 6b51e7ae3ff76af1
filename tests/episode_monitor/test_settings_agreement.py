"""Workers compare digests of their settings: every difference has a name, and no secret can be read from one."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from episode_monitor.settings.agreement import digest_of
from episode_monitor.settings.settings import Settings


def settings(**changes: object) -> Settings:
    return Settings.model_validate({"kafka_bootstrap_servers": "kafka:9092"} | changes)


def differences(rules: str = "same", **changes: object) -> list[str]:
    """What a worker says of one whose settings were changed."""
    other = digest_of(settings(**changes), rules).packed
    return digest_of(settings(), "same").differing(other)


def test_equal_settings_agree() -> None:
    assert differences() == []


def test_each_difference_is_named() -> None:
    changes: dict[str, Any] = {
        "failure_rate_threshold": "50",
        "gap_settle_seconds": 5,
        "api_tokens": "operator:0123456789abcdef",
    }
    assert differences(**changes) == ["API_TOKENS", "FAILURE_RATE_THRESHOLD", "GAP_SETTLE_SECONDS"]


def test_rules_are_compared_by_what_they_say_and_not_by_their_file() -> None:
    assert differences(rules="other") == ["rules in force"]


def test_what_is_each_workers_own_may_differ(tmp_path: Path) -> None:
    assert differences(monitoring_port=9000, state_dir=tmp_path, log_level="debug", cached_projects=500) == []


def test_of_a_database_only_its_being_set_is_compared() -> None:
    url = {"monitor_database_url": "postgresql://u:p@one/db"}
    other = digest_of(settings(monitor_database_url="postgresql://u:p@pooler/db"), "same").packed
    assert digest_of(settings(**url), "same").differing(other) == []
    assert differences(**url) == ["MONITOR_DATABASE_URL"]


def test_a_worker_of_another_version_or_of_none_is_said_so() -> None:
    mine = digest_of(settings(), "same")
    assert mine.differing(b"\0" + mine.packed) == ["its version"]
    assert mine.differing(b"") == []


def test_a_secret_leaves_two_bytes() -> None:
    with_secret = digest_of(settings(api_tokens=SecretStr("operator:0123456789abcdef")), "same")
    assert len(with_secret.packed) == 2 * (len(with_secret.names) + 1)
    assert b"0123" not in with_secret.packed
