"""The webhook: its body, its identity over retries, and a signature that others can verify."""

import base64
import hashlib
import hmac
import json
import time

import httpx
import pytest
from standardwebhooks import Webhook

from alert_sinks.kinds.webhook import WebhookSink, secret_key, webhook_id
from alert_sinks.sink import Attempt, Delivered
from models.alert import AlertStatus
from tests.alert_sinks.receiver import Receiver
from tests.alert_sinks.support import NOW_MS, an_alert

KEY = bytes(range(32))
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # KEY in base64
FIRST = Attempt(1, NOW_MS)


async def test_the_body_and_the_headers_of_a_signed_alert(client: httpx.AsyncClient, receiver: Receiver) -> None:
    sink = WebhookSink(client, receiver.url, SECRET)

    assert await sink.deliver(an_alert(title="Fehlerrate über 1 % 한국어"), FIRST) == Delivered()

    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "alert": {
            "alert_key": "episode_failure_rate:proj_1",
            "alert_id": "a1b2",
            "rule_id": "episode_failure_rate",
            "alert_type": "HIGH_FAILURE_RATE",
            "severity": "warning",
            "status": "firing",
            "project_id": "proj_1",
            "title": "Fehlerrate über 1 % 한국어",
            "description": "Episode creation failure rate exceeds 1%",
            "value": 2.5,
            "threshold": 1.0,
            "window_minutes": 15,
            "sample_size": 40,
            "starts_at": "2025-10-09T08:53:20.000Z",
            "ends_at": None,
            "updated_at": "2025-10-09T08:53:20.000Z",
            "acknowledged_by": None,
            "silenced_until": None,
            "escalation_level": 0,
            "reason": "",
            "labels": {},
            "annotations": {},
            "runbook_url": None,
            "dashboard_url": None,
            "trace_ids": [],
        },
        "timestamp": "2025-10-09T08:53:20.123Z",
        "service": "project-service",
        "component": "episode-numbering",
    }
    # The first 32 digits of what `printf 'a1b2:firing:0' | sha256sum` prints.
    assert request.headers["webhook-id"] == "msg_2d0ab90fdd29c21b9c033cefa9b88f68"
    assert request.headers["webhook-timestamp"] == "1760000000"
    signed = b"msg_2d0ab90fdd29c21b9c033cefa9b88f68.1760000000." + request.body
    digest = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert request.headers["webhook-signature"] == f"v1,{digest}"


async def test_a_receiver_with_the_reference_library_accepts_the_signature(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    now = Attempt(1, time.time_ns() // 1_000_000)  # the library refuses timestamps that are not of these minutes

    await WebhookSink(client, receiver.url, SECRET).deliver(an_alert(), now)

    (request,) = receiver.requests
    assert Webhook(SECRET).verify(request.body, request.headers) == json.loads(request.body)


async def test_a_retry_bears_the_same_id_and_its_own_time(client: httpx.AsyncClient, receiver: Receiver) -> None:
    for attempt in (FIRST, Attempt(2, NOW_MS + 60_000)):
        await WebhookSink(client, receiver.url, SECRET).deliver(an_alert(), attempt)

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.headers["webhook-timestamp"] == "1760000060"
    assert second.json["timestamp"] == "2025-10-09T08:54:20.123Z"
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


async def test_without_a_secret_nothing_is_signed_and_the_id_stays(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await WebhookSink(client, receiver.url).deliver(an_alert(), FIRST)

    (request,) = receiver.requests
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"] == "msg_2d0ab90fdd29c21b9c033cefa9b88f68"
    assert request.headers["webhook-timestamp"] == "1760000000"


def test_each_transition_has_an_id_of_its_own() -> None:
    alerts = [
        an_alert(),
        an_alert(alert_id="a1b3"),
        an_alert(status=AlertStatus.RESOLVED),
        an_alert(escalation_level=1),
    ]

    assert len({webhook_id(alert.transition_id) for alert in alerts}) == 4


def test_an_acknowledgement_is_the_same_transition() -> None:
    assert an_alert(acknowledged_by="kim").transition_id == an_alert().transition_id


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (SECRET, KEY),
        (SECRET.rstrip("="), KEY),
        ("a plain pass phrase", b"a plain pass phrase"),
        ("비밀", "비밀".encode()),
        ("AAECAwQF", b"AAECAwQF"),  # base64 only with the prefix
    ],
)
def test_the_forms_of_a_secret(secret: str, key: bytes) -> None:
    assert secret_key(secret) == key


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%%", "whsec_AAEC AwQF", "whsec_A", "whsec_비밀"])
def test_a_secret_without_a_key_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^is empty|^after 'whsec_' is not base64") as refused:
        secret_key(secret)

    assert secret.removeprefix("whsec_") == "" or secret.removeprefix("whsec_") not in str(refused.value)
