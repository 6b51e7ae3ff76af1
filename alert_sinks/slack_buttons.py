"""Buttons below a message of Slack's bot; `episode_monitor/slack` does what they say."""

from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert, AlertStatus

ACKNOWLEDGE = "episode_monitor_acknowledge"
SILENCE = "episode_monitor_silence"
RESOLVE = "episode_monitor_resolve"
ACTIONS = {ACKNOWLEDGE: "button.acknowledge", SILENCE: "button.silence", RESOLVE: "button.resolve"}  # keys of texts
MAX_VALUE = 2000  # Slack's limit


def with_buttons(payload: dict[str, object], alert: Alert, texts: Texts = ENGLISH) -> dict[str, object]:
    """The message with buttons for its alert while it fires."""
    attachments = payload.get("attachments")
    if alert.status is not AlertStatus.FIRING or len(alert.alert_key) > MAX_VALUE or not isinstance(attachments, list):
        return payload
    shown = [name for name in ACTIONS if name != ACKNOWLEDGE or not alert.acknowledged_by]
    elements = [
        {
            "type": "button", "action_id": name, "value": alert.alert_key,
            "text": {"type": "plain_text", "text": texts.say(ACTIONS[name])},
        }
        for name in shown
    ]  # fmt: skip
    buttons = {"fallback": "", "blocks": [{"type": "actions", "elements": elements}]}
    return {**payload, "attachments": [*attachments, buttons]}
