"""What is wrong in rules, matchers and ranges, in Korean: every sentence as the monitor makes it."""

import re
from pathlib import Path

import pytest

from episode_monitor.replay.backtest_firings import night_of
from episode_monitor.replay.ranges import BadRange, Range, check_order, offsets_of, position_of
from episode_monitor.settings.rules_file import rule_set, rule_set_of
from episode_monitor.settings.settings import Settings, SettingsError
from episode_monitor.settings.yaml_reading import FileError
from episode_monitor.web.korean_refusals import refusal_in_korean
from streams.routing.matcher import MatcherError, MatchOperator, matcher

GOOD = "rule_id: r, alert_type: HIGH_FAILURE_RATE, severity: warning, threshold: 1%, window_minutes: 5"
RATE = "rule_id: r, alert_type: HIGH_FAILURE_RATE, severity: warning"


def rules(text: str) -> str:
    with pytest.raises(FileError) as raised:
        rule_set_of(text, "rules_yaml", Settings(kafka_bootstrap_servers="k:9092"))
    return refusal_in_korean(str(raised.value))


def one(fields: str) -> str:
    return rules(f"rules: [{{{fields}}}]").removeprefix("rules_yaml 1행: ")


@pytest.mark.parametrize(
    ("text", "korean"),
    [
        ("rules: [", "rules_yaml 1행: 올바른 YAML이 아닙니다. 이 위치를 고치세요."),
        ("a: 1\na: 2", "rules_yaml 2행: 한 매핑에 키 `a`이(가) 두 번 있습니다. 하나를 지우세요."),
        ("a: \x07", "rules_yaml: YAML에 쓸 수 없는 문자 U+0007이(가) 있습니다. 지우세요."),
        (
            "a: 1",
            "rules_yaml: 규칙 파일에는 `rules` 키 아래에 목록이 있어야 합니다. `rules:` 행을 쓰고 규칙마다 "
            "`- rule_id: …`를 쓰세요.",
        ),
        ("rules: [1]", "rules_yaml 1행: 1번째 규칙은(는) 키와 값의 매핑이어야 합니다."),
        (
            f"rules: [{{{GOOD}}}, {{{GOOD}}}]",
            "rules_yaml 1행: `rule_id`가 r인 규칙이 둘입니다. 서로 다른 이름을 쓰세요.",
        ),
        (
            "rules:\n- {}\n- {rule_id: a, alert_type: X, severity: info, threshold: 1%}",
            "rules_yaml 2행: 1번째 규칙에 `rule_id`가 필요합니다. 콜론이 없는 1~100자의 텍스트를 쓰세요.\n"
            "rules_yaml 3행: 규칙 a의 `alert_type` 값을 알 수 없습니다. 다음 중 하나를 쓰세요: ",
        ),
    ],
)
def test_a_file_of_rules_that_cannot_be_used_says_why_with_the_line(text: str, korean: str) -> None:
    assert rules(text).startswith(korean)


@pytest.mark.parametrize(
    ("fields", "korean"),
    [
        (f"{GOOD}, enabled: 1", "1번째 규칙의 `enabled`에는 따옴표 없이 true 또는 false를 쓰세요."),
        (f"{GOOD}, colour: red", "규칙 r에 모르는 키 `colour`이(가) 있습니다. 지우거나 철자를 고치세요."),
        (f"{RATE}, window_minutes: 5", "규칙 r의 `threshold`에 필요한 값: 0%~100%의 비율(예: 1.0%)."),
        (f"{GOOD}, labels: 1", "규칙 r의 `labels`에 필요한 값: 이름별 텍스트."),
        (f"{GOOD}, description: 1", "규칙 r의 `description`에 필요한 값: 텍스트."),
        (f"{GOOD}, for_seconds: -1", "규칙 r의 `for_seconds`에는 0~86400의 정수를 쓰세요."),
        (
            "rule_id: integrity_drift",
            "1번째 규칙의 `rule_id` integrity_drift은(는) 모니터가 쓰는 이름입니다. 다른 이름을 쓰세요.",
        ),
        (
            f'{GOOD}, description: "\\ud800"',
            "규칙 'r'에 짝이 없는 서로게이트 문자가 있습니다. 이스케이프 `\\ud8…`를 지우세요.",
        ),
        (f"{GOOD}, confidence: 5%", "규칙 r의 `confidence`에 필요한 값: 50%~99.99%의 비율(예: 95%)."),
        (
            f"{GOOD}, burn_rate: {{objective: 99%, preset: 1h}}",
            "규칙 r의 `threshold`: `burn_rate`와(과) 함께 쓸 수 없습니다. 하나를 지우세요.",
        ),
        (
            f"{RATE}, burn_rate: {{objective: 9%, preset: 1h}}",
            "규칙 r의 `burn_rate.objective`: 허용량의 14.4배가 1310.4 %이므로 이를 넘는 비율이 없습니다. "
            "배수를 낮추세요.",
        ),
        (
            f"{RATE}, burn_rate: {{objective: 99%, preset: 2h}}",
            "규칙 r의 `burn_rate.preset`: 긴 집계 구간의 길이를 다음 중에서 쓰세요: ",
        ),
        (
            f"{RATE}, burn_rate: {{objective: 99%, factor: 2, long: 5m, short: 5m}}",
            "규칙 r의 `burn_rate.short`에 필요한 값: `long`보다 짧은 기간.",
        ),
        (
            f"{RATE}, cusum: {{in_control: 1%, out_of_control: 5%}}",
            "규칙 r의 `cusum.limit`: `average_run_length`와 둘 중 하나만 쓰세요.",
        ),
    ],
)
def test_each_fault_of_a_rule_names_it_and_its_key(fields: str, korean: str) -> None:
    assert korean in one(fields)


@pytest.mark.parametrize(
    "fields",
    [
        "alert_type: INTEGRITY_VIOLATION, scope: fleet", "alert_type: INTEGRITY_VIOLATION, confidence: 95%",
        "alert_type: SLOW_CREATION, burn_rate: {}", "alert_type: SLOW_CREATION, threshold: x",
        "alert_type: INTEGRITY_VIOLATION, threshold: x", "alert_type: INTEGRITY_VIOLATION, cusum: {}", "burn_rate: 1",
        "burn_rate: {}", "burn_rate: {x: 1}", "burn_rate: {objective: 99%, preset: 1h, factor: 2}", "cusum: 1",
        "cusum: {}", "cusum: {x: 1}", "cusum: {in_control: 1%}", "min_samples: 5, cusum: {}",
        "cusum: {in_control: 1%, out_of_control: 5%, limit: x}",
        "cusum: {in_control: 1%, out_of_control: 5%, average_run_length: x}",
        "cusum: {in_control: 1%, out_of_control: 5%, limit: 5, forget: x}",
    ],
)  # fmt: skip
def test_no_fault_of_a_rule_stays_english(fields: str) -> None:
    kind = "" if "alert_type" in fields else "alert_type: HIGH_FAILURE_RATE, "
    for line in rules(f"rules: [{{rule_id: r, severity: warning, {kind}{fields}}}]").split("\n"):
        outside = re.sub(r"\([^)]*\)", "", line).partition("쓰세요: ")[0].partition("쓸 수 있는 키: ")[0]
        assert re.search("[가-힣]", outside), line
        assert not re.search(r"\b(must|is|are|has|the|needs|remove)\b", outside), line


@pytest.mark.parametrize(
    ("value", "korean"),
    [
        ("[", "정규식 `[`은(는) RE2 문법에 맞지 않습니다(원문: "),
        (r"\C", r"정규식의 `\C`는 글자의 일부만 가리킵니다. `.`을 쓰세요."),
        ("x" * 9999, "자를 넘습니다. 여러 개로 나누세요."),
        ("\ud800", "`severity`의 값에 짝이 없는 서로게이트 문자가 있습니다. 지우세요."),
    ],
)
def test_a_matcher_that_is_not_valid_says_why(value: str, korean: str) -> None:
    with pytest.raises(MatcherError) as raised:
        matcher("severity", MatchOperator.REGEX, value)
    said = refusal_in_korean(f"matchers: {raised.value}")
    assert said.startswith("matchers: ")
    assert korean in said


def test_ranges_and_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    def said(text: str) -> str:
        with pytest.raises(BadRange) as raised:
            position_of(text, "from", 0)
        return refusal_in_korean(str(raised.value))

    assert said("soon") == "from 값 soon은(는) 오프셋이 있는 RFC 3339 시각(예: 2026-01-31T09:00:00Z)이 아닙니다."
    assert said("0:1,0:2") == "from 값 0:1,0:2에 파티션 0이(가) 두 번 있습니다."
    with pytest.raises(BadRange) as raised:
        check_order(Range(None, 9, 3))
    assert refusal_in_korean(str(raised.value)) == "범위가 오프셋 9에서 시작하는데 3에서 끝납니다."
    with pytest.raises(BadRange) as raised:
        offsets_of("x", "from")
    assert "도, 파티션별 오프셋" in refusal_in_korean(str(raised.value))
    with pytest.raises(BadRange) as raised:
        night_of("9", "UTC", "night")
    assert refusal_in_korean(str(raised.value)) == "night 값 9은(는) 0~23시의 범위(예: 22-07)가 아닙니다."
    (tmp_path / "rules.yaml").write_bytes(b"\xff")
    for name, korean in (("rules.yaml", "UTF-8로 저장하세요."), ("none.yaml", "파일을 읽을 수 없습니다")):
        with pytest.raises(SettingsError) as refused:
            rule_set(tmp_path / name, Settings(kafka_bootstrap_servers="k:9092"))
        assert korean in refusal_in_korean(str(refused.value))


def test_a_sentence_without_a_korean_form_stays_as_it_is() -> None:
    assert refusal_in_korean("Something new.") == "Something new."


@pytest.mark.parametrize("part", ["a, line 3: ", "matchers: ", "`a` ", "must a; correct it", "is `a`, but must b; "])
def test_a_text_that_looks_like_many_places_stays_as_it_is(part: str) -> None:
    assert refusal_in_korean(part * 2000) == part * 2000
    assert refusal_in_korean(f"must {part * 2000}; correct it.") == f"must {part * 2000}; correct it."
