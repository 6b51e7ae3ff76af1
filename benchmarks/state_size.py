"""How many bytes of state a project of a hundred episodes costs, key included, at several paces of creation."""

from pathlib import Path
from random import Random
from uuid import UUID

import yaml

from models.event import Event, EventType
from streams.alerting.core import Core
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleSet
from streams.base import changelog_keys
from streams.project.project_state import ProjectState
from streams.project.state_codec import checkpoint
from streams.project.step import step

EPISODES = 100
PACES_SECONDS = {"an episode a second": 1, "ten minutes": 600, "an hour": 3600, "six hours": 21_600}


def run() -> dict[str, dict[str, int]]:
    """Bytes by kind of episode id and by the time between two creations."""
    return {
        kind: {pace: bytes_at(seconds, is_uuid=kind == "uuid") for pace, seconds in PACES_SECONDS.items()}
        for kind in ("short ids (ep_000123)", "uuid")
    }


def bytes_at(pace_seconds: float, *, is_uuid: bool) -> int:
    """Bytes of a project with so many seconds between two creations."""
    state = project_at(pace_seconds, EPISODES, is_uuid=is_uuid)
    return len(checkpoint(state).head) + len(changelog_keys.head(state.project_id))


def project_at(pace_seconds: float, episodes: int, *, is_uuid: bool) -> ProjectState:
    """A project with so many seconds between two creations."""
    core = Core(RuleSet(parse_rules(yaml.safe_load(Path(__file__).parents[1].joinpath("rules.yaml").read_text()))))
    chance, state, at_ms = Random(1), ProjectState(core, "proj_0001"), 1_760_000_000_000
    for number in range(1, episodes + 1):
        at_ms += int(pace_seconds * 1000 * chance.uniform(0.5, 1.5))
        episode_id = str(UUID(int=chance.getrandbits(128))) if is_uuid else f"ep_{chance.randrange(10**6):06d}"
        event = Event(
            event_id=str(UUID(int=chance.getrandbits(128))), type=EventType.CREATED, project_id=state.project_id,
            occurred_at_ms=at_ms, operation_id=str(UUID(int=chance.getrandbits(128))), episode_id=episode_id,
            episode_number=number, duration_seconds=chance.lognormvariate(-1, 0.5), source="service-1", sequence=number,
        )  # fmt: skip
        step(core, state, event)
    return state
