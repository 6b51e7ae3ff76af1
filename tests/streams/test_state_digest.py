"""The digest of many projects is the sum of their parts; that of rules changes with what a fingerprint sees."""

from hashlib import blake2b

from streams.alerting.core import Core
from streams.alerting.rules import RuleSet
from streams.base.calendar import Calendar
from streams.base.numbering_rules import NumberingRules
from streams.project.fingerprint import fingerprint
from streams.project.project_state import ProjectState
from streams.project.state_digest import (
    digest_of_project,
    digest_text,
    exchanged,
    project_digest,
    rules_digest,
    total_of,
)
from tests.streams_views.making import FAILURES, INTEGRITY, make_core

CORE = Core(RuleSet(()))
LARGEST = 2**128 - 1


def test_a_project_adds_the_hash_of_its_id_and_fingerprint() -> None:
    assert digest_text(project_digest("p", "ab")) == blake2b(b"pab", digest_size=16).hexdigest()
    state = ProjectState(CORE, "p")
    assert digest_of_project(state) == project_digest("p", fingerprint(state))


def test_sums_wrap_and_an_exchange_is_the_sum_anew() -> None:
    assert total_of([LARGEST, 3]) == 2
    assert exchanged(2, 3, 0) == LARGEST
    assert exchanged(total_of([LARGEST, 3]), 3, 7) == total_of([LARGEST, 7])
    assert digest_text(10) == "0" * 31 + "a"


def test_the_digest_of_the_rules_follows_every_setting_that_decides_a_state() -> None:
    def core(**changes: object) -> Core:
        return Core(RuleSet((FAILURES,)), **changes)  # type: ignore[arg-type]

    cores = [
        core(), core(grace_ms=30_000), core(resend_memory=12), core(open_conflicts_max=3),
        core(calendar=Calendar("Asia/Seoul")), core(numbering=NumberingRules(first_number=None)),
        core(numbering=NumberingRules(max_jump=9)), core(numbering=NumberingRules(max_episodes=9)),
        make_core(INTEGRITY),
    ]  # fmt: skip
    assert len({rules_digest(one) for one in cores}) == len(cores)
    assert rules_digest(core()) == rules_digest(core(numbering=NumberingRules(settle_ms=5)))
