"""A fleet half old, half new: workers of an older version of this repository beside the present ones, upgraded in both
orders, rolled back, and killed in between. Nothing is lost or doubled, and every answer is right.

Which version is the older one: `faults.versions.old_commit`.
"""

import pytest

from faults.runner import play_rounds
from faults.versions import NoOldVersion, old_commit

SEED = 1


@pytest.fixture
def old_version() -> str:
    try:
        return old_commit()
    except NoOldVersion as error:
        pytest.skip(str(error))


@pytest.mark.broker
@pytest.mark.apache
async def test_a_fleet_of_two_versions_answers_and_alerts_as_one_does(broker: str, old_version: str) -> None:
    lines: list[str] = []
    reports = await play_rounds(
        broker, (SEED, SEED + 1), picked=("upgrade", "downgrade"), at_once=2, write=lines.append
    )
    wrong = [f"{report.scenario} from {old_version}: {sentence}" for report in reports for sentence in report.wrong]
    assert not wrong, "\n".join([" | ".join(wrong), *lines])
    by_name = {report.scenario: report for report in reports}
    assert by_name["upgrade"].deaths == {"SIGTERM": 6, "at random": 2}
    assert by_name["downgrade"].deaths == {"SIGTERM": 2}
    for report in reports:
        assert report.counts["acknowledged"] > 1000
        assert report.counts["transitions"] > 50
        assert report.counts["notifications"] > 10


def test_without_history_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTS_OLD_VERSION", "no-such-version")
    with pytest.raises(NoOldVersion, match=r"^Git cannot give an older version: .*\.$"):
        old_commit()
