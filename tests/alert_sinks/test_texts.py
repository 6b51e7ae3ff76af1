"""What people read, in each language: the catalogues agree, and each sentence is what an operator would write."""

from string import Formatter

import msgspec
import pytest

from alert_sinks import wording
from alert_sinks.messages import messages_of
from alert_sinks.texts.catalogue import Language, Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.texts.korean import KOREAN
from alert_sinks.texts.languages import texts_of
from alert_sinks.texts.translation import translated
from alert_sinks.trial import trial_alert
from models.alert import Alert, AlertInputs, AlertStatus, Severity, ShortWindow
from streams.alerting.rule import FLEET
from streams.alerting.verdict import Reason
from streams.dispatch.outputs import Notification
from streams.dispatch.table import MOVES, NotifyReason
from streams.partition.drift_alerts import FOUND, GONE
from tests.alert_sinks.support import NOW_MS, an_alert, digest_of


def places(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def korean(alert_type: str = "HIGH_FAILURE_RATE", **changes: object) -> Alert:
    """An alert of this type for proj_1, translated."""
    bad, whole = changes.pop("bad", 1), changes.pop("whole", 40)
    given: dict[str, object] = {"rate": None} | changes.pop("inputs", {})  # type: ignore[operator]
    inputs = AlertInputs(state="firing", bad=bad, whole=whole, **given)  # type: ignore[arg-type]
    return translated(an_alert(alert_type=alert_type, inputs=inputs, **changes), KOREAN)


@pytest.mark.parametrize("language", Language)
def test_every_language_has_all_words_with_the_same_places(language: Language) -> None:
    texts = texts_of(language)
    assert texts.language is language
    assert {key: places(text) for key, text in texts.words.items()} == {
        key: places(text) for key, text in ENGLISH.words.items()
    }
    assert all(texts.words.values())


@pytest.mark.parametrize("texts", [ENGLISH, KOREAN])
def test_every_reason_that_an_alert_can_have_has_words(texts: Texts) -> None:
    named = {each.value for each in Reason} | {move.reason for move in MOVES.values()} | {FOUND, GONE, "trial"}
    assert {f"reason.{name}" for name in named if name} <= texts.words.keys()


def test_titles_keep_the_places_of_the_original() -> None:
    assert all(places(original) == places(translation) for original, translation in KOREAN.titles.items())


def test_in_english_an_alert_is_as_the_core_wrote_it() -> None:
    alert = an_alert()
    assert translated(alert, ENGLISH) is alert


@pytest.mark.parametrize(
    ("alert", "sentence"),
    [
        (korean(), "프로젝트 proj_1: 최근 15분 동안 생성 완료 40건 중 실패 1건(2.5%). 임계값 1%."),
        (
            korean("HIGH_CONFLICT_RATE", bad=1200, whole=20_000, value=6.0, threshold=5.0, window_minutes=120),
            "프로젝트 proj_1: 최근 2시간 동안 생성 시도 20,000건 중 충돌 1,200건(6%). 임계값 5%.",
        ),
        (
            korean("HIGH_RETRY_RATE", bad=3, whole=30, value=10.0),
            "프로젝트 proj_1: 최근 15분 동안 생성 완료 30건 중 재시도 3건(10%). 임계값 1%.",
        ),
        (
            korean("SLOW_CREATION", bad=3, value=6.25, threshold=5.0),
            "프로젝트 proj_1: 최근 15분 동안 생성 완료 40건의 p95 6.25초, 5초 초과 3건. 임계값 5초.",
        ),
        (korean(value=None, whole=0), "프로젝트 proj_1: 최근 15분 동안 생성 작업 없음."),
        (
            korean("INTEGRITY_VIOLATION", bad=3, whole=1520, value=3.0, threshold=0.0, window_minutes=None),
            "프로젝트 proj_1: 에피소드 1,520건에서 번호 누락·중복 3건.",
        ),
        (
            korean("INTEGRITY_VIOLATION", bad=0, value=0.0, threshold=0.0, window_minutes=None),
            "프로젝트 proj_1: 에피소드 40건에서 번호 누락·중복 없음.",
        ),
        (
            korean("INTEGRITY_VIOLATION", bad=0, reason="split", window_minutes=None),
            "프로젝트 proj_1: 이벤트가 여러 파티션에 나뉘어 번호 판정 불가. 원인은 프로젝트 조회 결과 참고.",
        ),
        (
            korean("INTEGRITY_DRIFT", bad=2, window_minutes=None),
            "프로젝트 proj_1: 스트림과 데이터베이스의 번호 2건 불일치. 목록은 최근 심화 검사 결과 참고.",
        ),
        (
            korean("INTEGRITY_DRIFT", bad=7, project_id=FLEET, window_minutes=None),
            "개별 알림이 없는 프로젝트 7개도 스트림과 데이터베이스 불일치. 목록은 최근 심화 검사 결과 참고.",
        ),
        (
            korean(project_id=FLEET),
            "전체 프로젝트: 최근 15분 동안 생성 완료 40건 중 실패 1건(2.5%). 임계값 1%.",
        ),
        (
            korean("SLOW_CREATION", bad=3, value=None, threshold=5.0, project_id=FLEET, inputs={"rate": 7.5}),
            "전체 프로젝트: 최근 15분 동안 생성 완료 40건 중 5초 초과 3건(7.5%). 5%를 넘으면 p95가 5초를 초과합니다.",
        ),
        (
            korean(inputs={"confidence": 95.0, "lower_bound": 1.23456}),
            "프로젝트 proj_1: 최근 15분 동안 생성 완료 40건 중 실패 1건(2.5%). "
            "임계값 1%, 신뢰 수준 95%에서 비율 1.23% 이상.",
        ),
        (
            korean(
                value=2.5, threshold=1.44, window_minutes=60,
                inputs={"objective": 99.9, "factor": 14.4,
                        "short": ShortWindow(bad=2, whole=10, rate=20.0, window_minutes=5)},
            ),
            "프로젝트 proj_1: 최근 1시간 동안 생성 완료 40건 중 실패 1건(2.5%). 최근 5분 비율 20%, 임계값 1.44%"
            "(목표 99.9% 기준 허용치의 14.4배).",
        ),
        (
            korean(status=AlertStatus.RESOLVED, reason="resolved_by_person", annotations={"acted_by": "김민수"}),
            "김민수 님이 수동으로 해결했으며, 문제가 남아 있을 수 있습니다. "
            "프로젝트 proj_1: 최근 15분 동안 생성 완료 40건 중 실패 1건(2.5%). 임계값 1%.",
        ),
        (
            korean(bad=12, whole=3400, inputs={"score": 512, "limit": 500}),
            "프로젝트 proj_1: 누적 점수 512(0점 이후 생성 완료 3,400건 중 실패 12건). 기준 점수 500.",
        ),
        (
            korean("OF_A_NEWER_VERSION"),
            "Episode creation failure rate exceeds 1%",
        ),
    ],
)  # fmt: skip
def test_the_korean_sentence_of_each_type(alert: Alert, sentence: str) -> None:
    assert alert.description == sentence


@pytest.mark.parametrize(
    ("title", "translation"),
    [
        ("Episode creation failure rate exceeds 1% (proj_1)", "에피소드 생성 실패율 1% 초과 (proj_1)"),
        ("Episode creation conflict rate exceeds 5% - monitoring enhanced (proj_1)",
         "에피소드 생성 충돌률 5% 초과 - 집중 감시 중 (proj_1)"),
        ("95th percentile of episode creation time exceeds 5 seconds (proj_1)",
         "에피소드 생성 시간 p95 5초 초과 (proj_1)"),
        ("Episode numbers have gaps or duplicates (proj_1)", "에피소드 번호 누락 또는 중복 (proj_1)"),
        ("Stream and database disagree about project proj_1", "스트림과 데이터베이스 불일치: 프로젝트 proj_1"),
        ("Stream and database disagree about 7 more projects", "스트림과 데이터베이스 불일치: 외 프로젝트 7개"),
        ("야간 배치 실패율 (proj_1)", "야간 배치 실패율 (proj_1)"),
        ("Checkout creates nothing (proj_1)", "Checkout creates nothing (proj_1)"),
    ],
)  # fmt: skip
def test_titles_of_shipped_rules_are_translated_and_an_operators_own_stay(title: str, translation: str) -> None:
    assert translated(an_alert(title=title), KOREAN).title == translation


def test_an_alert_of_an_older_version_keeps_its_sentence() -> None:
    assert translated(an_alert(), KOREAN).description == "Episode creation failure rate exceeds 1%"


def test_a_whole_message_in_korean_with_both_links() -> None:
    alert = korean(runbook_url="https://wiki/1", dashboard_url="https://d/p", acknowledged_by="kim",
                   title="Episode creation failure rate exceeds 1% (proj_1)")  # fmt: skip
    assert wording.headline(alert, KOREAN) == "[경고] 에피소드 생성 실패율 1% 초과 (proj_1)"
    assert wording.text(alert, KOREAN).splitlines() == [
        "프로젝트 proj_1: 최근 15분 동안 생성 완료 40건 중 실패 1건(2.5%). 임계값 1%.", "",
        "프로젝트: proj_1", "심각도: 경고", "상태: 발생 중", "측정값: 2.5%", "임계값: 1%", "집계 구간: 15분",
        "발생 시각: 2025-10-09 08:53:20 UTC", "확인한 사람: kim", "대응 절차: https://wiki/1", "대시보드: https://d/p",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": "threshold_crossed"}, "임계값 초과"),
        ({"reason": "escalated_unacknowledged", "escalation_level": 1}, "제한 시간 내 미확인"),
        ({"reason": "silence_ended"}, "알림 중지가 끝났으나 발생 지속 중"),
        ({"reason": "acknowledgement_expired"}, "확인 만료"),
        ({"reason": "back_to_normal", "status": AlertStatus.RESOLVED}, "정상 복귀"),
        ({"reason": "a_newer_reason"}, "a newer reason"),
    ],
)
def test_the_reason_of_a_transition_in_korean(changes: dict[str, object], words: str) -> None:
    facts = {fact.title: fact.value for fact in wording.facts(an_alert(**changes), KOREAN)}
    assert facts["사유"] == words


def notification(**changes: object) -> Notification:
    """Of one firing alert for the team."""
    given = Notification(
        notification_id="n_1", receiver="team", reason=NotifyReason.FIRST_NOTIFICATION, group_keys=("k",),
        group_labels={}, alerts=(korean(),), firing=1, resolved=0, at_ms=NOW_MS,
    )  # fmt: skip
    return msgspec.structs.replace(given, **changes)


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"reason": NotifyReason.ESCALATED, "person": "kim"}, "당직: kim."),
        ({"reason": NotifyReason.ESCALATED, "note": "Nobody is on call in night."},
         "현재 당직자가 없습니다. 당직표 상세: Nobody is on call in night."),
        ({"reason": NotifyReason.ESCALATED, "person": "kim", "note": "Layer a is empty: x."},
         "비어 있는 당번을 건너뛰고 호출했습니다. 당직표 상세: Layer a is empty: x. 당직: kim."),
        ({"reason": NotifyReason.ACKNOWLEDGEMENT_EXPIRES, "note": "n", "by": "kim"},
         "kim 님의 확인이 곧 만료되며, 알림은 계속 발생 중입니다."),
        ({"reason": NotifyReason.SILENCE_EXPIRES, "note": "n", "by": "kim", "comment": "배포"},
         "kim 님의 알림 중지가 곧 끝납니다(메모: 배포)."),
        ({"reason": NotifyReason.ACKNOWLEDGED, "note": "n", "by": "kim", "comment": "배포 중"},
         "kim 님이 확인했습니다(메모: 배포 중)."),
        ({"reason": NotifyReason.UNACKNOWLEDGED, "note": "n", "by": "kim"}, "kim 님이 확인을 취소했습니다."),
        ({"reason": NotifyReason.SILENCE_EXPIRES, "note": "n", "by": "kim"}, "kim 님의 알림 중지가 곧 끝납니다."),
        ({"reason": NotifyReason.SILENCE_EXPIRES, "note": "of a version before"}, "of a version before"),
    ],
)  # fmt: skip
def test_what_a_notification_adds_in_korean(changes: dict[str, object], ending: str) -> None:
    (message,) = messages_of(notification(**changes), takes_digests=True, texts=KOREAN)
    assert message.alert.description == f"{korean().description} {ending}"


@pytest.mark.parametrize(
    ("reason", "english", "title"),
    [
        (NotifyReason.FIRST_NOTIFICATION, "Alerts: 250 alerts are on, 1 alert has ended",
         "알림: 발생 중 250건, 종료 1건"),
        (NotifyReason.REPEAT_INTERVAL_ELAPSED, "Still firing: 250 alerts are on, 1 alert has ended",
         "발생 지속 중: 발생 중 250건, 종료 1건"),
        (NotifyReason.ESCALATED, "Not acknowledged: 250 alerts are on, 1 alert has ended",
         "미확인 알림: 발생 중 250건, 종료 1건"),
        (NotifyReason.ACKNOWLEDGEMENT_EXPIRES, "An acknowledgement will expire: 250 alerts are on, 1 alert has ended",
         "확인 만료 예정: 발생 중 250건, 종료 1건"),
        (NotifyReason.SILENCE_EXPIRES, "A silence will expire: 250 alerts are on, 1 alert has ended",
         "알림 중지 만료 예정: 발생 중 250건, 종료 1건"),
    ],
)  # fmt: skip
def test_the_title_of_a_digest(reason: NotifyReason, english: str, title: str) -> None:
    given = notification(reason=reason, firing=250, resolved=1)
    for texts, expected in ((ENGLISH, english), (KOREAN, title)):
        (message,) = messages_of(given, takes_digests=True, texts=texts)
        assert message.digest is not None
        assert message.digest.title == expected


def test_a_digest_in_korean_lists_the_worst_with_the_links_of_the_first() -> None:
    alerts = [an_alert(alert_id=str(place), title=f"p{place}") for place in range(12)]
    worst = an_alert(
        severity=Severity.CRITICAL, title="번호 누락", runbook_url="https://wiki/1", dashboard_url="https://d"
    )
    digest = digest_of([*alerts, worst], texts=KOREAN)
    assert digest.title == "알림: 발생 중 13건"
    assert wording.lines(digest)[0] == "심각 번호 누락: 2.5%, 2025-10-09 08:53:20 UTC 발생"
    assert wording.lines(digest)[-1] == "외 3건"
    assert [(fact.title, fact.value) for fact in wording.digest_facts(digest)] == [
        ("심각", "1"), ("경고", "12"), ("대응 절차", "https://wiki/1"), ("대시보드", "https://d"),
    ]  # fmt: skip


def test_the_line_of_an_act_in_a_thread() -> None:
    taken = an_alert(reason="acknowledged_by_person", acknowledged_by="kim")
    assert wording.event(taken, KOREAN) == "kim 님 확인: High failure rate in proj_1"
    assert wording.event(an_alert(reason="unacknowledged_by_person"), KOREAN) == (
        "확인 취소: High failure rate in proj_1"
    )
    assert wording.event(an_alert(), KOREAN) == "[경고] High failure rate in proj_1"


def test_a_trial_in_korean() -> None:
    alert = trial_alert("episodes", NOW_MS, KOREAN)
    assert alert.title == "[테스트] episodes 알림 수신 확인"
    assert alert.description == "수신처 점검을 위해 보낸 테스트 알림입니다. 장애가 아니며 조치할 일이 없습니다."
