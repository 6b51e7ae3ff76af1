"""한국어. Names and numbers stand where no particle depends on them."""

from alert_sinks.texts.catalogue import Language, Texts

WORDS = {
    "state.resolved": "해결",
    "severity.critical": "심각",
    "severity.warning": "경고",
    "severity.info": "정보",
    "status.pending": "대기",
    "status.firing": "발생 중",
    "status.resolved": "해결됨",
    # one alert
    "headline": "[{state}] {title}",
    "headline.project": "[{state}] {title} (프로젝트 {project})",
    "line": "{state} {title}: {value}, {since} 발생",
    "event.acknowledged": "{person} 님 확인: {title}",
    "event.unacknowledged": "확인 취소: {title}",
    "no_data": "데이터 없음",
    "minutes": "{minutes}분",
    "fact.project": "프로젝트",
    "fact.severity": "심각도",
    "fact.status": "상태",
    "fact.value": "측정값",
    "fact.threshold": "임계값",
    "fact.window": "집계 구간",
    "fact.since": "발생 시각",
    "fact.ended": "종료 시각",
    "fact.reason": "사유",
    "fact.by": "처리자",
    "fact.comment": "메모",
    "fact.acknowledged_by": "확인한 사람",
    "fact.runbook": "대응 절차",
    "fact.dashboard": "대시보드",
    "fact.description": "내용",
    "fact.alerts": "알림 목록",
    # several
    "more": "외 {count}건",
    "digest": "{intro}: {counts}",
    "digest.on.one": "발생 중 {count}건",
    "digest.on.many": "발생 중 {count}건",
    "digest.ended.one": "종료 {count}건",
    "digest.ended.many": "종료 {count}건",
    "intro.alerts": "알림",
    "intro.caught_up": "밀린 이벤트 처리 완료",
    "intro.escalated": "미확인 알림",
    "intro.repeat_interval_elapsed": "발생 지속 중",
    "intro.acknowledgement_expires": "확인 만료 예정",
    "intro.silence_expires": "알림 중지 만료 예정",
    "intro.acknowledged": "확인됨",
    "intro.unacknowledged": "확인 취소",
    # sentences that a notification adds
    "note.on_call": "당직: {person}.",
    # reasons
    "reason.threshold_crossed": "임계값 초과",
    "reason.crossed_for_long_enough": "지정한 시간 동안 임계값 초과 지속",
    "reason.escalated_unacknowledged": "제한 시간 내 미확인",
    "reason.back_to_normal": "정상 복귀",
    "reason.no_operations": "집계 구간에 작업 없음",
    "reason.insufficient_data": "작업 수 부족으로 판정 불가",
    "reason.cleared_before_firing": "알림 발생 전에 정상 복귀",
    "reason.split": "이벤트가 여러 파티션에 나뉘어 판정 불가",
    "reason.resolved_by_person": "수동 해결(문제가 남아 있을 수 있음)",
    "reason.acknowledged_by_person": "담당자 확인",
    "reason.unacknowledged_by_person": "담당자 확인 취소",
    "reason.acknowledgement_expired": "확인 만료",
    "reason.acknowledgement_will_expire": "확인 만료 예정",
    "reason.silenced_by_person": "담당자 알림 중지",
    "reason.silence_ended": "알림 중지가 끝났으나 발생 지속 중",
    "reason.severity_rose": "심각도 상승",
    "reason.findings_rose": "번호 이상 증가",
    "reason.found_by_check": "점검에서 발견",
    "reason.gone_at_check": "점검 결과 불일치 없음",
    # a trial
    "trial.title": "[테스트] {monitor} 알림 수신 확인",
    "trial.description": "수신처 점검을 위해 보낸 테스트 알림입니다. 장애가 아니며 조치할 일이 없습니다.",
    "reason.trial": "테스트",
}

SENTENCES = {
    "failure": "{subject}: 최근 {window} 동안 생성 완료 {whole}건 중 실패 {bad}건({value}). {limit}.",
    "retry": "{subject}: 최근 {window} 동안 생성 완료 {whole}건 중 재시도 {bad}건({value}). {limit}.",
    "conflict": "{subject}: 최근 {window} 동안 생성 시도 {whole}건 중 충돌 {bad}건({value}). {limit}.",
    "limit": "임계값 {threshold}",
    "burn": "최근 {window} 비율 {value}, 임계값 {threshold}(목표 {objective} 기준 허용치의 {factor}배)",
    "sure": "신뢰 수준 {confidence}에서 비율 {lower} 이상",
    "score": ("{subject}: 누적 점수 {score}(0점 이후 생성 완료 {whole}건 중 {what} {bad}건). 기준 점수 {limit}."),
    "score.failure": "실패",
    "score.retry": "재시도",
    "score.conflict": "충돌",
    "latency": ("{subject}: 최근 {window} 동안 생성 완료 {whole}건의 p95 {value}, {threshold} 초과 {bad}건. {limit}."),
    "latency.fleet": (
        "{subject}: 최근 {window} 동안 생성 완료 {whole}건 중 {threshold} 초과 {bad}건({share}). 5%를 넘으면 p95가 "
        "{threshold}를 초과합니다."
    ),
    "subject": "프로젝트 {project}",
    "subject.fleet": "전체 프로젝트",
    "nothing": "{subject}: 최근 {window} 동안 생성 작업 없음.",
    "numbers": "프로젝트 {project}: 에피소드 {whole}건에서 번호 누락·중복 {bad}건.",
    "numbers.none": "프로젝트 {project}: 에피소드 {whole}건에서 번호 누락·중복 없음.",
    "split": "프로젝트 {project}: 이벤트가 여러 파티션에 나뉘어 번호 판정 불가. 원인은 프로젝트 조회 결과 참고.",
    "drift": "프로젝트 {project}: 스트림과 데이터베이스의 번호 {bad}건 불일치. 목록은 최근 정밀 점검 결과 참고.",
    "drift.fleet": "개별 알림이 없는 프로젝트 {bad}개도 스트림과 데이터베이스 불일치. 목록은 최근 정밀 점검 결과 참고.",
    "by_hand": "{person} 님이 수동으로 해결했으며, 문제가 남아 있을 수 있습니다.",
    "by_hand.unknown": "수동으로 해결했으며, 문제가 남아 있을 수 있습니다.",
    "hours": "{hours}시간",
    "minutes": "{minutes}분",
    "note.acknowledgement": "{person} 님의 확인이 곧 만료되며, 알림은 계속 발생 중입니다.",
    "note.acknowledged": "{person} 님이 확인했습니다.",
    "note.acknowledged.comment": "{person} 님이 확인했습니다(메모: {comment}).",
    "note.unacknowledged": "{person} 님이 확인을 취소했습니다.",
    "note.unacknowledged.comment": "{person} 님이 확인을 취소했습니다(메모: {comment}).",
    "note.silence": "{person} 님의 알림 중지가 곧 끝납니다.",
    "note.silence.comment": "{person} 님의 알림 중지가 곧 끝납니다(메모: {comment}).",
    "note.nobody": "현재 당직자가 없습니다. 당직표 상세: {note}",
    "note.skipped": "비어 있는 당번을 건너뛰고 호출했습니다. 당직표 상세: {note}",
}

TITLES = {
    "Episode creation failure rate exceeds {threshold}": "에피소드 생성 실패율 {threshold} 초과",
    "Episode creation conflict rate exceeds {threshold} - monitoring enhanced": (
        "에피소드 생성 충돌률 {threshold} 초과 - 집중 감시 중"
    ),
    "95th percentile of episode creation time exceeds {threshold} seconds": "에피소드 생성 시간 p95 {threshold}초 초과",
    "Episode numbers have gaps or duplicates": "에피소드 번호 누락 또는 중복",
    "Stream and database disagree about project {project}": "스트림과 데이터베이스 불일치: 프로젝트 {project}",
    "Stream and database disagree about {count} more project": "스트림과 데이터베이스 불일치: 외 프로젝트 {count}개",
    "Stream and database disagree about {count} more projects": "스트림과 데이터베이스 불일치: 외 프로젝트 {count}개",
}

UNITS = {"%": "{0}%", "s": "{0}초", "finding": "{0}건", "difference": "{0}건"}

KOREAN = Texts(Language.KO, WORDS, SENTENCES, TITLES, UNITS)
