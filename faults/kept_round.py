"""A round with violations, kept so that the oracle can judge its evidence again: `python -m faults --judge FOLDER`."""

from pathlib import Path

import msgspec

from faults.evidence import Evidence
from faults.plan import Plan
from faults.stage import Stage

FILE = "round.msgpack"


class KeptRound(msgspec.Struct, kw_only=True):
    """All that a verdict depends on. `wrong`: the sentences at the time."""

    plan: Plan
    receiver_url: str
    evidence: Evidence
    wrong: list[str]


def keep(stage: Stage, wrong: list[str]) -> None:
    """Beside the workers' logs."""
    kept = KeptRound(plan=stage.plan, receiver_url=stage.receiver_url, evidence=stage.evidence, wrong=wrong)
    (stage.folder / FILE).write_bytes(msgspec.msgpack.encode(kept))


def judged_again(folder: Path) -> list[str]:
    """The oracle's sentences on what is kept in the folder. Raises OSError, msgspec.DecodeError."""
    kept = msgspec.msgpack.decode((folder / FILE).read_bytes(), type=KeptRound)
    stage = Stage(kept.plan, folder)
    stage.configure(kept.receiver_url)
    return stage.judge(kept.evidence).verdict()
