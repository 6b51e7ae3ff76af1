"""Sentences about jobs and dead letters in Korean: every one that the monitor makes, as it is made."""

import json

import msgspec
import pytest

from alert_sinks.posting import HttpAnswer, NoHttpAnswer, outcome_of
from alert_sinks.sink import Rejected, Retry
from alert_sinks.texts.catalogue import Language
from episode_monitor.checks import job_run
from episode_monitor.replay.ranges import BadRange, Range, check_order
from episode_monitor.replay_jobs import job
from episode_monitor.replay_jobs.spoken import spoken_job
from episode_monitor.web.korean import ORIGINAL, spoken
from models.codec import decode_event
from models.dead_letter import Malformed
from models.refusal import invalid_field
from models.wire import FIELD_RULES, MAX_NESTING

EVENT = {
    "event_id": "e1", "type": "episode.created", "project_id": "p", "occurred_at": 1, "episode_id": "ep",
    "episode_number": 1,
}  # fmt: skip


def in_korean(sentence: str) -> str:
    return spoken(sentence, Language.KO)


def refused(value: bytes, key: bytes | None = None) -> str:
    verdict = decode_event(key, value, (), 0)
    assert isinstance(verdict, Malformed)
    return verdict.detail


def event(**fields: object) -> bytes:
    return json.dumps({**EVENT, **fields}).encode()


@pytest.mark.parametrize(
    ("sentence", "korean"),
    [
        (refused(b""), "값이 비어 있어 JSON이 아닙니다."),
        (refused(b"x" * 70_000), "값이 70000바이트입니다. 65536바이트까지만 읽습니다."),
        (refused(b"[" * 1_000), f"값이 {MAX_NESTING}단계보다 깊게 중첩되어 있습니다."),
        (refused(b"\xff"), "값이 JSON이 아닙니다. 바이트 0이(가) UTF-8이 아닙니다."),
        (refused(b"{"), "값이 JSON이 아닙니다. 문자 위치 1 (원문: Expecting property name enclosed in double quotes)"),
        (refused(b'{"a": NaN}'), "값이 JSON이 아닙니다(원문: NaN is not a JSON number)."),
        (refused(b"[]"), "값은 JSON 객체여야 합니다(현재: 목록)."),
        (refused(event(type="episode.lost")), "'episode.lost'은(는) 이 모니터가 아는 이벤트 종류가 아닙니다."),
        (refused(event(episode_id=None, event_id=None)), "필드가 없거나 null입니다: event_id, episode_id"),
        (
            refused(event(schema_version=7)),
            "schema_version 7은(는) 지원하지 않습니다. 이 모니터는 버전 1을(를) 읽습니다.",
        ),
        (refused(event(source="\ud800")), "source에 짝이 없는 서로게이트 문자가 있습니다."),
        (
            refused(event(retry_count=2, retry_reasons=["error"])),
            "retry_reasons 항목은 1개인데 retry_count는 2입니다. 재시도마다 하나씩 있어야 합니다.",
        ),
        (refused(event(), b"q"), "레코드 키 b'q'이(가) project_id와 다릅니다."),
        (
            refused(event(occurred_at=400_000)),
            "occurred_at이 현재 시각보다 400000ms 앞섭니다. 300000ms까지 허용합니다.",
        ),
        (
            refused(event(episode_number="5")),
            "episode_number 값이 잘못되었습니다. 필요한 값: 1~2147483647 정수, 현재 값: '5'",
        ),
    ],
)
def test_why_a_record_is_a_dead_letter_is_said_in_korean(sentence: str, korean: str) -> None:
    assert in_korean(sentence) == korean
    assert spoken(sentence, Language.EN) == sentence


@pytest.mark.parametrize("field", FIELD_RULES)
def test_the_rule_of_every_field_has_korean(field: str) -> None:
    korean = in_korean(invalid_field(field, {}).detail)
    assert korean.startswith(f"{field} 값이 잘못되었습니다. 필요한 값: ")
    assert korean.endswith(", 현재 값: 객체")
    assert ORIGINAL not in korean


def reason(answer: HttpAnswer | NoHttpAnswer) -> str:
    outcome = outcome_of(answer, 0)
    assert isinstance(outcome, Rejected | Retry)
    return outcome.reason


@pytest.mark.parametrize(
    ("sentence", "korean"),
    [
        (reason(HttpAnswer(404, None, b"")), "HTTP 404 응답"),
        (reason(HttpAnswer(500, None, b"out of order")), "HTTP 500 응답(원문: out of order)"),
        (reason(HttpAnswer(302, None, b"")), "HTTP 302 응답: 리다이렉트는 따라가지 않습니다. 최종 주소를 설정하세요"),
        (reason(NoHttpAnswer("no answer within 10 s")), "10초 안에 응답하지 않았습니다"),
        ("gave up after 5 attempts in 3600 s: HTTP 503", "3600초 동안 5번 시도하고 포기했습니다: HTTP 503 응답"),
        ("gave up after 5 attempts in 9 s: odd", "9초 동안 5번 시도하고 포기했습니다: 원문: odd"),
        ("the sink is disabled: HTTP 410", "싱크가 꺼졌습니다: HTTP 410 응답"),
    ],
)
def test_why_an_alert_was_not_delivered_is_said_in_korean(sentence: str, korean: str) -> None:
    assert in_korean(sentence) == korean


def of_range(first: int, end: int) -> str:
    with pytest.raises(BadRange) as caught:
        check_order(Range(None, first, end))
    return str(caught.value)


@pytest.mark.parametrize(
    ("sentence", "korean"),
    [
        (job.OURS, "내부 오류로 실패했습니다. 실행한 워커의 로그를 확인하세요."),
        (job_run.OURS, "내부 오류로 실패했습니다. 실행한 워커의 로그를 확인하세요."),
        (job.STOPPED, "워커가 멈췄습니다. 작업을 다시 시작하세요."),
        (job_run.STOPPED, "검사 중에 워커가 멈췄습니다. 검사는 다시 실행됩니다."),
        ("Cancelled by 지민.", "지민 님이 취소했습니다."),
        (of_range(9, 4), "범위가 오프셋 9에서 시작하는데 4에서 끝납니다."),
        (
            "Some partitions are still recovering. The check was cancelled; run it again when all partitions are "
            "available.",
            "아직 복구 중인 파티션이 있습니다. 검사를 취소했습니다. 모든 파티션을 사용할 수 있을 때 다시 실행하세요.",
        ),
        ("A sentence of another version.", "원문: A sentence of another version."),
        ("", ""),
    ],
)
def test_why_a_job_has_no_result_is_said_in_korean(sentence: str, korean: str) -> None:
    assert in_korean(sentence) == korean


def test_a_replay_tells_its_error_and_its_dead_letters_in_korean_and_the_rest_as_it_was() -> None:
    letter = {"partition": 1, "offset": 7, "reason": "malformed_json", "detail": "The value is not JSON: it is empty."}
    kept = {"job_id": "j", "error": job.STOPPED, "result": {"dead_letter_records": [letter], "state_hash": "ab"}}
    stored = msgspec.json.encode(kept)
    assert spoken_job(stored, Language.EN) == stored
    told = json.loads(spoken_job(stored, Language.KO))
    assert told == {
        "job_id": "j", "error": "워커가 멈췄습니다. 작업을 다시 시작하세요.",
        "result": {
            "dead_letter_records": [{**letter, "detail": "값이 비어 있어 JSON이 아닙니다."}], "state_hash": "ab"
        },
    }  # fmt: skip


def test_a_job_without_a_result_or_an_error_stays_as_it_is() -> None:
    running = {"job_id": "j", "error": None, "result": None}
    assert json.loads(spoken_job(msgspec.json.encode(running), Language.KO)) == running
