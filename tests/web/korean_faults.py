"""The faults of an alerting or an on-call file, as they are said in Korean."""

import pytest

from episode_monitor.settings.alerting_file import parse_alerting
from episode_monitor.settings.oncall_file import parse_on_call
from episode_monitor.settings.yaml_reading import FileError
from episode_monitor.web.korean_refusals import refusal_in_korean


def said(refused: pytest.ExceptionInfo[FileError]) -> list[str]:
    """Of each fault; after its place it is the same."""
    faults = refused.value.faults
    korean = [refusal_in_korean(fault.sentence) for fault in faults]
    whole = refusal_in_korean(str(refused.value))
    places = [f"f {fault.line}행: " if fault.line else "f: " for fault in faults]
    keys = [f"`{fault.key}`: " if fault.key else "" for fault in faults]
    assert whole == "\n".join(map("".join, zip(places, keys, korean, strict=True)))
    return korean


def alerting(text: str | bytes) -> list[str]:
    with pytest.raises(FileError) as refused:
        parse_alerting(text if isinstance(text, bytes) else text.encode(), "f")
    return said(refused)


def on_call(text: str) -> list[str]:
    with pytest.raises(FileError) as refused:
        parse_on_call(text.encode(), "f", ["team"])
    return said(refused)
