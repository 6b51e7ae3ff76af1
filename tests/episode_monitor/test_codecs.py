"""A machine on which compressed batches cannot be read is told so before anything begins."""

import pytest

from episode_monitor import worker
from episode_monitor.cli import doctor
from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.settings.settings import Settings
from testbed.worker_process import make_core

SENTENCE = "The package cramjam does not load."


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("episode_monitor.worker", "episode_monitor.replay.topic_source", "agents.fetching.decompression"):
        monkeypatch.setattr(f"{module}.missing_codecs", lambda: SENTENCE)


@pytest.mark.usefixtures("broken")
async def test_a_worker_does_not_start_without_its_codecs() -> None:
    with pytest.raises(Failure, match=SENTENCE) as failure:
        await worker.run_worker(Settings(), make_core())
    assert failure.value.code is ExitCode.USAGE


@pytest.mark.usefixtures("broken")
async def test_nor_does_a_replay_of_the_topic() -> None:
    with pytest.raises(Failure, match=SENTENCE):
        await TopicSource("127.0.0.1:1", "episode-events").resolve()


@pytest.mark.usefixtures("broken")
def test_the_doctor_says_so() -> None:
    finding = doctor._codecs()
    assert (finding.verdict, finding.sentence) == (DiagnosisLevel.WRONG, SENTENCE)


def test_here_all_codecs_are_there() -> None:
    assert doctor._codecs().sentence == "Compressed batches can be read: gzip, snappy, lz4, zstd."
