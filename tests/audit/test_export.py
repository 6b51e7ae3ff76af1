"""The folder of an export: safe cells, all or nothing, and a manifest that names what was changed afterwards."""

import csv
import errno
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from episode_monitor.audit.export_check import ExportReport, NotAnExport, check_export
from episode_monitor.audit.export_files import CannotExport, Exported, csv_of, write_export
from models.audit_checkpoint import encode_audit_checkpoint
from models.audit_signature import key_id
from tests.audit.interruption import pressed_ctrl_c
from tests.audit.ledger import MONITOR, chain, events
from tests.system.test_commands import ROOT

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
ACT = {"at": "2026-01-01T00:00:00.000Z", "who": "=cmd()", "request": {"by": "kim"}, "result": "done"}
CHECKPOINTS = [encode_audit_checkpoint(each) for each in chain(events(50), key=KEY)]


def exported(checkpoints: list[bytes] = CHECKPOINTS[2:]) -> Exported:
    return Exported(
        jsonl={"acts": [json.dumps(ACT).encode()], "checkpoints": checkpoints},
        csv={"acts": [ACT]},
        about={"monitor_id": MONITOR, "topic": "events", "notes": []},
    )


def faults(report: ExportReport) -> list[tuple[str, str]]:
    return [(fault.name, fault.what) for fault in report.faults]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("  =1", "'  =1"), ("\uff1d1", "'\uff1d1"), ("team/a=b", "team/a=b"), (-5, "-5"), (None, ""), (True, "true"),
        ({"by": "김"}, '{"by": "김"}'), ("a,\"b\"\r\nc", 'a,"b"\r\nc'),
    ],
)  # fmt: skip
def test_no_text_of_a_cell_begins_a_formula(value: Any, cell: str) -> None:
    names, row = csv.reader(io.StringIO(csv_of(["one"], [{"one": value, "two": 2}]).decode(), newline=""))
    assert (names, row) == (["one"], [cell])


def test_a_folder_as_it_was_written_is_intact_and_its_manifest_is_the_one_that_was_said(tmp_path: Path) -> None:
    digest = write_export(tmp_path / "audit", exported())
    report = check_export(tmp_path / "audit", KEYS)
    assert (report.intact, report.manifest_sha256, report.files, report.checkpoints) == (True, digest, 3, 3)
    assert (report.signatures.signed, report.signatures.checked) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["audit"]


def test_a_changed_a_missing_and_an_added_file_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    write_export(folder, exported())
    content = (folder / "acts.csv").read_bytes()
    (folder / "acts.csv").write_bytes(content.replace(b"kim", b"lee"))
    (folder / "acts.jsonl").unlink()
    (folder / "more.csv").touch()
    report = check_export(folder, {})
    assert not report.intact
    assert faults(report) == [("acts.jsonl", "missing"), ("acts.csv", "altered"), ("more.csv", "unexpected")]


def test_a_chain_with_a_hole_in_it_is_not_intact_though_every_file_is(tmp_path: Path) -> None:
    write_export(tmp_path / "audit", exported([CHECKPOINTS[1], CHECKPOINTS[3]]))
    report = check_export(tmp_path / "audit", KEYS)
    assert (report.intact, faults(report)) == (False, [])
    assert [fault.reason for fault in report.chain] == ["Checkpoints are missing before checkpoint 3: 2 to 2."]


def test_what_is_no_export_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotAnExport, match=r"has no manifest\.json, so it is no folder of audit export\.$"):
        check_export(tmp_path, {})


def test_a_manifest_that_is_cut_short_or_another_is_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    digest = write_export(folder, exported())
    assert check_export(folder, {}, digest.upper()).intact
    manifest = folder / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(content.replace(b'"notes": []', b'"notes": [""]'))
    assert check_export(folder, {}).intact
    report = check_export(folder, {}, digest)
    assert (report.intact, faults(report)) == (False, [("manifest.json", "another")])
    for cut in (content[:-9], b"", b"[]"):
        manifest.write_bytes(cut)
        report = check_export(folder, {})
        assert (report.intact, faults(report)) == (False, [("manifest.json", "unreadable")])


@pytest.mark.parametrize(
    ("kept", "due", "unproven"),
    [
        (slice(2, 5), [(0, 0, 50)], [(0, 20)]), (slice(2, 5), [(0, 25, 50)], []),
        (slice(0, 3), [(0, 5, 31)], [(30, 31)]),
        (slice(0, 0), [(0, 5, 31)], [(5, 31)]), (slice(0, 5), [(0, 0, 50), (1, 7, 9)], [(7, 9)]),
    ],
)  # fmt: skip
def test_what_a_checkpoint_of_the_folder_should_cover_and_none_does_is_not_proven(
    kept: slice, due: list[tuple[int, int, int]], unproven: list[tuple[int, int]], tmp_path: Path
) -> None:
    made = exported(CHECKPOINTS[kept])
    named = [{"partition": number, "offset_from": begin, "offset_to": end} for number, begin, end in due]
    write_export(tmp_path / "audit", msgspec.structs.replace(made, about={**made.about, "due": named}))
    report = check_export(tmp_path / "audit", {})
    assert [(each.offset_from, each.offset_to) for each in report.unproven] == unproven
    assert report.intact is not bool(unproven)


def test_a_line_that_is_no_checkpoint_is_named_with_its_partition_where_that_can_be_read(tmp_path: Path) -> None:
    damaged = CHECKPOINTS[3].replace(b'"projects":1', b'"projects":2', 1).replace(b'"records":10', b'"records":11', 1)
    write_export(tmp_path / "audit", exported([CHECKPOINTS[2], damaged, b"{"]))
    found = [(fault.partition, fault.reason[:61]) for fault in check_export(tmp_path / "audit", {}).chain]
    assert found == [
        (None, "Line 3 of checkpoints.jsonl is no checkpoint that can be used"),
        (0, "Line 2 of checkpoints.jsonl is no checkpoint that can be used"),
    ]


def test_a_place_that_is_taken_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    with pytest.raises(FileExistsError):
        write_export(tmp_path / "audit", exported())
    assert [*tmp_path.rglob("*")] == [tmp_path / "audit"]


def test_ctrl_c_while_a_worker_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "episode_monitor", "audit", "export", str(tmp_path / "audit"), "--url"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        pipe = subprocess.PIPE
        with (
            subprocess.Popen([*command, address], cwd=ROOT, text=True, stdout=pipe, stderr=pipe) as running,
            silent.accept()[0],
        ):
            out, err = pressed_ctrl_c(running)
    assert (running.returncode, out) == (130, "")
    assert err == "episode-monitor: The export was interrupted; nothing was left behind.\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_ctrl_c_leaves_nothing_behind(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter([None, error])

    def sync(number: int) -> None:
        raised = next(calls)
        if raised is not None:
            raise raised

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises((CannotExport, KeyboardInterrupt)) as caught:
        write_export(tmp_path / "audit", exported())
    if isinstance(error, OSError):
        assert str(caught.value) == (
            f"{tmp_path / 'audit'} cannot be written: No space left on device; nothing was left behind."
        )
    assert [*tmp_path.iterdir()] == []
