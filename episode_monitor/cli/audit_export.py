"""`audit export`: a folder for auditors. `audit verify --export`: the folder beside its manifest."""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from episode_monitor import __version__
from episode_monitor.access import kafka_access
from episode_monitor.audit.export import ExportJob, collect
from episode_monitor.audit.export_check import ExportReport, NotAnExport, check_export
from episode_monitor.audit.export_files import CannotExport, Exported, write_export
from episode_monitor.cli.audit_words import fault_sentence, key_sentence
from episode_monitor.cli.calling import Url, WorkerClient
from episode_monitor.cli.output import Json, count, print_json
from episode_monitor.cli.replay_options import ShowsProgress, run
from episode_monitor.cli.replay_progress import shown_progress
from episode_monitor.cli.times import Before, From, asked_ms
from episode_monitor.exits import ExitCode, Failure, Interrupted
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, load_settings

_FILE_WORDS: Final = {
    "unexpected": "is not in the manifest",
    "unreadable": "cannot be read: it was cut short or changed",
    "another": "is another than the one with the given SHA-256",
}


def export(
    folder: Annotated[Path, typer.Argument(help="The folder to make; it must not exist.")],
    since: From = None,
    until: Before = None,
    url: Url = None,
    progress: ShowsProgress = False,
    as_json: Json = False,
) -> None:
    """Write findings, alerts, acts, repairs and audit checkpoints of a range of time into a folder for auditors."""
    _check_place(folder)
    settings = load_settings()
    job = _job(settings, since, until)
    try:
        exported = _collected(job, settings, url, progress)
        digest = write_export(folder, exported)
    except FileExistsError:
        _check_place(folder)
        raise
    except CannotExport as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    except KeyboardInterrupt:
        raise Interrupted("The export was interrupted; nothing was left behind.") from None
    rows = {name: len(lines) for name, lines in exported.jsonl.items()}
    if as_json:
        print_json({"folder": str(folder), "manifest_sha256": digest, "rows": rows, **exported.about})
        return
    for name, number in rows.items():
        print(f"{name}: {number}")
    for note in exported.about["notes"]:
        print(note)
    print(f"{folder} is written. The SHA-256 of its manifest is {digest}.")


def _check_place(folder: Path) -> None:
    if os.path.lexists(folder):
        raise Failure(f"{folder} is there already; nothing was written. Name another folder.", ExitCode.REFUSED)
    if not folder.absolute().parent.is_dir():
        raise Failure(f"{folder.absolute().parent} is no folder; make it first.", ExitCode.USAGE)


def _collected(job: ExportJob, settings: Settings, url: str | None, is_asked: bool) -> Exported:
    worker = WorkerClient(settings, url)

    async def ask(path: str, parameters: Mapping[str, Any]) -> Any:
        return await worker.get(path, dict(parameters), may_miss=path.startswith("/repair-plans/"))

    with shown_progress(is_asked, "Export") as show:
        return run(lambda: collect(job, ask, show), settings, None)


def _job(settings: Settings, since: str | None, until: str | None) -> ExportJob:
    now_ms = time.time_ns() // 1_000_000
    since_ms, until_ms = asked_ms(since, "--from", now_ms), asked_ms(until, "--to", now_ms)
    if since_ms is not None and since_ms > (now_ms if until_ms is None else until_ms):
        raise Failure("The range ends before it begins; exchange --from and --to.", ExitCode.USAGE)
    return ExportJob(
        kafka=kafka_access(settings), monitor_id=settings.monitor_id, topic=settings.events_topic,
        audit_topic=settings.audit_topic, core=core_from(settings), software=__version__, since_ms=since_ms,
        until_ms=until_ms, now_ms=now_ms, checkpoint_seconds=settings.audit_checkpoint_seconds,
    )  # fmt: skip


def verify_export(
    folder: Path, keys: Mapping[str, Ed25519PublicKey], manifest_sha256: str | None, as_json: bool
) -> None:  # fmt: skip
    """Print what the folder proves, and end with its exit code."""
    if manifest_sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", manifest_sha256):
        raise Failure("--manifest-sha256 takes the 64 hex digits that `audit export` printed.", ExitCode.USAGE)
    try:
        report = check_export(folder, keys, manifest_sha256)
    except NotAnExport as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    except OSError as error:
        raise Failure(f"{folder} cannot be read: {error.strerror or error}.", ExitCode.USAGE) from None
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        _print(folder, report)
    if not report.intact:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _print(folder: Path, report: ExportReport) -> None:
    for file in report.faults:
        print(f"{file.name} {_FILE_WORDS.get(file.what, f'is {file.what}')}.")
    for fault in report.chain:
        print(fault_sentence(fault))
    for span in report.unproven:
        print(
            f"Partition {span.partition}: offsets {span.offset_from} to {span.offset_to - 1} are NOT PROVEN: no "
            "checkpoint of the folder covers them, because checkpoints are missing or the audit was off; verify the "
            "topic itself."
        )
    if report.checkpoints:
        print(key_sentence(report.signatures))
    compare = "" if report.is_manifest_given else "; compare it with what `audit export` printed"
    print(f"The SHA-256 of the manifest is {report.manifest_sha256}{compare}.")
    checked = f"{count(report.files, 'file')}, {count(report.checkpoints, 'checkpoint')}"
    print(f"{folder}: intact, {checked}." if report.intact else f"{folder}: NOT intact, {checked}.")
