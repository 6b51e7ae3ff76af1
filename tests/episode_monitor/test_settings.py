"""Settings: defaults, bounds, one sentence for each wrong one, and secrets that never show."""

import base64
import json
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import ValidationError

from alert_sinks.destinations import AllSinkSettings, addresses
from alert_sinks.settings import ADDRESS
from episode_monitor.access import audit_public_key
from episode_monitor.settings.settings import Settings, SettingsError, load_settings, settings_table
from models.audit_signature import public_text
from streams.alerting import rule_types
from streams.base.numbering_rules import DeletedNumbers

# A sink's secret needs no entry, unless its check refuses both of these.
SINK_SECRETS = {
    row.name: "https://hooks.example/hushhush" if ADDRESS in row.values else "hushhush"
    for row in settings_table()
    if row.is_secret and row.name.lower() in AllSinkSettings.model_fields
}
SECRETS = SINK_SECRETS | {
    "SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/hushhush",
    "MONITORING_WEBHOOK_URL": "https://user:hushhush@hooks.example/x",
    "MONITORING_WEBHOOK_SECRET": "whsec_aHVzaGh1c2g=",
    "ONCALL_SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/hushhush2",
    "ONCALL_WEBHOOK_URL": "https://hooks.example/hushhush",
    "ONCALL_WEBHOOK_SECRET": "hushhush",
    "KAFKA_SASL_PASSWORD": "hushhush",
    "KAFKA_SSL_KEY_PASSWORD": "hushhush",
    "API_TOKENS": "operator:hushhush://x",
    "AUDIT_SIGNING_KEY": "hushhushhushhushhushhushhushhushhushhushhus=",
    "OPERATOR_TOKEN": "hushhush",
    "INTERNAL_TOKEN": "hushhush-hushhush",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=hushhush",
    "SLACK_SIGNING_SECRET": "hushhush",
    "MONITOR_DATABASE_URL": "postgresql://monitor:hushhush@db:5432/monitor",
    "DATABASE_URL": "postgresql://reader:hushhush@db/service",
}


def error_of(**env: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(env)
    return str(caught.value)


def test_without_any_environment_the_defaults_are_those_of_the_documentation() -> None:
    settings = load_settings({})
    assert settings.kafka_bootstrap_servers == "localhost:9092"
    assert settings.monitor_id == "episode-monitor"
    assert settings.events_topic == "episode-events"
    assert settings.events_partitions == 8
    assert settings.resend_memory == 256
    assert settings.open_conflicts_max == 1000
    assert settings.grace_seconds == 60
    assert settings.gap_settle_seconds == 60
    assert settings.deleted_numbers is DeletedNumbers.GAP
    assert settings.first_number == 1
    assert settings.max_number_jump == 1000
    assert settings.monitoring_timezone == "UTC"
    assert (settings.monitoring_host, settings.monitoring_port) == ("127.0.0.1", 8002)
    assert settings.metrics_max_projects == 100
    assert settings.escalate_after_minutes == 5
    assert settings.integrity_check_interval_minutes == 30
    assert settings.deep_check_interval_hours == 6
    assert settings.episode_monitoring_enabled is True
    assert settings.alert_on_issues is True
    assert settings.auto_fix_enabled is False
    assert settings.threshold_overrides == {}
    assert settings.rules_path.name == "rules.yaml"
    assert settings.rules_path.is_file()
    assert all(getattr(settings, name.lower()) is None for name in SECRETS)


def test_the_environment_of_the_users_document_is_taken_as_it_stands() -> None:
    settings = load_settings(
        {
            "EPISODE_MONITORING_ENABLED": "true",
            "INTEGRITY_CHECK_INTERVAL_MINUTES": "30",
            "DEEP_CHECK_INTERVAL_HOURS": "6",
            "ALERT_ON_ISSUES": "true",
            "AUTO_FIX_ENABLED": "false",
            "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/...",
            "MONITORING_WEBHOOK_URL": "https://monitoring.company.com/webhook",
            "FAILURE_RATE_THRESHOLD": "1.0",
            "CONFLICT_RATE_THRESHOLD": "5.0",
            "PERFORMANCE_THRESHOLD_SECONDS": "5.0",
        }
    )
    assert settings.threshold_overrides == {
        rule_types.FAILURE_RATE: Decimal(1),
        rule_types.CONFLICT_RATE: Decimal(5),
        rule_types.SLOW_CREATION: Decimal(5),
    }
    assert addresses(settings) == {
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/...",
        "MONITORING_WEBHOOK_URL": "https://monitoring.company.com/webhook",
    }


def test_an_empty_text_is_unset_and_a_foreign_name_is_ignored() -> None:
    settings = load_settings({"MONITORING_PORT": "", "RULES_FILE": "", "PATH": "/bin", "MONITORING_PROT": "9"})
    assert settings.monitoring_port == 8002
    assert settings.rules_file is None


def test_thresholds_may_bear_their_unit_and_stay_exact() -> None:
    settings = load_settings({"FAILURE_RATE_THRESHOLD": "0.1%", "PERFORMANCE_THRESHOLD_SECONDS": "2.5 s"})
    assert settings.failure_rate_threshold == Decimal("0.1")
    assert settings.performance_threshold_seconds == Decimal("2.5")


def test_first_seen_means_no_first_number_and_is_shown_as_it_was_written() -> None:
    settings = load_settings({"FIRST_NUMBER": "First_Seen"})
    assert settings.first_number is None
    assert settings.public()["FIRST_NUMBER"] == "first_seen"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("MONITORING_PORT", "80x", "MONITORING_PORT is '80x', but must be a whole number from 1 to 65535."),
        ("MONITORING_PORT", "65536", "MONITORING_PORT is '65536', but must be a whole number from 1 to 65535."),
        ("AUTO_FIX_ENABLED", "perhaps", "AUTO_FIX_ENABLED is 'perhaps', but must be true or false."),
        ("DELETED_NUMBERS", "keep", "DELETED_NUMBERS is 'keep', but must be gap or hole."),
        ("LOG_FORMAT", "xml", "LOG_FORMAT is 'xml', but must be console or json."),
        ("FIRST_NUMBER", "0", "FIRST_NUMBER is '0', but must be a whole number from 1, or first_seen."),
        ("FAILURE_RATE_THRESHOLD", "101", "FAILURE_RATE_THRESHOLD is '101', but must be a number from 0 to 100."),
        ("FAILURE_RATE_THRESHOLD", "NaN", "FAILURE_RATE_THRESHOLD is 'NaN', but must be a number from 0 to 100."),
        (
            "PERFORMANCE_THRESHOLD_SECONDS",
            "0",
            "PERFORMANCE_THRESHOLD_SECONDS is '0', but must be a number above 0, at most 86400.",
        ),
        (
            "KAFKA_BOOTSTRAP_SERVERS",
            "kafka",
            "KAFKA_BOOTSTRAP_SERVERS is 'kafka', but must be host:port, or several separated by commas, such as "
            "localhost:9092.",
        ),
        (
            "MONITORING_TIMEZONE",
            "Mars/Base",
            "MONITORING_TIMEZONE is 'Mars/Base', but must be an IANA time zone, such as UTC or Asia/Seoul.",
        ),
        (
            "EPISODES_TABLE",
            "episodes; drop table x",
            "EPISODES_TABLE is 'episodes; drop table x', but must be the name of a table, such as episodes or "
            "public.episodes.",
        ),
        (
            "RULES_FILE",
            "/nowhere/rules.yaml",
            "RULES_FILE is '/nowhere/rules.yaml', but must be the path of an existing, readable file.",
        ),
        (
            "SLACK_WEBHOOK_URL",
            "ftp://hush",
            "SLACK_WEBHOOK_URL must be an address that begins with http:// or https://.",
        ),
        ("API_TOKENS", "root:hush", "API_TOKENS entry 1 must be viewer:TOKEN or operator:TOKEN."),
        (
            "INTERNAL_TOKEN",
            "hush",
            "INTERNAL_TOKEN must be at least 16 printable ASCII characters without spaces.",
        ),
        (
            "MONITORING_WEBHOOK_SECRET",
            "whsec_!",
            "MONITORING_WEBHOOK_SECRET after 'whsec_' is not base64; copy it again.",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_its_name_the_fault_and_what_is_right(
    name: str, text: str, sentence: str
) -> None:
    assert error_of(**{name: text}) == sentence


def test_several_wrong_settings_are_a_sentence_each() -> None:
    assert error_of(MONITORING_PORT="x", GRACE_SECONDS="-1") == (
        "GRACE_SECONDS is '-1', but must be a whole number from 0 to 3600. "
        "MONITORING_PORT is 'x', but must be a whole number from 1 to 65535."
    )


def test_two_topics_may_not_be_the_same() -> None:
    assert error_of(ALERTS_TOPIC="episode-events") == (
        "ALERTS_TOPIC is 'episode-events', as EVENTS_TOPIC is; give each its own topic."
    )


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "sasl_ssl"}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SASL_USERNAME": "m", "KAFKA_SASL_PASSWORD": "hush"}, "which does not authenticate"),
        ({"KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE is"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "oauthbearer"},
            "which needs one of KAFKA_SASL_OAUTH_TOKEN_FILE and KAFKA_SASL_OAUTH_TOKEN_COMMAND; set exactly one",
        ),
        (
            {
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
                "KAFKA_SASL_OAUTH_TOKEN_FILE": "/t",
                "KAFKA_SASL_OAUTH_TOKEN_COMMAND": "t",
            },
            "set exactly one",
        ),
        (
            {
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
                "KAFKA_SASL_OAUTH_TOKEN_FILE": "/t",
                "KAFKA_SASL_USERNAME": "m",
            },
            "takes a token and no password",
        ),
        (
            {
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SASL_USERNAME": "m",
                "KAFKA_SASL_PASSWORD": "hush",
                "KAFKA_SASL_OAUTH_TOKEN_FILE": "/t",
            },
            "which takes no token; change it to OAUTHBEARER, or unset",
        ),
        ({"KAFKA_SASL_OAUTH_TOKEN_FILE": "/t"}, "or unset the KAFKA_SASL_OAUTH_ settings"),
        ({"KAFKA_SSL_CERTFILE": __file__}, "which shows no certificate; change it to SSL or SASL_SSL"),
        ({"KAFKA_SSL_KEYFILE": __file__}, "KAFKA_SSL_CERTFILE is not; set both, or neither"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": __file__},
            "KAFKA_SSL_CERTFILE must hold a certificate, and KAFKA_SSL_CERTFILE its key, both in PEM",
        ),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "PLAINTEXT or SSL or SASL_PLAINTEXT or SASL_SSL"),
    ],
)
def test_a_way_to_kafka_that_is_not_whole_is_refused(given: dict[str, str], fault: str) -> None:
    sentence = error_of(**given)
    assert fault in sentence
    assert "hush" not in sentence


def test_a_database_address_of_another_kind_is_refused_without_its_password() -> None:
    sentence = error_of(MONITOR_DATABASE_URL="mysql://u:hushhush@db/x")
    assert sentence.startswith("MONITOR_DATABASE_URL does not begin with postgresql://")
    assert "hush" not in sentence


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1, b_c.example:65535,[::1]:9092"),
        ("MONITORING_HOST", "0.0.0.0"),
        ("MONITORING_HOST", "::1"),
        ("MONITORING_TIMEZONE", "Asia/Seoul"),
        ("WORKER_URL", "http://worker-1.internal:8002/"),
        ("MONITORING_ALLOWED_ORIGINS", "https://ops.example, http://localhost:3000"),
        ("EPISODES_TABLE", "public.episodes"),
        ("LOG_LEVEL", "WARNING"),
        ("AUTO_FIX_ENABLED", "1"),
    ],
)
def test_what_is_right_is_taken(name: str, good: str) -> None:
    load_settings({name: good})


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1,"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:0"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka://a:1"),
        ("MONITORING_HOST", "256.0.0.1"),
        ("MONITORING_HOST", "a b"),
        ("MONITORING_TIMEZONE", "../etc/passwd"),
        ("WORKER_URL", "http://user@worker/"),
        ("MONITORING_ALLOWED_ORIGINS", "https://ops.example/path"),
        ("EVENTS_TOPIC", "a/b"),
        ("EVENTS_TOPIC", ".."),
        ("MONITOR_ID", "-a"),
        ("EPISODES_ID_COLUMN", 'id"'),
        ("MAX_NUMBER_JUMP", "1.5"),
    ],
)
def test_what_is_wrong_is_refused(name: str, bad: str) -> None:
    assert error_of(**{name: bad}).startswith(f"{name} is {bad!r}, but must be ")


def test_other_workers_reach_this_one_by_the_url_given_or_made_of_host_and_port() -> None:
    assert load_settings({}).public_url == "http://127.0.0.1:8002"
    assert load_settings({"MONITORING_HOST": "::1", "MONITORING_PORT": "81"}).public_url == "http://[::1]:81"
    assert load_settings({"WORKER_URL": "https://w.example/"}).public_url == "https://w.example"
    everywhere = load_settings({"MONITORING_HOST": "0.0.0.0"}).public_url
    assert "0.0.0.0" not in everywhere
    assert everywhere.endswith(":8002")


def test_secrets_show_neither_in_repr_nor_to_the_public() -> None:
    settings = load_settings({**SECRETS, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "monitor"})
    public = settings.public()
    assert "hush" not in repr(settings) + str(settings) + json.dumps(public)
    assert public["API_TOKENS"] == "***"
    assert public["SLACK_WEBHOOK_URL"] == "https://hooks.slack.example/***"
    assert public["MONITOR_DATABASE_URL"] == "postgresql://***@db:5432/***"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("SLACK_WEBHOOK_URL", "hushhush"),
        ("MONITORING_WEBHOOK_URL", "hush://hush"),
        ("AUDIT_SIGNING_KEY", "hushhush"),
        ("MONITORING_WEBHOOK_SECRET", "whsec_hush!"),
        ("API_TOKENS", "operator:hush hush"),
        ("API_TOKENS", "hushhush"),
        ("INTERNAL_TOKEN", "hushhush"),
        ("DATABASE_URL", "postgresql://u:hush/hush@db/x"),
        ("DATABASE_URL", "hushhush"),
    ],
)
def test_secrets_show_in_no_error(name: str, wrong: str) -> None:
    sentence = error_of(**{name: wrong})
    assert sentence.startswith(name)
    assert "hush" not in sentence


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings({}).monitoring_port = 1


def test_the_env_file_of_the_working_directory_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("MONITORING_PORT=8100\nGRACE_SECONDS=7\nSOMETHING_ELSE=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONITORING_PORT", "8200")
    settings = load_settings()
    assert (settings.monitoring_port, settings.grace_seconds) == (8200, 7)


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_bytes(b"MONITORING_PORT=\xff\xfe\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"The file \.env cannot be read as text"):
        load_settings()


def test_given_settings_look_neither_at_the_environment_nor_at_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("GRACE_SECONDS=7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONITORING_PORT", "8200")
    settings = load_settings({})
    assert (settings.monitoring_port, settings.grace_seconds) == (8002, 60)


def test_every_setting_is_in_the_table_with_its_words() -> None:
    rows = settings_table()
    assert sorted(row.name for row in rows) == sorted(name.upper() for name in Settings.model_fields)
    for row in rows:
        assert row.description.endswith("."), row.name
        assert row.values, row.name
        assert row.group, row.name
        assert any(word in row.name for word in ("SECONDS", "MINUTES", "HOURS", "MS")) <= bool(row.unit), row.name
    assert {row.name for row in rows if row.is_secret} == set(SECRETS)
    assert {"SLACK_WEBHOOK_URL", "ONCALL_WEBHOOK_SECRET"} <= set(SINK_SECRETS)


@pytest.mark.parametrize("name", ["AUDIT_SIGNING_KEY", "AUDIT_PUBLIC_KEY"])
def test_a_key_of_the_audit_is_base64_or_the_path_of_a_pem_file(name: str, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = key.public_key()
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path = tmp_path / "audit.pem"
    path.write_bytes(private_pem if name == "AUDIT_SIGNING_KEY" else public_pem)
    text = base64.b64encode(bytes(32)).decode() if name == "AUDIT_SIGNING_KEY" else public_text(public)
    for given in (text, str(path)):
        assert audit_public_key(load_settings({name: given})) == public
    with pytest.raises(SettingsError, match=f"{name} .*must be an Ed25519"):
        load_settings({name: str(tmp_path / "missing.pem")})


def test_the_defaults_shown_are_taken_when_written_out() -> None:
    written = {row.name: row.default for row in settings_table() if row.default}
    assert load_settings(written).public() == load_settings({}).public()
