"""`audit verify`: whether the events topic, or a copy of it, is what the audit checkpoints say."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from episode_monitor.access import audit_public_key, kafka_access, secret
from episode_monitor.audit.due import due_before_ms
from episode_monitor.audit.verify import Job, Verification
from episode_monitor.audit.verify_report import VerifyReport
from episode_monitor.cli.audit_export import verify_export
from episode_monitor.cli.audit_words import sentences
from episode_monitor.cli.interrupts import Interrupts
from episode_monitor.cli.output import Json, print_json
from episode_monitor.cli.replay_options import PartitionNumber, ShowsProgress, To, run, wanted
from episode_monitor.cli.replay_progress import shown_progress
from episode_monitor.exits import ExitCode, Failure, Interrupted
from episode_monitor.settings.audit import key_bytes
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, load_settings
from models.audit_signature import NotAKey, key_id, public_key


class Place(StrEnum):
    """Where audit checkpoints are."""

    TOPIC = "topic"
    DATABASE = "database"


Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--public-key", help="Base64 or PEM file of a key that signed; may be repeated; else AUDIT_PUBLIC_KEY."
    ),
]


Source = Annotated[
    Place, typer.Option("--checkpoints", help="Read the audit checkpoints from AUDIT_TOPIC, or MONITOR_DATABASE_URL.")
]


def verify(
    copy: Annotated[str | None, typer.Option("--topic", help="A copy of the topic to hold against the ledger.")] = None,
    jsonl: Annotated[
        Path | None, typer.Option("--jsonl", help="A copy of one partition with one event per line.")
    ] = None,
    exported: Annotated[
        Path | None, typer.Option("--export", help="A folder of `audit export`, instead of the topic; needs no Kafka.")
    ] = None,
    manifest: Annotated[
        str | None, typer.Option("--manifest-sha256", help="With --export: the SHA-256 that `audit export` printed.")
    ] = None,
    partition: PartitionNumber = None,
    end: To = None,
    keys: Keys = None,
    checkpoints: Source = Place.TOPIC,
    records_only: Annotated[
        bool, typer.Option("--records-only", help="Leave out the replay that compares the monitor's states.")
    ] = False,
    progress: ShowsProgress = False,
    as_json: Json = False,
) -> None:
    """Prove that the events are those the monitor has read. Exit code 1: something differs, or is not proven."""
    settings = load_settings()
    _check(exported, jsonl, copy, partition, end)
    if exported is not None:
        verify_export(exported, _keys(keys, settings), manifest, as_json)
        return
    if manifest is not None:
        raise Failure("--manifest-sha256 is of a folder; give it with --export.", ExitCode.USAGE)
    job = Job(
        kafka=kafka_access(settings), monitor_id=settings.monitor_id, topic=settings.events_topic,
        audit_topic=settings.audit_topic, database=_database(checkpoints, settings), partition=partition, copy=copy,
        until=wanted(None, partition, None, end, None, None, None).range.end, jsonl=jsonl, keys=_keys(keys, settings),
        core=None if records_only else core_from(settings),
        due_before_ms=due_before_ms(time.time_ns() // 1_000_000, settings.audit_checkpoint_seconds),
    )  # fmt: skip
    report = _run(job, settings, progress)
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        for sentence in sentences(report):
            print(sentence)
    if not report.intact:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _database(checkpoints: Place, settings: Settings) -> str | None:
    url = secret(settings.monitor_database_url) if checkpoints is Place.DATABASE else None
    if url is None and checkpoints is Place.DATABASE:
        raise Failure("MONITOR_DATABASE_URL is not set, so no database has checkpoints.", ExitCode.USAGE)
    return url


def _check(exported: Path | None, jsonl: Path | None, copy: str | None, partition: int | None, end: str | None) -> None:
    """Which options exclude each other."""
    if exported is not None and (jsonl, copy, partition, end) != (None, None, None, None):
        raise Failure("--export is verified by itself; leave out topic, file and range.", ExitCode.USAGE)
    if jsonl is not None and (copy is not None or partition is None):
        raise Failure(
            "A file is a copy of one partition: give --partition with --jsonl, and no --topic.", ExitCode.USAGE
        )


def _run(job: Job, settings: Settings, is_asked: bool) -> VerifyReport:
    try:
        with Interrupts(reads_file=job.jsonl is not None).watched(), shown_progress(is_asked, "Verify") as show:
            return run(lambda: Verification(job, show).run(), settings, job.jsonl)
    except KeyboardInterrupt:
        raise Interrupted("The audit was interrupted, so it says nothing; nothing was written.") from None


def _key(text: str) -> Ed25519PublicKey:
    try:
        return public_key(key_bytes(text))
    except (NotAKey, ValueError) as error:
        is_file = Path(text).expanduser().exists()
        why = str(error) if is_file else f"there is no file {text}, and as a key {error}"
        raise Failure(f"--public-key cannot be used: {why}.", ExitCode.USAGE) from None


def _keys(given: list[str] | None, settings: Settings) -> dict[str, Ed25519PublicKey]:
    keys = [_key(text) for text in given or ()]
    own = audit_public_key(settings)
    if not keys and own is not None:
        keys = [own]
    return {key_id(key): key for key in keys}
