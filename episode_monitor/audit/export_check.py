"""An exported folder beside its manifest, and the chains in it; without Kafka and database."""

from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from episode_monitor.audit.chain import Chain, ChainFault, Signatures
from episode_monitor.audit.export_files import CHECKPOINTS, MANIFEST, VERSION, ExportedFile
from models.audit_checkpoint import AuditCheckpoint, decode_audit_checkpoint


class Manifest(msgspec.Struct, frozen=True):
    """As much of it as is checked."""

    version: int
    monitor_id: str
    topic: str
    files: list[ExportedFile]


class NotAnExport(Exception):
    """The message is one sentence."""


class FileFault(msgspec.Struct, frozen=True):
    """A file that is not as it was exported."""

    name: str
    what: Literal["altered", "missing", "unexpected"]


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder proves. `manifest_sha256` is to be compared with the one that `audit export` printed."""

    intact: bool
    manifest_sha256: str
    files: int
    faults: list[FileFault]
    checkpoints: int
    chain: list[ChainFault]
    signatures: Signatures


def check_export(folder: Path, keys: Mapping[str, Ed25519PublicKey]) -> ExportReport:
    """Raises NotAnExport, WrongKey, OSError."""
    manifest, digest = _manifest(folder / MANIFEST)
    faults = [*_faults(folder, manifest)]
    chains = _chains(folder / CHECKPOINTS, manifest, keys)
    signatures = Signatures(
        signed=sum(chain.signatures.signed for chain in chains),
        unsigned=sum(chain.signatures.unsigned for chain in chains),
        checked=bool(keys),
        keys=sorted({key for chain in chains for key in chain.signatures.keys}),
    )
    return ExportReport(
        intact=not faults and not any(chain.fault_count for chain in chains),
        manifest_sha256=digest,
        files=len(manifest.files),
        faults=faults,
        checkpoints=sum(chain.checkpoints for chain in chains),
        chain=[fault for chain in chains for fault in chain.faults],
        signatures=signatures,
    )


def _manifest(path: Path) -> tuple[Manifest, str]:
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise NotAnExport(f"{path.parent} has no {MANIFEST}, so it is no folder of audit export.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnExport(f"{path} cannot be read: {error}.") from None
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


def _chains(path: Path, manifest: Manifest, keys: Mapping[str, Ed25519PublicKey]) -> list[Chain]:
    """One for each partition; a chain begins where the exported range does. An unreadable line is a fault of one."""
    found: dict[int, Chain] = {}
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        if line:
            said = decode_audit_checkpoint(line)
            number = said.partition if isinstance(said, AuditCheckpoint) else -1
            if number not in found:
                found[number] = Chain(manifest.monitor_id, manifest.topic, number, keys, is_cut=True)
            found[number].take(line)
    for chain in found.values():
        chain.conclude()
    return [found[number] for number in sorted(found)]
