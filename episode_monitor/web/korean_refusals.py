"""Korean for the English sentences that refuse a request for what is in it: rules, matchers, ranges, alerting files.

The files' readers name the fault, and the command line says the same, so sentences are recognised by their form. One
without a Korean form stays as it is.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from alert_sinks.texts.catalogue import Language
from episode_monitor.web.korean import spoken
from episode_monitor.web.korean_alerting_files import FORMS, PLACES, WORDS

_WANTED: Final = {
    "a percentage from 0% to 100%, such as 1.0%": "0%~100%의 비율(예: 1.0%)",
    "a number of seconds, such as 5s": "초 단위의 수(예: 5s)",
    "a count": "개수",
    "a percentage from 50% to 99.99%, such as 95%": "50%~99.99%의 비율(예: 95%)",
    "map texts to texts": "이름별 텍스트",
    "a text": "텍스트",
    "a mapping such as {objective: 99.9%, preset: 1h}": "매핑(예: {objective: 99.9%, preset: 1h})",
    "a mapping such as {in_control: 1%, out_of_control: 5%, average_run_length: 10000}": (
        "매핑(예: {in_control: 1%, out_of_control: 5%, average_run_length: 10000})"
    ),
    "the percentage of good operations, above 0% and below 100%, such as 99.9%": (
        "정상 작업의 비율(0% 초과 100% 미만, 예: 99.9%)"
    ),
    "a number above 0, such as 14.4, or give a `preset`": "0보다 큰 수(예: 14.4). 대신 `preset`을 써도 됩니다",
    "a duration from 1m to 3d in whole minutes, such as 5m or 1h; no longer one is stored": (
        "1m~3d의 분 단위 기간(예: 5m, 1h). 더 긴 기간은 저장하지 않습니다"
    ),
    "a duration from 1m to 30d, such as 7d": "1m~30d의 기간(예: 7d)",
    "the percentage of bad operations in good times, above 0%, such as 1%": "평상시 실패 작업의 비율(0% 초과, 예: 1%)",
    "the percentage to be noticed, above `in_control` and below 100%, such as 5%": (
        "감지할 비율(`in_control` 초과 100% 미만, 예: 5%)"
    ),
    "the operations between two false alarms, such as 10000; for one as long as this give a `limit`": (
        "오탐과 오탐 사이의 작업 수(예: 10000). 이보다 길면 `limit`을 쓰세요"
    ),
    "shorter than `long`": "`long`보다 짧은 기간",
}

_FORMS: Final = tuple(
    (re.compile(form, re.DOTALL), korean)
    for form, korean in (
        (r"(matchers|minutes|ends_at|starts_at): (?P<why>.+)", "{0}: {why}"),
        (r"([A-Z]+_FILE .+) cannot be read: (.+)\.", "{0} 파일을 읽을 수 없습니다(원문: {1})."),
        (r"([A-Z]+_FILE .+) is not UTF-8 text; save it as UTF-8\.", "{0} 파일이 UTF-8이 아닙니다. UTF-8로 저장하세요."),
        (r"((?:old_)?rules_yaml|[A-Z]+_FILE [^\n]+?): (?P<why>.+)", "{0}: {why}"),
        # of YAML
        (r"It is not valid YAML; correct it there\.", "올바른 YAML이 아닙니다. 이 위치를 고치세요."),
        (r"It is not valid YAML: (`.+`) appears twice in one mapping; correct it there\.",
         "한 매핑에 키 {0}이(가) 두 번 있습니다. 하나를 지우세요."),
        (r"It is not valid YAML: it contains the character (U\+\w+), which YAML does not allow; correct it there\.",
         "YAML에 쓸 수 없는 문자 {0}이(가) 있습니다. 지우세요."),
        (r"It is not valid YAML: (.+); correct it there\.", "올바른 YAML이 아닙니다(원문: {0}). 이 위치를 고치세요."),
        (r"It is nested too deeply; make it flatter\.", "너무 깊게 중첩되어 있습니다. 중첩을 줄이세요."),
        (r"It has more than (\d+) values, or an alias that contains itself; make it smaller\.",
         "값이 {0}개를 넘거나 자기 자신을 포함하는 별칭이 있습니다. 줄이세요."),
        # of rules
        (r"The rules file must hold a list under the key `rules`: .+",
         "규칙 파일에는 `rules` 키 아래에 목록이 있어야 합니다. `rules:` 행을 쓰고 규칙마다 `- rule_id: …`를 쓰세요."),
        (r"Two rules have the `rule_id` (.+); give each its own\.",
         "`rule_id`가 {0}인 규칙이 둘입니다. 서로 다른 이름을 쓰세요."),
        (r"The rules name (\d+) latency limits; only (\d+) can be counted\.",
         "소요 시간 임계값이 {0}개입니다. {1}개까지만 쓸 수 있습니다."),
        (r"Rule (?P<rule>number \d+) must be a mapping of keys to values\.",
         "{rule}은(는) 키와 값의 매핑이어야 합니다."),
        (r"Rule (?P<rule>.+) needs `enabled` to be true or false, without quotes\.",
         "{rule}의 `enabled`에는 따옴표 없이 true 또는 false를 쓰세요."),
        (r"Rule (?P<rule>.+) has the unknown key `(.+)`; remove it or correct its spelling\.",
         "{rule}에 모르는 키 `{1}`이(가) 있습니다. 지우거나 철자를 고치세요."),
        (r"Rule (?P<rule>.+) has an unknown `(\w+)`; it must be one of (.+)\.",
         "{rule}의 `{1}` 값을 알 수 없습니다. 다음 중 하나를 쓰세요: {2}."),
        (r"Rule (?P<rule>.+) has the `scope` fleet, which is for rates and durations; (\w+) counts the findings of a "
         r"project\. Remove `scope`, or group the alerts of projects in the alerting file\.",
         "{rule}의 `scope`가 fleet입니다. fleet은 비율과 소요 시간에만 쓸 수 있고, {1}은(는) 프로젝트의 문제를 셉니다. "
         "`scope`를 지우거나 알림 라우팅 파일에서 프로젝트의 알림을 묶으세요."),
        (r"Rule (?P<rule>.+) needs a `rule_id`: .+",
         "{rule}에 `rule_id`가 필요합니다. 콜론이 없는 1~100자의 텍스트를 쓰세요."),
        (r"Rule (?P<rule>.+) has the `rule_id` (.+), which the monitor itself uses; rename it\.",
         "{rule}의 `rule_id` {1}은(는) 모니터가 쓰는 이름입니다. 다른 이름을 쓰세요."),
        (r"Rule (?P<rule>.+) holds half a surrogate pair, which is no text; remove the escape `\\ud8…`\.",
         "{rule}에 짝이 없는 서로게이트 문자가 있습니다. 이스케이프 `\\ud8…`를 지우세요."),
        (r"Rule (?P<rule>.+) needs `(\w+)` to be an integer from (\d+) to (\d+)\.",
         "{rule}의 `{1}`에는 {2}~{3}의 정수를 쓰세요."),
        (r"Rule (?P<rule>.+) needs `(\w+)` to (?:be )?(?P<wanted>(?:a |map ).+)\.",
         "{rule}의 `{1}`에 필요한 값: {wanted}."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` has no meaning for (\w+), which counts findings; remove it\.",
         "{rule}의 `{1}`: {2}은(는) 문제를 세므로 쓸 수 없습니다. 지우세요."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` is for rates; (\w+) is none\.",
         "{rule}의 `{1}`: 비율에만 쓸 수 있습니다. {2}은(는) 비율이 아닙니다."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` is for (.+), whose operations have ended\.",
         "{rule}의 `{1}`: 작업이 끝나야 재는 {2}에만 쓸 수 있습니다."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` (?:follows from|has no meaning beside) `(\w+)`; remove one of them\.",
         "{rule}의 `{1}`: `{2}`와(과) 함께 쓸 수 없습니다. 하나를 지우세요."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` is not known; the keys are (.+)\.",
         "{rule}의 `{1}`: 모르는 키입니다. 쓸 수 있는 키: {2}."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` lets (\S+) times the budget be (\S+) %, which no rate is above; lower the "
         r"factor\.",
         "{rule}의 `{1}`: 허용량의 {2}배가 {3} %이므로 이를 넘는 비율이 없습니다. 배수를 낮추세요."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` must be one of (.+), the length of the long window\.",
         "{rule}의 `{1}`: 긴 집계 구간의 길이를 다음 중에서 쓰세요: {2}."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` or `average_run_length` must be given, and only one of them\.",
         "{rule}의 `{1}`: `average_run_length`와 둘 중 하나만 쓰세요."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` must be a whole number from (\d+) to (\d+)\.",
         "{rule}의 `{1}`에는 {2}~{3}의 정수를 쓰세요."),
        (r"Rule (?P<rule>[^:]+): `([\w.]+)` must be (?P<wanted>.+)\.", "{rule}의 `{1}`에 필요한 값: {wanted}."),
        # of matchers
        (r"The regex has more than (\d+) characters; split it into several routes\.",
         "정규식이 {0}자를 넘습니다. 여러 개로 나누세요."),
        (r"The regex contains `\\C`, half a character; write `\.`\.",
         "정규식의 `\\C`는 글자의 일부만 가리킵니다. `.`을 쓰세요."),
        (r"The regex `(.*)` is not valid RE2 \((.+)\); correct it\.",
         "정규식 `{0}`은(는) RE2 문법에 맞지 않습니다(원문: {1}). 고치세요."),
        (r"The value of `(.+)` holds half a surrogate pair, which is no text; remove it\.",
         "`{0}`의 값에 짝이 없는 서로게이트 문자가 있습니다. 지우세요."),
        (r"exactly one of minutes and ends_at must be given", "minutes와 ends_at 중 하나만 쓰세요"),
        # of ranges
        (r"(\S+) (.+) is neither an offset, such as 100, nor one for each partition, such as 0:100,1:250\.",
         "{0} 값 {1}은(는) 오프셋(예: 100)도, 파티션별 오프셋(예: 0:100,1:250)도 아닙니다."),
        (r"(\S+) (.+) is not (?:an offset, .+, or )?an RFC 3339 time with an offset, such as (\S+)\.",
         "{0} 값 {1}은(는) 오프셋이 있는 RFC 3339 시각(예: {2})이 아닙니다."),
        (r"(\S+) (.+) lies before 1970; give a later time\.",
         "{0} 값 {1}은(는) 1970년 이전입니다. 더 뒤의 시각을 쓰세요."),
        (r"(\S+) (.+) names partition (\d+) twice; name it once\.", "{0} 값 {1}에 파티션 {2}이(가) 두 번 있습니다."),
        (r"(\S+) (.+) is no pair of hours from 0 to 23, such as 22-07\.",
         "{0} 값 {1}은(는) 0~23시의 범위(예: 22-07)가 아닙니다."),
        (r"The range ends before it begins; exchange --from and --to\.",
         "범위의 끝이 시작보다 앞입니다. 둘을 바꾸세요."),
        (r"The range of (?:each partition|partition \d+(?: of \S+)?) ends at offset (\d+), before it begins at offset "
         r"(\d+)\.", "범위가 오프셋 {1}에서 시작하는데 {0}에서 끝납니다."),
        *FORMS, *PLACES,
    )
)  # fmt: skip


_PLACE: Final = re.compile(r"(.+?)(?:, line \d+)?: ")
_DEEPEST: Final = 5  # a worker, a file, a key, a value, and what is wrong with it
_FILES: Final = {"rules": "규칙", "alerting": "라우팅", "oncall": "온콜"}


def refusal_in_korean(detail: str) -> str:
    """Each fault by its form, one that is not known as it is. Several begin with the same name, each on a line; a line
    that does not is a part of a value."""
    return _faults(detail, _DEEPEST)


def _faults(detail: str, deeper: int) -> str:
    place = _PLACE.match(detail)
    faults = re.split(rf"\n(?={re.escape(place[1])}(?:, line \d+)?: )", detail) if place else [detail]
    return "\n".join(_fault(each, deeper) for each in faults)


def _fault(sentence: str, deeper: int) -> str:
    for pattern, korean in _FORMS if deeper else ():
        if found := pattern.fullmatch(sentence):
            named = {name: _inner(name, text, deeper - 1) for name, text in found.groupdict().items()}
            if None in named.values():
                continue  # what stands around a sentence is none itself
            return korean.format(*found.groups(), **named)
    return sentence


def _inner(name: str, text: str, deeper: int) -> str | None:
    """A part of a sentence; None for a sentence inside it that is not known."""
    match name:
        case "why" | "must":
            english = f"{text}." if name == "must" else text
            korean = _fault(english, deeper)
            return None if korean == english else korean
        case "detail":
            return _faults(text, deeper)
        case _:
            return _NAMED[name](text)


def _rule(name: str) -> str:
    position = re.fullmatch(r"number (\d+)", name)
    return f"{position[1]}번째 규칙" if position else f"규칙 {name}"


def _answer(why: str) -> str:
    """Why other workers have not answered."""
    if why == "their partitions are recovering":
        return "파티션을 복구하는 중"
    return spoken(f"{why}.", Language.KO).removesuffix(".")


_NAMED: Final[Mapping[str, Callable[[str], str]]] = {
    "rule": _rule,
    "answer": _answer,
    "files": lambda text: ", ".join(_FILES.get(each, each) for each in text.split(", ")),
    "wanted": lambda text: _WANTED.get(text, text),
} | {name: lambda text, words=words: words.get(text, text) for name, words in WORDS.items()}  # type: ignore[misc]
