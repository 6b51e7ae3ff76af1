"""No sentence of the files' readers is without its Korean: each place in the code that makes one is looked at."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alert_sinks.destinations import RECEIVER_KINDS
from alert_sinks.receivers import REFUSED_GLOBAL
from episode_monitor.settings.receivers_section import _APPRISE
from episode_monitor.web.korean_refusals import refusal_in_korean
from tests.episode_monitor.alerting_files.test_wrong_files import ROWS

ROOT = Path(__file__).parents[2]
SOURCES = [
    *(f"episode_monitor/settings/{name}.py" for name in (
        "alerting_file", "alerting_files", "oncall_file", "receivers_section", "time_section", "yaml_reading",
        "strict_yaml",
    )),
    "episode_monitor/dispatch/in_force.py", "episode_monitor/dispatch/reload_routes.py",
    "streams/routing/notation.py", "streams/routing/matcher.py", "streams/routing/matcher_parsing.py",
    "alert_sinks/proxies.py", "alert_sinks/settings.py",
    *(f"alert_sinks/kinds/{kind}.py" for kind in ("alertmanager", "apprise", "email", "pagerduty", "slack", "webhook")),
]  # fmt: skip
VALUES = {  # what stands for a part that the code fills in, where any text will not do
    "reason": "must be a time of the day such as 09:00 or 24:00",
    "refused or {}[key]": "remove it: it comes from the alert",
    "listed": "one of a",
    "side": "source",
    "hint": "",
    "_ONLY_IF_FIRING": "only_if_firing",
    "problem": "",
    "yaml_reading: what": "a text",
    "notation: what": "weekday such as monday, or a range such as monday:friday",
    "in_force: name": "alerting",
}
KINDS = ["receiver", "receiver in the alerting file", "time interval", "schedule"]
ENGLISH = re.compile(r"\b(a|an|is|are|has|have|must|the|not|or|and|it|of|needs|remove|write|names|correct)\b", re.ASCII)
QUOTED = re.compile(r"`.*?`|\(원문: .*\)|다음 중 하나를 쓰세요: .*", re.DOTALL)


def filled(node: ast.expr, module: str) -> str:
    """A text of the code, with values for its parts; "" for one that is made elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return "".join(filled(each, module) for each in node.values)
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.FormattedValue):
        source = ast.unparse(node.value)
        return VALUES.get(f"{module}: {source}", VALUES.get(source, KINDS[0] if source == "what" else "1"))
    return ""


def sentences(path: str) -> Iterator[str]:
    """What is raised, noted as a fault, or returned as one; in `notation` also what follows `must be a`."""
    module = Path(path).stem
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *more]):
                if name in ("fault", "BadYaml", "UnusableProxy") or name.endswith("Error"):
                    yield filled(first, module)
                elif name == "Fault":
                    yield filled(more[1], module)
                elif name in ("_range", "_ends") and (what := filled(more[0], module)):
                    yield f"must be a {what}"
            case ast.Return(value=ast.Tuple(elts=[_, sentence])) if path.startswith("alert_sinks/kinds"):
                yield filled(sentence, module)
            case ast.Assign(targets=[ast.Name(id="what")], value=ast.Constant(value=str(what))):
                yield what if what.startswith("must") else f"must be a {what}"
            case ast.Return(value=ast.JoinedStr() as sentence) if module == "reload_routes":
                yield filled(sentence, module)
            case ast.Tuple(elts=[ast.List(), ast.List(elts=[sentence])]) if module == "reload_routes":
                yield filled(sentence, module)


def as_said(sentence: str) -> str:
    """With the end that `Value` gives it; one about a file as a whole has its own."""
    if sentence.startswith("must") and not ("; " in sentence or "whole number" in sentence or "true" in sentence):
        return f"is `1`, but {sentence}; correct it."
    return sentence if sentence.endswith(".") else f"{sentence}."


def is_korean(sentence: str) -> bool:
    said = QUOTED.sub("", refusal_in_korean(sentence))
    return bool(re.search("[가-힣]", said)) and not ENGLISH.search(said)


@pytest.mark.parametrize("path", SOURCES)
def test_each_sentence_that_the_code_makes_has_its_korean(path: str) -> None:
    found = [sentence for sentence in sentences(path) if " " in sentence]
    assert [said for each in found if not is_korean(said := as_said(each))] == []


def test_the_places_are_found() -> None:
    assert sum(" " in sentence for path in SOURCES for sentence in sentences(path)) > 90


def test_what_to_do_in_place_of_a_key_has_its_korean() -> None:
    kinds = [kind.receiver for kind in RECEIVER_KINDS.values() if kind.receiver is not None]
    mends = {_APPRISE, *REFUSED_GLOBAL.values()}
    for kind in kinds:
        mends |= {*kind.refused.values(), *kind.refused_common.values()}
    assert [mend for mend in sorted(mends) if not is_korean(f"is not supported; {mend}.")] == []


@pytest.mark.parametrize("what", KINDS)
def test_each_thing_that_a_name_may_stand_for_has_its_korean(what: str) -> None:
    assert is_korean(f"is `x`, but there is no such {what}; write one of a.")


@pytest.mark.parametrize(("name", "expected", "text"), ROWS, ids=[f"{row[0]}: {row[1][0][:60]}" for row in ROWS])
def test_no_wrong_file_is_said_in_english(name: str, expected: list[str], text: str) -> None:
    for fault in expected:
        assert is_korean(f"f.yaml{', ' if fault.startswith('line') else ': '}{fault}"), fault
