"""An exported folder beside its manifest, and the chains in it; without Kafka and database."""

from collections.abc import Iterator, Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from episode_monitor.audit.chain import Chain, ChainFault, Signatures
from episode_monitor.audit.export_files import CHECKPOINTS, MANIFEST, VERSION, ExportedFile
from episode_monitor.audit.verify_report import OffsetRange


class Manifest(msgspec.Struct, frozen=True):
    """As much of it as is checked."""

    version: int
    monitor_id: str
    topic: str
    files: list[ExportedFile]
    due: list[OffsetRange] = []


_NO_MANIFEST: Final = Manifest(VERSION, "", "", [])


class _Placed(msgspec.Struct, frozen=True):
    partition: int


class NotAnExport(Exception):
    """The message is one sentence."""


class FileFault(msgspec.Struct, frozen=True):
    """A file that is not as it was exported."""

    name: str
    what: Literal["altered", "missing", "unexpected", "unreadable", "another"]


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder proves. `manifest_sha256` is to be compared with the one that `audit export` printed, unless that
    was given. `unproven`: offsets that a checkpoint of the folder should cover and none does."""

    intact: bool
    manifest_sha256: str
    files: int
    faults: list[FileFault]
    checkpoints: int
    chain: list[ChainFault]
    signatures: Signatures
    unproven: list[OffsetRange]
    is_manifest_given: bool


def check_export(
    folder: Path, keys: Mapping[str, Ed25519PublicKey], manifest_sha256: str | None = None
) -> ExportReport:  # fmt: skip
    """`manifest_sha256`: what the manifest's must be. Raises NotAnExport, OSError."""
    manifest, digest = _manifest(folder / MANIFEST)
    faults = []
    if manifest is None:
        faults, manifest = [FileFault(MANIFEST, "unreadable")], _NO_MANIFEST
    elif manifest_sha256 is not None and digest != manifest_sha256.lower():
        faults = [FileFault(MANIFEST, "another")]
    if manifest is not _NO_MANIFEST:
        faults += _faults(folder, manifest)
    chains = _chains(folder / CHECKPOINTS, manifest, keys) if manifest is not _NO_MANIFEST else {}
    unproven = [*_unproven(manifest.due, chains)]
    signatures = Signatures(
        signed=sum(chain.signatures.signed for chain in chains.values()),
        unsigned=sum(chain.signatures.unsigned for chain in chains.values()),
        checked=bool(keys),
        keys=sorted({key for chain in chains.values() for key in chain.signatures.keys}),
        strange=sorted({key for chain in chains.values() for key in chain.signatures.strange}),
    )
    return ExportReport(
        intact=not faults and not unproven and not any(chain.fault_count for chain in chains.values()),
        manifest_sha256=digest,
        files=len(manifest.files),
        faults=faults,
        checkpoints=sum(chain.checkpoints for chain in chains.values()),
        chain=[fault for chain in chains.values() for fault in chain.faults],
        signatures=signatures,
        unproven=unproven,
        is_manifest_given=manifest_sha256 is not None,
    )


def _manifest(path: Path) -> tuple[Manifest | None, str]:
    """None: it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise NotAnExport(f"{path.parent} has no {MANIFEST}, so it is no folder of audit export.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, digest
    if manifest.version != VERSION:
        raise NotAnExport(f"{path} has version {manifest.version}; this program reads version {VERSION}.")
    return manifest, digest


def _faults(folder: Path, manifest: Manifest) -> list[FileFault]:
    found = []
    for stated in manifest.files:
        path = folder / Path(stated.name).name
        if not path.is_file():
            found.append(FileFault(stated.name, "missing"))
            continue
        with path.open("rb") as file:
            if file_digest(file, "sha256").hexdigest() != stated.sha256:
                found.append(FileFault(stated.name, "altered"))
    known = {MANIFEST, *(stated.name for stated in manifest.files)}
    found += [FileFault(path.name, "unexpected") for path in sorted(folder.iterdir()) if path.name not in known]
    return found


def _unproven(due: list[OffsetRange], chains: Mapping[int | None, Chain]) -> Iterator[OffsetRange]:
    """The ends of what is due that no checkpoint covers; a chain's holes are faults of it."""
    for each in due:
        chain = chains.get(each.partition)
        if chain is None or chain.first is None or chain.last is None:
            yield each
            continue
        if chain.first.sequence and each.offset_from < chain.first.offset_from:
            yield msgspec.structs.replace(each, offset_to=min(each.offset_to, chain.first.offset_from))
        if chain.last.offset_to < each.offset_to:
            yield msgspec.structs.replace(each, offset_from=max(each.offset_from, chain.last.offset_to))


def _chains(path: Path, manifest: Manifest, keys: Mapping[str, Ed25519PublicKey]) -> dict[int | None, Chain]:
    """One for each partition; a chain begins where the exported range does. An unreadable line is a fault of one."""
    found: dict[int | None, Chain] = {}
    for at, line in enumerate(path.read_bytes().split(b"\n") if path.is_file() else (), 1):
        if line:
            number = _partition(line)
            if number not in found:
                found[number] = Chain(manifest.monitor_id, manifest.topic, number, keys, is_cut=True)
            found[number].take(line, f"Line {at} of {path.name}")
    for chain in found.values():
        chain.conclude()
    return {number: found[number] for number in sorted(found, key=lambda number: -1 if number is None else number)}


def _partition(line: bytes) -> int | None:
    """As far as it can be read."""
    try:
        return msgspec.json.decode(line, type=_Placed).partition
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
