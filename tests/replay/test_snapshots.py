"""A replay that goes on from a snapshot comes to the report of one replay over everything."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from episode_monitor.replay import snapshot as snapshots
from episode_monitor.replay.partition_replay import Saved
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.snapshot import CannotSave, Header, UnusableSnapshot
from episode_monitor.replay.work import Work, shares, together
from testbed.worker_process import make_core
from tests.replay.support import Held, as_json, done, event

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 90), st.sampled_from("pqr"), st.sampled_from(["created", "deleted", "renumbered"]),
        st.sampled_from("abcdef"), st.integers(1, 9), st.integers(0, 1),
    ),
    min_size=2, max_size=40,
)  # fmt: skip
Row = tuple[int, str, str, str, int, int]


def partitions_of(rows: list[Row]) -> list[list[bytes]]:
    """Projects p and q in one partition each, r perhaps in both; some records are no events."""
    at, found = 0, [[b"useless"], []]
    for pause, project, kind, episode, number, part in rows:
        at += pause
        line = event(project, at, kind, f"{episode}{at}" if kind == "created" else episode, number)
        found[{"p": 0, "q": 1}.get(project, part)].append(line)
    return found


def packed(saved: list[Saved]) -> list[Saved]:
    """As they come out of a file or another process."""
    return [msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=Saved) for each in saved]


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.data())
def test_a_snapshot_and_the_rest_are_one_replay_wherever_it_was_cut(rows: list[Row], data: st.DataObject) -> None:
    core, source = make_core(), Held(*partitions_of(rows))
    ends = [len(lines) for lines in partitions_of(rows)]
    until_ms = data.draw(st.sampled_from([None, 1_760_000_400_000 + 9_000_000]))
    whole = [Bounds(number, 0, end) for number, end in enumerate(ends)]
    expected = as_json(core, done(core, source, Work(whole, until_ms=until_ms)))
    cuts = [data.draw(st.integers(0, end)) for end in ends]
    before = [Bounds(number, 0, cut) for number, cut in enumerate(cuts)]
    first = done(core, source, Work(before, keeps_end=True))
    after = [Bounds(number, cut, end) for number, (cut, end) in enumerate(zip(cuts, ends, strict=True))]
    assert as_json(core, done(core, source, Work(after, packed(first.saved), until_ms))) == expected


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.integers(1, 12))
def test_a_stopped_replay_goes_on_to_the_same_report(rows: list[Row], batches: int) -> None:
    core, source = make_core(), Held(*partitions_of(rows))
    whole = [Bounds(number, 0, len(lines)) for number, lines in enumerate(partitions_of(rows))]
    expected = as_json(core, done(core, source, Work(whole)))
    stopped = done(core, source, Work(whole, keeps_stop=True), batches)
    if stopped.is_finished:
        assert as_json(core, stopped) == expected
        return
    places = {each.tally.partition: each.tally.next for each in stopped.saved}
    rest = [Bounds(each.partition, places[each.partition], each.end) for each in whole]
    assert as_json(core, done(core, source, Work(rest, packed(stopped.saved)))) == expected


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_shares_of_the_work_put_together_are_the_same_report(rows: list[Row]) -> None:
    core, source = make_core(), Held(*partitions_of(rows))
    work = Work([Bounds(number, 0, len(lines)) for number, lines in enumerate(partitions_of(rows))])
    parts = [done(core, source, share) for share in shares(work, 2)]
    assert len(parts) == 2
    assert as_json(core, together(parts[::-1])) == as_json(core, done(core, source, work))


def test_the_longest_partitions_go_to_the_process_with_the_least() -> None:
    work = Work([Bounds(0, 0, 10), Bounds(1, 0, 90), Bounds(2, 0, 50), Bounds(3, 0, 45)])
    assert [[one.partition for one in share.bounds] for share in shares(work, 2)] == [[0, 1], [2, 3]]
    assert len(shares(work, 9)) == 4


# --- the file


def header(**changes: object) -> Header:
    made = Header("topic t", snapshots.settings_of(make_core()), [Bounds(0, 0, 2)], None, 1, None, is_finished=True)
    return msgspec.structs.replace(made, **changes)


def written(path: Path, **changes: object) -> Path:
    work = Work([Bounds(0, 0, 2)], keeps_end=True)
    first = done(make_core(), Held([event("p", 0, "created", "a", 1), event("p", 1, "created", "c", 3)]), work)
    snapshots.save(path, header(**changes), first.saved)
    return path


def test_a_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = snapshots.load(written(tmp_path / "s"), make_core(), "topic t")
    assert (found.header, found.next_offsets) == (header(), {0: 2})
    assert [each.name for each in tmp_path.iterdir()] == ["s"]


def test_a_damaged_snapshot_is_refused_whichever_byte_it_is(tmp_path: Path) -> None:
    content = written(tmp_path / "s").read_bytes()
    for at in range(0, len(content), 97):
        (tmp_path / "s").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(UnusableSnapshot, match=r"damaged|not a snapshot|has version"):
            snapshots.load(tmp_path / "s", make_core(), "topic t")
    for length in (0, 10, 26, 40, len(content) - 1):
        (tmp_path / "s").write_bytes(content[:length])
        with pytest.raises(UnusableSnapshot, match=r"damaged|not a snapshot"):
            snapshots.load(tmp_path / "s", make_core(), "topic t")


def test_a_snapshot_of_something_else_is_refused_with_a_sentence(tmp_path: Path) -> None:
    settings_there = snapshots.settings_of(make_core())
    cases: list[tuple[dict[str, object], str]] = [
        ({"source": "topic u"}, "was made of topic u, not of topic t"),
        ({"settings": settings_there | {"GRACE_SECONDS": 7}}, "made with GRACE_SECONDS=7, and now it is 60; use"),
        ({"settings": settings_there | {"FIRST_NUMBER": None}}, "made with FIRST_NUMBER=nothing, and now it is 1; use"),
        ({"settings": settings_there | {"rules": "x"}}, "made with other rules; use"),
    ]
    for changes, sentence in cases:
        with pytest.raises(UnusableSnapshot, match=sentence):
            snapshots.load(written(tmp_path / "s", **changes), make_core(), "topic t")
    (tmp_path / "s").write_bytes(b"episode-monitor snapshot 9\nrest")
    with pytest.raises(UnusableSnapshot, match="has version 9 and this monitor reads version 1"):
        snapshots.load(tmp_path / "s", make_core(), "topic t")
    with pytest.raises(UnusableSnapshot, match="cannot be read: No such file"):
        snapshots.load(tmp_path / "none", make_core(), "topic t")


def test_a_full_disk_leaves_the_snapshot_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(tmp_path / "s").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotSave, match="s cannot be written: No space left on device"):
        written(tmp_path / "s")
    assert [each.name for each in tmp_path.iterdir()] == ["s"]
    assert (tmp_path / "s").read_bytes() == before
    with pytest.raises(CannotSave, match="No such file or directory"):
        snapshots.save(tmp_path / "none" / "s", header(), [])
