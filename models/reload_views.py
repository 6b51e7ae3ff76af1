"""The files that a worker was started with or has reloaded since."""

import msgspec


class FileInForce(msgspec.Struct, frozen=True, kw_only=True):
    """`what`: `rules`, `alerting` or `oncall`. `file` is null where the settings stand in for one; `version` is a
    digest of the content, `built-in` without a file."""

    what: str
    file: str | None
    version: str
    loaded_at: str


class WorkerFiles(msgspec.Struct, frozen=True, kw_only=True):
    """One worker after it was asked to reload. `refused`: why it has changed nothing; null if it has reloaded."""

    url: str
    files: list[FileInForce]
    changed: list[str] = []  # of the files, those with another version than before
    refused: str | None = None


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force now. `workers`: every worker that was asked, that which answers first; `problems`: a sentence
    for each one that has refused, does not answer, or has other versions."""

    files: list[FileInForce]
    changed: list[str]
    workers: list[WorkerFiles]
    problems: list[str]
