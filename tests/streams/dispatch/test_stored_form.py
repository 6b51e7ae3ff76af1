"""The stored form stays readable: golden bytes of each kind of record, and versions."""

import json
from pathlib import Path

import pytest

from streams.dispatch.decide import decide
from streams.dispatch.inputs import Position, Tick
from streams.dispatch.state import State
from streams.dispatch.storage import FORMAT, NewerFormatError, everything, restored, take_changes
from tests.streams.dispatch.proof_configs import PAGES, config, layer, primary, route
from tests.streams.dispatch.scripts import START_MS, Stage

CONFIG = config(route(), PAGES, schedules=(primary(layer("week", "kim")),))


def stored() -> dict[bytes, bytes]:
    stage = Stage(CONFIG)
    stage.play("""
        0:00 p1 fires critical
        0:00 s1 silences project_id=p2 until 2:00
        0:00 o1 overrides primary lee 1:00 2:00
        0:01 p1 acknowledged ann until 0:31
    """)
    decide(CONFIG, stage.state, Tick(position=Position("acts/0", 41)), START_MS + 90_000)
    return dict(everything(stage.state))


GOLDEN = {
    key.encode(): value
    for key, value in json.loads(Path(__file__).with_name("golden_records.json").read_text()).items()
}


def test_records_are_stored_as_these_bytes() -> None:
    assert {key: value.hex() for key, value in stored().items()} == GOLDEN


def test_these_bytes_are_read() -> None:
    state = restored((key, bytes.fromhex(value)) for key, value in GOLDEN.items())
    assert dict(everything(state)) == stored()


def test_each_record_begins_with_its_version_and_the_positions_are_among_them() -> None:
    assert {value[0] for value in stored().values()} == {FORMAT}
    assert restored(stored().items()).meta.positions == {"acts/0": 41}


def test_a_record_of_a_newer_version_is_refused_by_name() -> None:
    with pytest.raises(NewerFormatError, match=r"'m' of the dispatcher has version 2, this software reads up to 1"):
        restored([(b"m", bytes((FORMAT + 1,)) + b"\x92\x00\x80")])


def test_only_what_has_changed_is_written() -> None:
    stage = Stage(CONFIG)
    stage.play("""
        0:00 p1 fires warning
        0:00 p2 fires warning
    """)
    assert len(list(take_changes(stage.state))) == 5  # two alerts, two groups, the positions
    stage.play("0:01 p1 acknowledged ann")
    assert [key for key, _ in take_changes(stage.state)] == [b"arate:p1", b"m"]
    assert list(take_changes(stage.state)) == []


def test_what_is_gone_is_removed() -> None:
    stage = Stage(CONFIG)
    stage.play("0:00 p1 fires warning")
    list(take_changes(stage.state))
    stage.play("0:01 p1 ends")
    removed = [key for key, value in take_changes(stage.state) if value is None]
    assert [key[:1] for key in removed] == [b"g"]


def test_nothing_stored_is_an_empty_state() -> None:
    assert dict(everything(restored([]))) == dict(everything(State()))
