"""How the dispatcher of a round decides: short times, so that a round sees groups wait and steps fall due."""

import msgspec

from streams.dispatch.config import DispatchConfig
from streams.routing.alerting import ON_CALL, TEAM
from streams.routing.chain import Chain, Notify, Wait
from streams.routing.matcher import Matcher
from streams.routing.route import Node, built

VARIABLE = "TEST_DISPATCH"


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. `group_by` () : every alert is a group of its own. `waits_for_past`: alerts of events that are
    behind wait until their partition has caught up, as in production; else all of a round's alerts are news."""

    escalate_ms: int = 0  # 0: as without a plan, later than any round ends
    group_by: tuple[str, ...] = ()
    group_wait_ms: int = 0
    group_interval_ms: int = 0
    repeat_interval_ms: int = 0
    waits_for_past: bool = False


def planned(plan: Dispatch, config: DispatchConfig) -> DispatchConfig:
    """The configuration of the settings with the plan's times."""
    root = Node(
        receiver=TEAM, group_by=plan.group_by or ("...",), group_wait_ms=plan.group_wait_ms,
        group_interval_ms=plan.group_interval_ms, repeat_interval_ms=plan.repeat_interval_ms,
    )  # fmt: skip
    alerting = msgspec.structs.replace(config.alerting, root=built(root))
    if not plan.escalate_ms:
        return msgspec.structs.replace(config, alerting=alerting)
    steps = (Wait(plan.escalate_ms), Notify(ON_CALL))
    chain = Chain(name="critical", matchers=(Matcher("severity", "critical"),), steps=steps)
    on_call = msgspec.structs.replace(config.on_call, chains=(chain,))
    return msgspec.structs.replace(config, alerting=alerting, on_call=on_call)


def dispatch_settings(plan: Dispatch, receiver_url: str) -> dict[str, str]:
    """The environment variables of a worker's dispatcher."""
    return {
        "ONCALL_WEBHOOK_URL": f"{receiver_url}/webhook",
        VARIABLE: msgspec.json.encode(plan).decode(),
    }
