"""The digest of many projects is the sum of their parts; that of rules changes with what a fingerprint sees."""

from hashlib import blake2b

from streams.alerting.core import Core
from streams.alerting.rules import RuleSet
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


def test_settings_that_a_fingerprint_sees_change_the_digest_of_the_rules() -> None:
    plain = rules_digest(CORE)
    assert plain == rules_digest(Core(RuleSet(()), dashboard_url="http://x", escalate_after_ms=1))
    for other in (Core(RuleSet(()), grace_ms=1), Core(RuleSet(()), NumberingRules(settle_ms=1))):
        assert rules_digest(other) != plain
