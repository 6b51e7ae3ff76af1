"""Korean for the English sentences that say why a job failed, or why a record or an alert is a dead letter.

They are kept as they were said, a dead letter's in Kafka, so they are recognised by their form. One without a Korean
form, such as another program's own words or the sentence of another version, is marked as the original text.
"""

import re
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from alert_sinks.texts.catalogue import Language
from models.event import MAX_EPISODE_NUMBER
from models.wire import MAX_INT64

T = TypeVar("T", bound=msgspec.Struct)

ORIGINAL: Final = "원문: "

_RULES: Final = {
    "an RFC 3339 string with an offset, or integer milliseconds, not before 1970": (
        "1970년 이후의 오프셋이 있는 RFC 3339 문자열 또는 밀리초 정수"
    ),
    "a list of conflict, timeout or error, one entry a retry": "재시도마다 conflict, timeout, error 중 하나인 목록",
    "a string of 1 to 200 characters without control characters": "제어 문자가 없는 1~200자 문자열",
    "a string of 1 to 128 characters": "1~128자 문자열",
    "a string of 1 to 200 characters": "1~200자 문자열",
    f"an integer from 1 to {MAX_EPISODE_NUMBER}": f"1~{MAX_EPISODE_NUMBER} 정수",
    f"an integer from 0 to {MAX_INT64}": f"0~{MAX_INT64} 정수",
    "an integer of at most 64 bits": "64비트 이하 정수",
    "a finite number of at least 0": "0 이상의 유한한 수",
    "an integer of at least 0": "0 이상의 정수",
    "true or false": "true 또는 false",
    "a string": "문자열",
}
_VALUES: Final = {"a list": "목록", "an object": "객체", "a number out of range": "범위를 벗어난 수"}

_FORMS: Final = (  # of events
    (r"The value has (\d+) bytes; at most (\d+) are read\.", "값이 {0}바이트입니다. {1}바이트까지만 읽습니다."),
    (r"The value is not JSON: it is empty\.", "값이 비어 있어 JSON이 아닙니다."),
    (r"The value is not JSON: it is nested deeper than (\d+) levels\.", "값이 {0}단계보다 깊게 중첩되어 있습니다."),
    (r"The value is not JSON: byte (\d+) is not UTF-8\.", "값이 JSON이 아닙니다. 바이트 {0}이(가) UTF-8이 아닙니다."),
    (r"The value is not JSON: (.+), character (\d+)\.", "값이 JSON이 아닙니다. 문자 위치 {1} (원문: {0})"),
    (r"The value is not JSON: (.+)\.", "값이 JSON이 아닙니다(원문: {0})."),
    (r"The value must be a JSON object, not (.+)\.", "값은 JSON 객체여야 합니다(현재: {0})."),
    (r"(.+) is not an event type of this monitor\.", "{0}은(는) 이 모니터가 아는 이벤트 종류가 아닙니다."),
    (r"(.+) (?:is|are) missing or null\.", "필드가 없거나 null입니다: {0}"),
    (r"schema_version (-?\d+) is not known here; this monitor reads version (\d+)\.",
     "schema_version {0}은(는) 지원하지 않습니다. 이 모니터는 버전 {1}을(를) 읽습니다."),
    (r"(\w+) holds half of a surrogate pair, which is no text\.", "{0}에 짝이 없는 서로게이트 문자가 있습니다."),
    (r"retry_reasons has (\d+) entries for a retry_count of (\d+); it must have one a retry\.",
     "retry_reasons 항목은 {0}개인데 retry_count는 {1}입니다. 재시도마다 하나씩 있어야 합니다."),
    (r"The record's key (.+) is not its project_id\.", "레코드 키 {0}이(가) project_id와 다릅니다."),
    (r"occurred_at is (\d+) ms ahead of the clock; at most (\d+) are allowed\.",
     "occurred_at이 현재 시각보다 {0}ms 앞섭니다. {1}ms까지 허용합니다."),
    (r"Offset (\d+) cannot be read: (.+)", "오프셋 {0}을(를) 읽을 수 없습니다(원문: {1})"),
    (r"Offsets (\d+) to (\d+) cannot be read: (.+)", "오프셋 {0}~{1}을(를) 읽을 수 없습니다(원문: {2})"),
    # of alerts
    (r"gave up after (\d+) attempts in ([\d.]+) s: (?P<why>.+)", "{1}초 동안 {0}번 시도하고 포기했습니다: {why}"),
    (r"the sink is disabled: (?P<why>.+)", "싱크가 꺼졌습니다: {why}"),
    (r"more than (\d+) alerts waited for this sink", "이 싱크에서 기다리는 알림이 {0}건을 넘었습니다"),
    (r"there is no sink (.+) any more; discard the letter, or set the sink again",
     "싱크 {0}이(가) 이제 없습니다. 버리거나 싱크를 다시 설정하세요"),
    (r"there is no receiver (.+), and none that could stand in for it", "수신처 {0}도, 대신할 수신처도 없습니다"),
    (r"no connection within ([\d.]+) s", "{0}초 안에 연결되지 않았습니다"),
    (r"no answer within ([\d.]+) s", "{0}초 안에 응답하지 않았습니다"),
    (r"cannot connect \((.+)\)", "연결할 수 없습니다(원문: {0})"),
    (r"the connection broke \((.+)\)", "연결이 끊겼습니다(원문: {0})"),
    (r"the proxy does not let it through \((.+)\)", "프록시가 통과시키지 않습니다(원문: {0})"),
    (r"the mail server's certificate is not valid \((.+)\)", "메일 서버의 인증서가 유효하지 않습니다(원문: {0})"),
    (r"the connection to the mail server failed \((.+)\)", "메일 서버와의 연결이 실패했습니다(원문: {0})"),
    (r"the handler took longer than ([\d.]+) s and was stopped", "핸들러가 {0}초를 넘겨 중단되었습니다"),
    (r"the handler raised (.+)", "핸들러에서 예외가 발생했습니다(원문: {0})"),
    (r"HTTP (\d+)", "HTTP {0} 응답"),
    (r"HTTP (\d+): redirects are not followed; configure its target address",
     "HTTP {0} 응답: 리다이렉트는 따라가지 않습니다. 최종 주소를 설정하세요"),
    (r"HTTP (\d+): (.+)", "HTTP {0} 응답(원문: {1})"),
    (r"Slack answered nothing", "Slack의 응답이 비어 있습니다"),
    (r"Slack answered (.+)", "Slack이 거부했습니다(원문: {0})"),
    (r"Slack's answer was cut off", "Slack의 응답이 중간에 끊겼습니다"),
    # of checks, replays and backtests
    (r"The (?:job|check) failed with an internal error: see the log of the worker that ran it\.",
     "내부 오류로 실패했습니다. 실행한 워커의 로그를 확인하세요."),
    (r"The worker was stopped: start the job again\.", "워커가 멈췄습니다. 작업을 다시 시작하세요."),
    (r"The worker was stopped during the check: the check will run again\.",
     "검사 중에 워커가 멈췄습니다. 검사는 다시 실행됩니다."),
    (r"Another worker has taken over the check\.", "다른 워커가 검사를 넘겨받았습니다."),
    (r"Cancelled by (.+)\.", "{0} 님이 취소했습니다."),
    (r"It was not done after ([\d.]+) hours; use a shorter range\.",
     "{0}시간 안에 끝나지 않았습니다. 범위를 줄이세요."),
    (r"Its process was ended by signal (\d+), perhaps for want of memory; use a shorter range\.",
     "프로세스가 시그널 {0}(으)로 종료되었습니다. 메모리가 부족했을 수 있습니다. 범위를 줄이세요."),
    (r"Its process ended with (\d+): see the log of the worker that ran it\.",
     "프로세스가 코드 {0}(으)로 끝났습니다. 실행한 워커의 로그를 확인하세요."),
    (r"The result has more than (\d+) MiB; use a shorter range\.", "결과가 {0}MiB를 넘습니다. 범위를 줄이세요."),
    (r"(?P<why>.+) The check was cancelled; run it again when all partitions are available\.",
     "{why} 검사를 취소했습니다. 모든 파티션을 사용할 수 있을 때 다시 실행하세요."),
    (r"The result of the last check cannot be read: (.+)", "지난 검사의 결과를 읽을 수 없습니다(원문: {0})"),
    (r"The worker at (.+), which owns a part of the projects, did not answer: try again shortly\.",
     "일부 프로젝트를 맡은 {0} 워커가 응답하지 않습니다."),
    (r"The worker at (.+) cannot answer now \(HTTP (\d+)\): try again shortly\.",
     "{0} 워커가 지금은 응답할 수 없습니다(HTTP {1})."),
    (r"Behind (\S+) is not the worker that published this address: give each worker a WORKER_URL of its own\.",
     "{0}에 있는 것은 이 주소를 알린 워커가 아닙니다. 워커마다 고유한 WORKER_URL을 설정하세요."),
    (r"Some partitions are still recovering\.", "아직 복구 중인 파티션이 있습니다."),
    (r"Kafka does not answer at (.+); start it, or check KAFKA_BOOTSTRAP_SERVERS\.",
     "{0}의 Kafka가 응답하지 않습니다. Kafka를 시작하거나 KAFKA_BOOTSTRAP_SERVERS를 확인하세요."),
    (r"Kafka at (.+) does not answer in time; check its load and the network\.",
     "{0}의 Kafka가 제시간에 응답하지 않습니다. 부하와 네트워크를 확인하세요."),
    (r"Kafka at (.+?) refuses (.+) the right (.+); grant it \(doctor names all\)\.",
     "{0}의 Kafka에 권한이 없습니다: {2}. 권한을 주세요(doctor가 모두 보여 줍니다)."),
    (r"The range ends before it begins; exchange --from and --to\.", "범위의 끝이 시작보다 앞입니다. 둘을 바꾸세요."),
    (r"The range of (?:each partition|partition \d+(?: of \S+)?) ends at offset (\d+), before it begins at "
     r"offset (\d+)\.",
     "범위가 오프셋 {1}에서 시작하는데 {0}에서 끝납니다."),
    (r"Offsets (\d+) to (\d+) of partition (\d+) of (\S+) have been deleted; it begins at (\d+)\.",
     "토픽 {3}의 파티션 {2}에서 오프셋 {0}~{1}은(는) 삭제되었습니다. {4}에서 시작합니다."),
    (r"There is no partition (\d+) of topic (\S+) at (.+), which has 0 to (\d+); check --partition\.",
     "{2}의 토픽 {1}에는 파티션 {0}이(가) 없습니다(0~{3})."),
    (r"There is no topic (\S+) at (.+?); check .+\.", "{1}에 토픽 {0}이(가) 없습니다. EVENTS_TOPIC을 확인하세요."),
    (r"Partition (\d+) of (\S+) gives nothing more after offset (\d+), and it ends at (\d+); try again\.",
     "토픽 {1}의 파티션 {0}을(를) 오프셋 {2} 다음부터 읽지 못했습니다(끝: {3}). 다시 시도하세요."),
    (r"Partition (\d+) of (\S+) had to be read from offset (\d+), and begins at (\d+) by now, because Kafka deleted "
     r"what lay before; replay again, or from a later offset\.",
     "Kafka가 앞부분을 삭제해 토픽 {1}의 파티션 {0}은(는) 이제 오프셋 {3}에서 시작합니다(필요한 오프셋: {2}). "
     "다시 재처리하거나 더 뒤의 오프셋부터 시작하세요."),
    (r"The project service's database at (.+) does not answer in time: check its load, then try again\.",
     "{0}의 프로젝트 서비스 데이터베이스가 제시간에 응답하지 않습니다. 부하를 확인하고 다시 시도하세요."),
    (r"The project service's database at (.+) has no table (\S+): set EPISODES_TABLE to .+\.",
     "{0}의 프로젝트 서비스 데이터베이스에 {1} 테이블이 없습니다. EPISODES_TABLE을 확인하거나, "
     "DATABASE_URL의 계정에 테이블이 있는 스키마의 USAGE 권한을 주세요."),
    (r"The project service's database at (.+) denies access \((.+)\): grant the account of DATABASE_URL that right\.",
     "{0}의 프로젝트 서비스 데이터베이스에 권한이 없습니다(원문: {1}). DATABASE_URL의 계정에 권한을 주세요."),
)  # fmt: skip
_PATTERNS: Final = tuple((re.compile(form, re.DOTALL), korean) for form, korean in _FORMS)
_INVALID: Final = re.compile(rf"(\w+) must be ({'|'.join(map(re.escape, _RULES))}), not (.+)\.", re.DOTALL)


def spoken(sentence: str, language: Language) -> str:
    """The sentence in a language: in English as it is."""
    return sentence if language is Language.EN or not sentence else _in_korean(sentence)


def with_spoken(view: T, language: Language, field: str) -> T:
    """An answer with the sentence in this field in a language."""
    sentence = getattr(view, field)
    return replace(view, **{field: spoken(sentence, language)}) if sentence else view


def _in_korean(sentence: str) -> str:
    invalid = _INVALID.fullmatch(sentence)
    if invalid is not None:
        return f"{invalid[1]} 값이 잘못되었습니다. 필요한 값: {_RULES[invalid[2]]}, 현재 값: {_value(invalid[3])}"
    for pattern, korean in _PATTERNS:
        if found := pattern.fullmatch(sentence):
            inner = {name: _in_korean(text) for name, text in found.groupdict().items()}
            return korean.format(*map(_value, found.groups()), **inner)
    return f"{ORIGINAL}{sentence}"


def _value(text: str) -> str:
    return _VALUES.get(text, text)
