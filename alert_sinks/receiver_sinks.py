"""Makes the sinks of the receivers of an alerting file. A sink is named after its receiver, kind and place there.

Names of sinks of the settings have no slash, so no sink of a file has the name of one of them.
"""

from collections.abc import Iterable

import httpx
from pydantic import SecretStr

from alert_sinks.destinations import RECEIVER_KINDS
from alert_sinks.pace import Rate
from alert_sinks.receivers import Form, Receiver, ReceiverConfig
from alert_sinks.sink import ReceiverSink, SinkKind, SinkParts

_KIND_OF = {kind.receiver.config: (key, kind) for key, kind in RECEIVER_KINDS.items() if kind.receiver is not None}


def build_receivers(
    receivers: Iterable[Receiver], client: httpx.AsyncClient, timeout_seconds: float, *, has_buttons: bool = False
) -> dict[str, list[ReceiverSink]]:
    """The sinks of each receiver: `team/slack`, and of several of a kind `team/slack/2`. Raises ValueError with a
    sentence for each one that cannot be made."""
    found: dict[str, list[ReceiverSink]] = {}
    faults: list[str] = []
    for receiver in receivers:
        sinks = found[receiver.name] = []
        counts: dict[str, int] = {}
        for config in receiver.configs:
            key, kind = _KIND_OF[type(config)]
            number = counts[key] = counts.get(key, 0) + 1
            try:
                parts = SinkParts(client, sink_name(receiver.name, key, number), timeout_seconds, has_buttons)
                sinks.append(_built(kind, config, parts))
            except ValueError as error:
                faults.append(f"receiver {receiver.name}, {key} {number}: {error}.")
    if faults:
        raise ValueError("\n".join(faults))
    return found


def addresses_of(config: ReceiverConfig) -> dict[str, str]:
    """Where it sends, by key of the file: http and https addresses, and smtp://HOST:PORT of a mail server."""
    kind = _KIND_OF[type(config)][1].receiver
    assert kind is not None
    found: dict[str, str] = {}
    for key, form in kind.forms.items():
        value = getattr(config, kind.renamed.get(key, key), None)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text and form in (Form.ADDRESS, Form.SECRET_ADDRESS):
            found[key] = text
        elif text and form is Form.HOST_PORT:
            found[key] = f"smtp://{text}"
    return found


def rate_of_config(config: ReceiverConfig) -> Rate | None:
    """How fast its destination takes messages; None: as fast as it answers."""
    return _KIND_OF[type(config)][1].rate(config)


def keeps_incidents(config: ReceiverConfig) -> bool:
    """Whether its destination has an incident for each group of alerts, which people acknowledge."""
    return _KIND_OF[type(config)][1].keeps_incidents(config)


def takes_all(config: ReceiverConfig) -> bool:
    """Whether its destination wants each alert of a group."""
    return _KIND_OF[type(config)][1].takes_all


def sink_name(receiver: str, key: str, number: int) -> str:
    """Names a sink in the ledger, in metrics and logs. `key` as in the file; `number` among its kind, from 1."""
    name = f"{receiver}/{key.removesuffix('_configs')}"
    return name if number == 1 else f"{name}/{number}"


def _built(kind: SinkKind, config: ReceiverConfig, parts: SinkParts) -> ReceiverSink:
    assert kind.of_config is not None
    return ReceiverSink(kind.of_config(config, parts), config, kind.keeps_incidents(config))
