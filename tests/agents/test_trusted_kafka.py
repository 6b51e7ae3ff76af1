"""Apache Kafka that asks for certificates or tokens: a whole worker on it, and every refusal in one sentence."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.kafka.access import KafkaAccess
from agents.kafka.topics import kafka_trouble
from episode_monitor.demo.ports import free_port
from testbed.trusted_kafka import TrustedKafka, token_of, trusted_kafka
from tests.agents import support
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send
from tests.system.running import until

pytestmark = [pytest.mark.apache, pytest.mark.broker]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedKafka]:
    with trusted_kafka(tmp_path_factory.mktemp("trusted")) as running_kafka:
        yield running_kafka


def printing_tokens(runs: Path) -> str:
    """A command that prints a new token each time, which ends soon, and notes that it ran."""
    code = (
        "import base64, json, time; p = lambda part: base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b'='); "
        "now = time.time(); claims = {'sub': 'monitor', 'iat': now, 'exp': now + 25}; "
        f"open({str(runs)!r}, 'a').write('x'); print((p({{'alg': 'none'}}) + b'.' + p(claims) + b'.').decode())"
    )
    return shlex.join([sys.executable, "-I", "-S", "-c", code])


@pytest.mark.parametrize("how", ["certificate", "token"])
async def test_a_worker_works_where_it_is_known_by(
    kafka: TrustedKafka, how: str, topic_prefix: str, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    access = kafka.mutual() if how == "certificate" else kafka.by_token(oauth_token_command=printing_tokens(runs))
    config = config_for(access, topic_prefix, tmp_path)
    await make_topics(access, config)
    options = access.client_options()
    rig = Rig(config)
    async with running(rig), producing(options.pop("bootstrap_servers"), **options) as producer:
        for number in (1, 2):
            await send(producer, rig.topics.events, 0, b"p", created("p", number))
        await support.until(lambda: rig.outcome("applied") == 2)
        if how == "token":
            logins = len(runs.read_text())
            await support.until(
                lambda: len(runs.read_text()) > logins, "a login with a new token after the session's end"
            )
        await send(producer, rig.topics.events, 0, b"p", created("p", 3))
        await support.until(lambda: rig.outcome("applied") == 3)
        await support.until(rig.is_stored)
    assert rig.stops == []


def environment_of(access: KafkaAccess, folder: Path) -> dict[str, str]:
    files = {
        "KAFKA_SSL_CAFILE": access.ssl_cafile, "KAFKA_SSL_CERTFILE": access.ssl_certfile,
        "KAFKA_SSL_KEYFILE": access.ssl_keyfile, "KAFKA_SASL_OAUTH_TOKEN_FILE": access.oauth_token_file,
    }  # fmt: skip
    given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    given |= {name: str(file) for name, file in files.items() if file is not None}
    return given | {
        "KAFKA_BOOTSTRAP_SERVERS": access.bootstrap_servers, "KAFKA_SECURITY_PROTOCOL": access.security_protocol,
        "KAFKA_SASL_MECHANISM": access.sasl_mechanism, "MONITORING_PORT": str(free_port()),
        "STATE_DIR": str(folder), "COLUMNS": "400",
    }  # fmt: skip


CASES = {
    "no certificate": "requires a certificate of its clients; set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE.",
    "expired": "rejects this client. The certificate in KAFKA_SSL_CERTFILE expired on ",
    "stranger": "rejects the certificate in KAFKA_SSL_CERTFILE (",
    "rejected token": "rejects the token of KAFKA_SASL_OAUTH_TOKEN_FILE; check its issuer, audience and expiry, and "
    "the clocks.",
    "empty token": "requires a token: KAFKA_SASL_OAUTH_TOKEN_FILE gives an empty token; write a token into the file.",
    "expired token": "requires a token: KAFKA_SASL_OAUTH_TOKEN_FILE gives a token that expired; renew it, or check "
    "this machine's clock.",
}


def access_of_case(kafka: TrustedKafka, case: str, folder: Path) -> KafkaAccess:
    if "token" not in case:
        return kafka.mutual("" if case == "no certificate" else case)
    file = folder / "token"
    written = {"rejected token": "no.json.web-token", "empty token": "\n", "expired token": token_of("m", -5)}
    file.write_text(written[case])
    return kafka.by_token(oauth_token_file=file)


@pytest.mark.parametrize("case", CASES)
async def test_who_is_not_known_is_told_why_and_what_to_do(kafka: TrustedKafka, case: str, tmp_path: Path) -> None:
    access = access_of_case(kafka, case, tmp_path)
    said = await kafka_trouble(access, 20.0)
    assert said.startswith(f"Kafka at {access} {CASES[case]}"), said


@pytest.mark.parametrize("case", ["expired", "rejected token"])
def test_doctor_and_the_start_of_a_worker_say_so(kafka: TrustedKafka, case: str, tmp_path: Path) -> None:
    access = access_of_case(kafka, case, tmp_path)
    environment = environment_of(access, tmp_path)
    words = [sys.executable, "-m", "episode_monitor"]
    doctor = subprocess.run(
        [*words, "doctor"], capture_output=True, text=True, check=False, timeout=90, cwd=ROOT, env=environment
    )  # fmt: skip
    said = doctor.stdout + doctor.stderr
    assert (doctor.returncode, CASES[case] in said, "Traceback" in said) == (3, True, False), said
    log = tmp_path / "log"
    with log.open("w") as opened:
        worker = subprocess.Popen([*words, "worker"], stdout=opened, stderr=opened, cwd=ROOT, env=environment)
        try:
            found = until(lambda: CASES[case] in log.read_text(), "the sentence in the log of the worker", 90)
        finally:
            worker.terminate()
            worker.wait(60)
    assert found
    assert "Traceback" not in log.read_text()
