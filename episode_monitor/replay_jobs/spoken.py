"""A replay's or backtest's JSON in the language of who reads it."""

from typing import Any

import msgspec

from alert_sinks.texts.catalogue import Language
from episode_monitor.web.korean import spoken


def spoken_job(job: bytes, language: Language) -> bytes:
    """The job with its error and the details of its dead letters in a language. The rest is long and not read."""
    if language is Language.EN:
        return job
    fields = msgspec.json.decode(job, type=dict[str, msgspec.Raw])
    error: str | None = msgspec.json.decode(fields.get("error", b"null"))
    if error:
        fields["error"] = _raw(spoken(error, language))
    result = msgspec.json.decode(fields.get("result", b"null"), type=dict[str, msgspec.Raw] | None) or {}
    if letters := result.get("dead_letter_records"):
        found: list[dict[str, Any]] = msgspec.json.decode(letters)
        told = [{**letter, "detail": spoken(str(letter["detail"]), language)} for letter in found]
        fields["result"] = _raw({**result, "dead_letter_records": _raw(told)})
    return msgspec.json.encode(fields)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
