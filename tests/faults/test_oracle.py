"""The oracle finds nothing in a correct run and names every kind of violation."""

import json
from collections.abc import Callable

import msgspec
import pytest

from agents.engine.changelog import MARKER
from faults.evidence import Commit, Kept, Sent, commits_of
from faults.honest import START_MS, HonestRun
from faults.oracle import Oracle
from faults.replay import Replay, Stored, replay, stored_outcome
from models.alert_codec import encode_alert
from models.audit_checkpoint import (
    NO_LINK,
    AuditCheckpoint,
    decode_audit_checkpoint,
    encode_audit_checkpoint,
    link_hash,
)
from models.event import Event
from streams.base import changelog_keys
from streams.partition.partition import Partition
from streams.project.state_codec import checkpoint
from streams.views.project_views import project_view
from testbed.worker_process import make_core

CORE = make_core()


@pytest.fixture
def run() -> HonestRun:
    return HonestRun(CORE, "lies-")


def verdict(run: HonestRun) -> list[str]:
    return Oracle(CORE, run.topics, run.evidence).verdict()


def clean(run: HonestRun, partition: int = 0) -> Replay:
    return replay(CORE, partition, run.evidence.events[partition], START_MS)


def says(run: HonestRun, *words: str) -> bool:
    """Whether one of the sentences has all of these words."""
    sentences = verdict(run)
    assert any(all(word in sentence for word in words) for sentence in sentences), sentences
    return True


def restored(run: HonestRun, partition: int, take: Callable[[Event, int], bool]) -> None:
    """Let a partition's events be applied anew, only those that `take` chooses, and put that into the changelog."""
    taker = Partition(CORE, partition, Stored())
    for offset, event in clean(run, partition).events:
        if take(event, offset):
            taker.take(event, offset)
    taker.pass_over(len(run.evidence.events[partition]) - 1)
    changes = taker.collect()
    store = [*changes.writes, (changelog_keys.CURSOR, msgspec.msgpack.encode(changes.cursor))]
    run.evidence.changelog[partition] = [Kept(at, key, value) for at, (key, value) in enumerate(store)]


def test_a_flawless_run_is_found_flawless_and_adds_up(run: HonestRun) -> None:
    oracle = Oracle(CORE, run.topics, run.evidence)
    assert oracle.verdict() == []
    counts = oracle.counts
    assert counts["acknowledged"] > 600
    kinds = ("applied", "late", "re-sends", "dead letters", "tombstones")
    assert min(counts[kind] for kind in kinds) > 0
    assert counts["acknowledged"] == sum(counts[kind] for kind in kinds)
    assert counts["transitions"] > 20


# --- events


def test_an_event_that_was_never_applied_is_named(run: HonestRun) -> None:
    lost = next((o, e) for o, e in clean(run).events if e.episode_id and o > 50)
    restored(run, 0, lambda event, offset: offset != lost[0])
    assert says(run, f"The event {lost[1].event_id} of {lost[1].project_id} at offset {lost[0]}", "never applied")
    assert says(run, "Partition 0:", "records in the journal are not")
    assert says(run, f"The state of {lost[1].project_id} has another hash")
    assert says(run, f"{lost[1].project_id} has", "where the model has")


def test_an_event_that_was_applied_twice_is_noticed_in_the_counters_and_in_the_sum(run: HonestRun) -> None:
    events = clean(run).events
    twice = [event for _, event in events if event.duration_seconds is not None][-1]
    taker = Partition(CORE, 0, Stored())
    for at, event in events:
        taker.take(event, at)
    state = taker.state(twice.project_id)
    assert state is not None
    again = Event(**twice.as_dict() | {"event_id": "another name", "operation_id": "another name", "source": None})
    taker.take(again, len(run.evidence.events[0]))  # as if its id had been forgotten
    changes = taker.collect()
    writes = [*changes.writes, (changelog_keys.CURSOR, msgspec.msgpack.encode(changes.cursor))]
    run.evidence.changelog[0] = [Kept(at, key, value) for at, (key, value) in enumerate(writes)]
    assert says(run, f"{twice.project_id} has", "for totals where the model has")
    assert says(run, "Partition 0:", "records in the journal are not")
    assert says(run, "totals of partition 0")


def test_a_project_without_a_state_and_a_state_without_a_project_are_named(run: HonestRun) -> None:
    gone = next(iter(clean(run).projects))
    log = run.evidence.changelog[0]
    kept = [record for record in log if record.key != changelog_keys.head(gone)]
    other = next(record for record in log if record.key == changelog_keys.head(gone))
    run.evidence.changelog[0] = [*kept, Kept(len(log), changelog_keys.head("stranger"), other.value)]
    assert says(run, f"The project {gone} of partition 0 is lost")
    assert says(run, "the project stranger, of which there is no event")


def test_an_acknowledged_record_that_the_broker_lost_is_named(run: HonestRun) -> None:
    sent = run.evidence.acknowledged
    sent.append(Sent(1, 99_999, b"proj_001", b"{}"))
    assert says(run, "The broker acknowledged Offset 99999 of partition 1 and no longer has it")
    sent[-1] = msgspec.structs.replace(sent[0], value=b"something else")
    assert says(run, "Offset 0 of partition 0 holds another record")


def test_a_record_that_was_not_sent_is_named_unless_its_sender_is_unsure(run: HonestRun) -> None:
    last = run.evidence.acknowledged.pop()
    assert says(run, f"Offset {last.offset} of partition {last.partition} holds a record that was not sent")
    run.evidence.unsure.add(last.value or b"")
    assert verdict(run) == []


# --- audit checkpoints


def restated(run: HonestRun, at: int, **changes: object) -> None:
    """State other things in an audit checkpoint of partition 0, in canonical bytes."""
    log = run.evidence.audit[0]
    found = msgspec.convert(msgspec.json.decode(log[at].value or b"") | changes, AuditCheckpoint)
    log[at] = Kept(at, log[at].key, encode_audit_checkpoint(found))


def test_audit_checkpoints_that_do_not_fit_the_topic_are_named(run: HonestRun) -> None:
    first = decode_audit_checkpoint(run.evidence.audit[0][0].value)
    assert isinstance(first, AuditCheckpoint)
    who = "Audit checkpoint 0 of lies-/lies--events/0"
    (end, records, _) = msgspec.structs.astuple(first.ranges[0])
    restated(run, 0, ranges=[(end, records, "0" * 64)])
    assert says(run, who, f"has another digest of the records from 0 to {end} than the topic")
    assert says(run, who, "has a digest that is not that of its ranges")
    assert says(run, "Audit checkpoint 1 of lies-/lies--events/0 is not linked to the one before it")
    restated(run, 0, ranges=[(end, records - 1, first.ranges[0].sha256)])
    assert says(run, who, f"counts {records - 1} records from 0 to {end}; the topic has {records}")
    assert says(run, who, "does not add up")


def test_a_wrong_state_digest_is_named(run: HonestRun) -> None:
    restated(run, 1, state_digest="0" * 32)
    assert says(run, "Audit checkpoint 1", f"has state digest {'0' * 32} at ")


def test_a_chain_with_a_hole_and_one_that_ends_early_are_named(run: HonestRun) -> None:
    log = run.evidence.audit[0]
    last = log.pop()
    assert says(run, "The audit checkpoints of lies-/lies--events/0 end at")
    log.append(last)
    del log[1]
    assert says(run, "Audit checkpoint 2", "stands where 1 should")
    assert says(run, "Audit checkpoint 2", "begins at 200 instead of 100")


def test_a_chain_begins_anew_only_where_the_changelog_was_lost(run: HonestRun) -> None:
    log, previous = run.evidence.audit[0], NO_LINK
    for kept in list(log):
        found = decode_audit_checkpoint(kept.value)
        assert isinstance(found, AuditCheckpoint)
        anew = msgspec.structs.replace(found, software="the same, later", previous=previous)
        log.append(Kept(len(log), kept.key, encode_audit_checkpoint(anew)))
        previous = link_hash(anew)
    assert says(run, "Audit checkpoint 0 of lies-/lies--events/0", "is not linked to the one before it")
    run.evidence.lost_changelogs = 1
    assert verdict(run) == []
    del log[-1]
    assert says(run, "The audit checkpoints of lies-/lies--events/0 end at")


def test_a_checkpoint_that_was_sent_twice_is_one(run: HonestRun) -> None:
    log = run.evidence.audit[0]
    log.append(log[0])
    assert verdict(run) == []


# --- state


def test_a_changed_state_has_another_hash(run: HonestRun) -> None:
    outcome = stored_outcome(CORE, 0, run.evidence.changelog[0])
    name = next(name for name, state in outcome.states.items() if state.totals)
    state = outcome.states[name]
    state.now_ms += 1
    run.evidence.changelog[0].append(Kept(10**6, changelog_keys.head(name), checkpoint(state).head))
    assert verdict(run) == [f"The state of {name} has another hash than a clean replay gives."]


def test_a_partition_that_was_not_stored_to_its_end_is_named(run: HonestRun) -> None:
    log = run.evidence.changelog[0]
    cursors = [record for record in log if record.key == changelog_keys.CURSOR]
    log.remove(cursors[-1])
    assert says(run, "Partition 0 is stored up to", "and has a record at")
    run.evidence.changelog[0] = [record for record in log if record.key != changelog_keys.CURSOR]
    assert says(run, "Partition 0 has no cursor")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (changelog_keys.HEAD, "the state of"),
        (changelog_keys.CURSOR, "its cursor"),
        (changelog_keys.TOTALS, "its totals"),
    ],
)
def test_a_former_owner_that_writes_after_its_successor_is_noticed(run: HonestRun, kind: bytes, what: str) -> None:
    log = run.evidence.changelog[0]
    by_key: dict[bytes, list[Kept]] = {}
    for record in log:
        if record.key and record.key[:1] == kind:
            by_key.setdefault(record.key, []).append(record)
    older = next(records[0] for records in by_key.values() if len(records) > 1)
    newest = by_key[older.key or b""][-1]
    log += [Kept(10**6, older.key, older.value), Kept(10**6 + 1, newest.key, newest.value)]
    sentences = verdict(run)
    assert len(sentences) == 1  # it was mended by what was written later, and still it happened
    assert f"At offset 1000000 of the changelog of partition 0 {what}" in sentences[0]
    assert "a former owner wrote after its successor" in sentences[0]


def test_a_state_that_lacks_a_part_is_said_to_be_unreadable(run: HonestRun) -> None:
    run.evidence.changelog[0].append(Kept(10**6, changelog_keys.head("proj_000"), b"nonsense"))
    with pytest.raises(Exception, match="unpack"):
        stored_outcome(CORE, 0, run.evidence.changelog[0])
    assert says(run, "The state of partition 0 cannot be recovered")


# --- dead letters


def test_dead_letters_lost_foreign_doubled_and_mislabelled_are_named(run: HonestRun) -> None:
    letters = run.evidence.dead_letters
    lost = letters.pop(0)
    place = dict(lost.headers)
    name = f"Offset {int(place['dl_offset'])} of partition {int(place['dl_partition'])}"
    assert says(run, f"{name} is no event ({place['dl_reason'].decode()}) and has no dead letter")
    letters += [lost, lost]
    assert verdict(run) == [f"{name} has 2 dead letters."]
    assert Oracle(CORE, run.topics, run.evidence, letters_once=False).verdict() == []
    run.evidence.shut_out = ["a"]  # what it had still to send may have come behind its successor's letter
    assert verdict(run) == []
    run.evidence.shut_out = []
    letters[-1] = with_header(lost, "dl_reason", b"too_cold")
    assert says(run, f"The dead letter of {name} has the reason too_cold")
    good = clean(run).events[0][0]
    letters[-1] = with_header(with_header(lost, "dl_partition", b"0"), "dl_offset", b"%d" % good)
    assert says(run, f"Offset {good} of partition 0 has a dead letter although it is a valid event")


def with_header(letter: Kept, name: str, value: bytes) -> Kept:
    return msgspec.structs.replace(letter, headers=tuple({**dict(letter.headers), name: value}.items()))


# --- alerts


def test_a_transition_that_was_never_emitted_is_named(run: HonestRun) -> None:
    lost = run.evidence.alerts[0].pop(3)
    assert says(run, json.loads(lost.value or b"")["alert_key"], "was never emitted")


def test_a_transition_may_be_emitted_again_but_not_with_other_contents(run: HonestRun) -> None:
    log = run.evidence.alerts[0]
    alert = next(iter(clean(run).transitions.values()))
    log.append(Kept(10**6, log[0].key, encode_alert(alert)))
    assert verdict(run) == []
    log.append(Kept(10**6 + 1, log[0].key, encode_alert(msgspec.structs.replace(alert, sample_size=12345))))
    assert verdict(run) == [
        f"The transition {alert.transition_id} of {alert.alert_key} was emitted with other contents."
    ]


def test_a_transition_that_the_model_lacks_is_named(run: HonestRun) -> None:
    alert = msgspec.structs.replace(next(iter(clean(run).transitions.values())), alert_id="0123")
    run.evidence.alerts[0].append(Kept(10**6, b"k", encode_alert(alert)))
    run.evidence.alerts[0].append(Kept(10**6 + 1, b"k", b"no alert at all"))
    assert says(run, "The transition 0123:", "the model lacks it")
    assert says(run, "Offset 1000001 of partition 0", "is no alert")


def test_transitions_of_one_alert_emitted_in_another_order_are_noticed(run: HonestRun) -> None:
    log = run.evidence.alerts[0]
    keyed = [record.key for record in log]
    key = next(key for key in keyed if keyed.count(key) > 1)
    first, second = [at for at, each in enumerate(keyed) if each == key][:2]
    log[first], log[second] = log[second], log[first]
    assert verdict(run) == [f"The transitions of {(key or b'').decode()} were first emitted in another order."]


def test_a_committed_offset_that_goes_back_or_is_forgotten_is_noticed(run: HonestRun) -> None:
    commits, topic = run.evidence.commits, run.topics.events
    last = commits[-1]
    commits.append(msgspec.structs.replace(last, offset=last.offset - 1))
    assert verdict(run) == [
        f"The committed offset of partition {last.partition} of {topic} went back from {last.offset} to "
        f"{last.offset - 1}."
    ]
    commits[-1] = msgspec.structs.replace(last, offset=-1)
    assert says(run, f"went back from {last.offset} to -1")


def test_commits_are_read_from_the_group_coordinators_records() -> None:
    def text(word: str) -> bytes:
        return len(word).to_bytes(2, "big") + word.encode()

    key = (1).to_bytes(2, "big") + text("mine") + text("events") + (3).to_bytes(4, "big")
    value = (3).to_bytes(2, "big") + (77).to_bytes(8, "big") + b"rest"
    member = (2).to_bytes(2, "big") + text("mine")
    log = [
        Kept(0, member, b"x"),
        Kept(1, key, value),
        Kept(2, key.replace(b"mine", b"hers"), value),
        Kept(3, key, None),
    ]
    assert commits_of(log, "mine") == [Commit("events", 3, 77), Commit("events", 3, -1)]


# --- views


def view_at(run: HonestRun, project: str, before: int) -> dict[str, object]:
    """The view of a project after its events before an offset of partition 0."""
    taker = Partition(CORE, 0, Stored())
    for at, event in clean(run).events:
        if at < before:
            taker.take(event, at)
    state = taker.state(project)
    assert state is not None
    body: dict[str, object] = json.loads(msgspec.json.encode(project_view(state, 0, START_MS)))
    return body


def test_a_view_of_any_moment_is_right_and_a_mixture_of_two_moments_is_not(run: HonestRun) -> None:
    project = clean(run).events[0][1].project_id
    early, later = view_at(run, project, 60), view_at(run, project, 250)
    assert early["total_episodes"] != later["total_episodes"]
    for body in (early, later):
        run.answer("a", project, body)
    run.answer("a", project, None, 503)
    run.answer("b", project, None, 0)
    assert verdict(run) == []
    run.answer("b", project, later | {"total_episodes": early["total_episodes"]})
    applied = later["applied"]
    assert isinstance(applied, dict)
    assert verdict(run) == [
        f"Worker b at offset {applied['offset']}: {project} has {early['total_episodes']} for total_episodes where "
        f"the replay has {later['total_episodes']}."
    ]


def test_a_project_that_vanishes_a_fleet_that_shrinks_and_other_errors_are_noticed(run: HonestRun) -> None:
    project = clean(run).events[0][1].project_id
    run.answer("b", project, None, 404)  # before it was shown
    run.answer("a", project, view_at(run, project, 60))
    run.answer("b", project, None, 404, at=9.0)
    run.answer("a", "", {"total_projects": 12})
    run.answer("a", "", {"total_projects": 11}, at=1.0)
    run.answer("a", project, None, 500)
    assert verdict(run) == [
        f"Worker b answered that {project} is unknown after it had been shown.",
        "Worker a showed 11 projects in all after it had shown 12.",
        f"Worker a answered 500 about {project}.",
    ]


def test_what_was_not_stored_when_an_owner_began_may_be_missing_for_as_long_as_it_takes(run: HonestRun) -> None:
    """One project is stored behind the marker of the owner that read the state back, the others before it."""
    log = run.evidence.changelog[0]
    head = next(each.key or b"" for each in reversed(log) if (each.key or b"")[:1] == changelog_keys.HEAD)
    late = changelog_keys.project_of(head)
    before, behind = [each for each in log if each.key != head], [each for each in log if each.key == head]
    rows = [*before, Kept(0, MARKER, b"second owner", timestamp=5_000), *behind]
    run.evidence.changelog[0] = [msgspec.structs.replace(each, offset=at) for at, each in enumerate(rows)]
    other = next(event.project_id for _, event in clean(run).events if event.project_id != late)
    for project in (late, other):
        offset = next(offset for offset, event in clean(run).events if event.project_id == project)
        run.answer("a", project, view_at(run, project, offset + 1), at=4.0)
    run.answer("a", "", {"total_projects": 12}, at=4.0)
    for project in (late, other):
        run.answer("a", project, None, 404, at=99.0)
    run.answer("a", "", {"total_projects": 11}, at=99.0)
    run.answer("a", "", {"total_projects": 9}, at=100.0)
    assert verdict(run) == [
        f"Worker a answered that {other} is unknown after it had been shown.",
        "Worker a showed 9 projects in all after it had shown 11.",
    ]


def test_many_violations_of_one_kind_are_shortened(run: HonestRun) -> None:
    for log in run.evidence.alerts.values():
        log.clear()
    sentences = verdict(run)
    assert len(sentences) == 9
    assert sentences[-1].endswith("more like these.")
