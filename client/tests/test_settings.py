"""Settings: a wrong one is one line in the log, never an exception; and what Kafka is logged in to with."""

import ssl
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from episode_monitor_client import ClientSettings, EpisodeMonitorClient, SettingsError, security_options
from episode_monitor_client.kafka import OrderedProducer

LOGIN = {"KAFKA_SASL_USERNAME": "service", "KAFKA_SASL_PASSWORD": "hush"}
TOKEN = {"KAFKA_SASL_OAUTH_TOKEN_FILE": "/run/token"}
BEARER = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "oauthbearer"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("EPISODE_EVENTS_QUEUE_MAX", "many"),
        ("EPISODE_EVENTS_QUEUE_MAX", "0"),
        ("EPISODE_EVENTS_FLUSH_SECONDS", "nan"),
        ("EVENTS_TOPIC", "no spaces"),
        ("EVENTS_IDEMPOTENCE", "perhaps"),
        ("EPISODE_MONITORING_ENABLED", "perhaps"),
        ("EPISODE_EVENTS_SOURCE", "two words"),
        ("KAFKA_SECURITY_PROTOCOL", "smoke"),
    ],
)
def test_a_wrong_setting_is_one_line_in_the_log_and_no_exception(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv(name, text)
    client = EpisodeMonitorClient.from_environment()
    assert not client.enabled
    assert name in caplog.text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_USERNAME": "service"}, "needs KAFKA_SASL_USERNAME"),
        (LOGIN, "which does not authenticate"),
        (LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SSL"}, "which does not authenticate"),
        (LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "MAGIC"}, "KAFKA_SASL_MECHANISM must"),
        ({"KAFKA_SSL_CAFILE": __file__}, "which does not encrypt"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "/nowhere/ca.pem"}, "KAFKA_SSL_CAFILE must be"),
        ({"KAFKA_SSL_CERTFILE": "own.pem", "KAFKA_SSL_KEYFILE": "own.key"},
         "which does not encrypt; change it to SSL or SASL_SSL, or unset KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": "own.key"}, "KAFKA_SSL_CERTFILE is not; set both"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": "/nowhere/own.pem"},
         r"must be files that can be read \(No such file or directory\); correct the paths"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": __file__}, "KAFKA_SSL_CERTFILE must hold"),
        (LOGIN | TOKEN | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "PLAIN, which takes no token; change it to OAUTHB"),
        (LOGIN | TOKEN | BEARER, "takes a token and no password; unset KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        (BEARER, "KAFKA_SASL_OAUTH_TOKEN_FILE and KAFKA_SASL_OAUTH_TOKEN_COMMAND; set exactly one"),
        (BEARER | TOKEN | {"KAFKA_SASL_OAUTH_TOKEN_COMMAND": "print hush"}, "set exactly one"),
        (TOKEN, "which does not authenticate; .* or unset KAFKA_SASL_OAUTH_TOKEN_FILE"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE must be"),
    ],
)  # fmt: skip
def test_a_login_that_contradicts_itself_is_refused_in_a_sentence_without_the_password(
    given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        security_options(given)
    assert "hush" not in str(caught.value)


def test_a_login_and_tls_reach_the_producer_and_show_in_no_log() -> None:
    environment = LOGIN | {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9093",
        "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "KAFKA_SASL_MECHANISM": "scram-sha-512",
    }
    settings = ClientSettings.from_environment(environment)
    assert isinstance(settings, ClientSettings)
    assert "hush" not in repr(settings)
    options = dict(settings.producer_options)
    context = options.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "service",
        "sasl_plain_password": "hush",
    }


async def test_a_token_is_read_at_each_login(tmp_path: Path) -> None:
    file = tmp_path / "token"
    options = security_options(BEARER | {"KAFKA_SASL_OAUTH_TOKEN_FILE": str(file)})
    assert (options["sasl_mechanism"], "sasl_plain_password" in options) == ("OAUTHBEARER", False)
    for written in ("first", "second\n"):
        file.write_text(written)
        assert await options["sasl_oauth_token_provider"].token() == written.strip()


def test_without_any_of_it_the_connection_is_open() -> None:
    assert security_options({"KAFKA_SASL_MECHANISM": "PLAIN"}) == {}


@pytest.mark.parametrize("codec", ["snappy", "lz4", "zstd"])
async def test_a_codec_whose_package_is_missing_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    monkeypatch.setattr("aiokafka.codec.cramjam", None)
    settings = ClientSettings(bootstrap_servers="127.0.0.1:1", producer_options={"compression_type": codec})
    with pytest.raises(KafkaError) as refused:
        await OrderedProducer.connect(settings)
    assert f"{codec} needs the package cramjam; install episode-monitor-client[compression]" in str(refused.value)
