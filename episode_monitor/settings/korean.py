"""What `docs/settings.ko.md` says of the settings, beside the English texts of their fields. A test compares."""

import re

GROUPS = {
    "Kafka": "Kafka",
    "Events and numbers": "이벤트와 번호",
    "Rules and alerts": "규칙과 알림",
    "HTTP": "HTTP",
    "Databases": "데이터베이스",
    "Checks and repair": "검사와 보정",
    "Audit": "감사",
    "Process": "프로세스",
    "Tracing": "추적",
}

UNITS = {
    "": "",
    "seconds": "초",
    "ms": "ms",
    "minutes": "분",
    "hours": "시간",
    "days": "일",
    "%": "%",
    "MiB": "MiB",
    "events": "이벤트 수",
    "alerts": "알림 수",
    "requests": "요청 수",
    "changes": "변경 수",
    "an hour": "시간당",
}  # fmt: skip

_FORMS = {
    "text": "텍스트",
    "path": "경로",
    "command": "명령",
    "address": "주소",
    "column": "컬럼",
    "topic name": "토픽 이름",
    "IANA time zone": "IANA 시간대",
    "the token": "토큰",
    "the signing secret": "서명 시크릿",
    "as above": "위와 같음",
    "at least 16 characters": "16자 이상",
    "http:// or https:// address": "http:// 또는 https:// 주소",
    "host:port, several separated by commas": "host:port, 여러 개는 쉼표로 구분",
    "letters, digits, dots, underscores, hyphens": "영문자, 숫자, 점, 밑줄, 하이픈",
    "package.module:Name or the name of an entry point, several separated by commas":
        "package.module:Name 또는 엔트리 포인트 이름, 여러 개는 쉼표로 구분",
    "whsec_ and base64, or any text": "whsec_와 base64, 또는 임의의 텍스트",
    "role:token, several separated by commas": "role:token, 여러 개는 쉼표로 구분",
    "names, comma-separated": "이름, 쉼표로 구분",
    "origins, comma-separated": "오리진, 쉼표로 구분",
    "name=value,name=value": "name=value,name=value",
    "postgresql://USER:PASSWORD@HOST:5432/DATABASE": "postgresql://USER:PASSWORD@HOST:5432/DATABASE",
    "table, or schema.table": "테이블 또는 schema.table",
    "ids or patterns with * and ?, separated by commas": "ID 또는 *와 ?를 쓴 패턴, 쉼표로 구분",
    "base64 of 32 bytes, or path of a PEM file": "32바이트의 base64 또는 PEM 파일 경로",
}  # fmt: skip

_PATTERNS = (
    (r"a whole number from (\d+) to (\d+), or auto", r"\1~\2의 정수 또는 auto"),
    (r"a whole number from (\d+), or first_seen", r"\1 이상의 정수 또는 first_seen"),
    (r"a whole number from (\d+) to (\d+)", r"\1~\2의 정수"),
    (r"a number from (\d+) to (\d+)", r"\1~\2의 수"),
    (r"a number above (\d+), at most (\d+)", r"\1 초과 \2 이하의 수"),
    (r"[\w-]+(?: or [\w-]+)+", None),  # words of a closed set
)

MEANINGS = {
    "KAFKA_BOOTSTRAP_SERVERS": "Kafka 브로커 주소입니다.",
    "KAFKA_SECURITY_PROTOCOL": "Kafka 연결의 암호화(SSL)와 인증(SASL) 여부입니다.",
    "KAFKA_SASL_MECHANISM": "프로토콜이 SASL_PLAINTEXT 또는 SASL_SSL일 때의 SASL 메커니즘입니다.",
    "KAFKA_SASL_USERNAME": "SASL 사용자입니다.",
    "KAFKA_SASL_PASSWORD": "SASL 사용자의 비밀번호입니다.",
    "KAFKA_SSL_CAFILE": "신뢰하는 인증 기관의 PEM 파일입니다. 없으면 이 컴퓨터가 신뢰하는 기관을 씁니다.",
    "KAFKA_SSL_CERTFILE": "모니터가 Kafka에 제시하는 인증서와 그 발급 기관 인증서의 PEM 파일입니다.",
    "KAFKA_SSL_KEYFILE": "KAFKA_SSL_CERTFILE의 키가 든 PEM 파일입니다. 없으면 키도 그 파일에 있습니다.",
    "KAFKA_SSL_KEY_PASSWORD": "키에 비밀번호가 있으면 그 비밀번호입니다.",
    "KAFKA_SASL_OAUTH_TOKEN_FILE":
        "OAUTHBEARER 메커니즘의 토큰 파일입니다. 로그인할 때마다 읽으므로 다른 프로그램이 갱신해도 됩니다.",
    "KAFKA_SASL_OAUTH_TOKEN_COMMAND":
        "OAUTHBEARER 메커니즘에서 파일 대신 토큰을 출력하는 명령입니다. 이전 토큰의 만료가 30초 안으로 남으면 셸 "
        "없이 실행합니다.",
    "MONITOR_ID":
        "이 모니터의 이름이며, 컨슈머 그룹과 모니터 전용 토픽의 이름에도 씁니다. 이름이 같은 워커끼리 처리를 "
        "분담합니다.",
    "EVENTS_TOPIC": "프로젝트 서비스가 이벤트를 발행하는 토픽입니다.",
    "ALERTS_TOPIC": "알림 상태 변경을 기록하는 토픽입니다.",
    "DEAD_LETTERS_TOPIC": "처리할 수 없는 레코드의 토픽입니다.",
    "ALERT_DEAD_LETTERS_TOPIC": "수신처가 완전히 거부한 알림의 토픽입니다.",
    "AUDIT_TOPIC": "감사 체크포인트의 토픽입니다.",
    "EVENTS_PARTITIONS":
        "이벤트 토픽을 새로 만들 때의 파티션 수입니다. 토픽이 이미 있으면 그 토픽의 파티션 수를 따릅니다.",
    "TOPIC_REPLICATION_FACTOR": "새로 만드는 토픽의 복제본 수입니다. 없으면 브로커 기본값을 씁니다.",
    "KAFKA_SESSION_TIMEOUT_SECONDS": "이 시간 동안 응답이 없는 워커의 파티션은 다른 워커로 넘어갑니다.",
    "KAFKA_REBALANCE_TIMEOUT_SECONDS": "리밸런스할 때 워커가 그룹에 다시 참여하기까지 허용하는 시간입니다.",
    "FLUSH_INTERVAL_MS":
        "상태를 Kafka에 저장하는 주기입니다. 비정상 종료 후 다시 처리하는 양은 이 주기를 넘지 않습니다.",
    "RESEND_MEMORY": "재전송된 이벤트를 식별하기 위해 프로젝트마다 기억하는 최근 이벤트 수입니다.",
    "OPEN_CONFLICTS_MAX": "작업 종료를 기다리는 충돌을 프로젝트마다 몇 건까지 기억하는지 정합니다.",
    "GRACE_SECONDS": "이 시간까지 늦게 도착한 이벤트는 해당 집계 구간에 반영합니다.",
    "GAP_SETTLE_SECONDS": "새 누락이나 중복이 확정되기 전 미확정으로 두는 시간입니다.",
    "DELETED_NUMBERS": "삭제된 에피소드의 번호를 누락(gap)으로 볼지 정상적인 빈 번호(hole)로 볼지 정합니다.",
    "FIRST_NUMBER": "모든 프로젝트의 첫 번호입니다. 앞부분이 삭제된 토픽이면 first_seen을 지정합니다.",
    "MAX_NUMBER_JUMP":
        "가장 큰 번호를 이 값보다 많이 넘는 번호는 두 번째 번호가 뒷받침할 때까지 비정상적인 점프로 봅니다.",
    "MAX_EPISODES": "프로젝트마다 추적하는 에피소드 수입니다. 이를 넘은 프로젝트에는 `capped` 표시가 붙습니다.",
    "MONITORING_TIMEZONE": "오늘이 어느 날짜인지 정하는 시간대입니다.",
    "RULES_FILE": "기본 rules.yaml 대신 사용할 규칙 파일입니다.",
    "FAILURE_RATE_THRESHOLD": "기본 규칙의 실패율 임계값을 재정의합니다.",
    "CONFLICT_RATE_THRESHOLD": "기본 규칙의 충돌률 임계값을 재정의합니다.",
    "PERFORMANCE_THRESHOLD_SECONDS": "기본 규칙의 p95 한도를 재정의합니다.",
    "ALERT_ON_ISSUES": "알림 발송 여부입니다. 저장과 조회는 항상 합니다.",
    "SINK_GIVE_UP_HOURS": "전달을 재시도하는 시간입니다. 이 시간이 지나면 데드 레터가 됩니다.",
    "SINK_QUEUE_LIMIT": "동시에 전달 중인 알림 수입니다. 나머지는 Kafka에서 기다립니다.",
    "SINK_CONCURRENCY": "수신처 하나에 동시에 보내는 요청 수입니다.",
    "ESCALATE_AFTER_MINUTES": "심각 알림이 이 시간 안에 확인되지 않으면 온콜에도 보냅니다.",
    "ALERTING_FILE":
        "Alertmanager 형식으로 쓴 라우트, 수신처, 억제 규칙, 시간 구간입니다(docs/alerting.ko.md). 없으면 작업 "
        "폴더의 alerting.yaml을 쓰고, 그 파일도 없으면 싱크 설정으로 수신처 team과 on-call을 만듭니다. 파일이 "
        "있으면 싱크 설정은 쓰지 않습니다.",
    "ONCALL_FILE":
        "에스컬레이션 체인과 온콜 스케줄입니다(docs/on-call.ko.md). 없으면 작업 폴더의 oncall.yaml을 쓰고, 그 "
        "파일도 없으면 ESCALATE_AFTER_MINUTES가 유일한 체인이 됩니다.",
    "RUNBOOK_URL":
        "담당자가 읽는 docs/duty.ko.md 페이지의 주소입니다. 규칙에 runbook_url이 따로 없으면 알림이 이 페이지의 "
        "해당 유형 절로 연결됩니다.",
    "DASHBOARD_URL":
        "대시보드의 공개 주소입니다. 알림의 링크에 쓰며, 링크는 해당 알림 페이지를 엽니다. 경로를 포함할 수 있고, "
        "프록시는 그 경로를 떼거나 그대로 둘 수 있습니다. 없으면 WORKER_URL을 씁니다.",
    "ALERT_LANGUAGE": "알림 메시지의 언어입니다. en은 영어, ko는 한국어입니다.",
    "SINK_TIMEOUT_SECONDS": "전달 시도 한 번의 제한 시간입니다.",
    "ALLOW_PRIVATE_SINKS":
        "사설, 루프백, 링크 로컬 주소의 호스트로 알림을 보낼 수 있는지 정합니다. false면 이 가운데 localhost나 "
        "루프백 주소로 적은 호스트에만 보냅니다.",
    "ALERT_HANDLERS": "직접 만든 알림 핸들러입니다. 각각 별도 프로세스에서 실행합니다(docs/client.ko.md).",
    "SLACK_WEBHOOK_URL": "팀의 Slack 웹훅입니다.",
    "ONCALL_SLACK_WEBHOOK_URL": "온콜 담당의 Slack 웹훅입니다.",
    "MONITORING_WEBHOOK_URL": "팀이 운영하는 웹훅입니다.",
    "MONITORING_WEBHOOK_SECRET": "웹훅 요청에 서명하는 시크릿입니다(Standard Webhooks).",
    "ONCALL_WEBHOOK_URL": "온콜 담당의 웹훅입니다.",
    "ONCALL_WEBHOOK_SECRET":
        "ONCALL_WEBHOOK_URL로 보내는 요청에 서명하는 시크릿입니다. 없으면 MONITORING_WEBHOOK_SECRET을 씁니다.",
    "MONITORING_HOST": "수신 주소입니다. 0.0.0.0은 모든 주소입니다.",
    "MONITORING_PORT": "수신 포트입니다.",
    "WORKER_URL": "다른 워커가 이 워커에 접속하는 주소입니다. 없으면 호스트와 포트로 구성합니다.",
    "API_TOKENS":
        "viewer와 operator의 토큰입니다. 변경하려면 operator 토큰이 필요합니다. 프록시를 쓰거나 다른 컴퓨터에서 "
        "호출하면 필수입니다. 없으면 이 컴퓨터에서 모니터와 같은 사용자로 실행한 프로그램만 변경할 수 있습니다.",
    "API_TOKENS_FILE":
        "추가 토큰의 해시와 역할, 이름을 적은 파일입니다. 감사 로그에 변경마다 이 이름이 남습니다. 한 줄은 "
        "`episode-monitor tokens create NAME`으로 만들고, 파일은 시작할 때 읽습니다.",
    "OPERATOR_TOKEN":
        "이 컴퓨터에서 실행하는 명령이 보내는 토큰입니다. 없으면 API_TOKENS의 첫 operator 토큰 또는 "
        "STATE_DIR/operator-token의 토큰을 씁니다.",
    "LOOPBACK_CHANGES":
        "API_TOKENS가 없을 때 이 컴퓨터에서 보낸 변경 요청에 STATE_DIR/operator-token의 토큰이 필요한지 정합니다. "
        "auto는 요청이 이 모니터로 전달된다는 것을 다른 설정에서 알 수 있을 때만 요구합니다.",
    "INTERNAL_TOKEN": "한 모니터의 워커끼리 보내는 토큰입니다. 모든 워커에 같은 값을 지정합니다.",
    "SLACK_SIGNING_SECRET":
        "봇으로 알림을 보내는 Slack 앱의 서명 시크릿입니다. 메시지에 버튼이 붙으며, 버튼 요청은 토큰 없이 Slack "
        "서명으로 확인하여 /monitoring/episodes/slack/actions에서 처리합니다.",
    "MONITORING_ALLOWED_HOSTS": "루프백에서 수신할 때 추가로 허용하는 호스트 이름입니다.",
    "MONITORING_ALLOWED_ORIGINS": "이 모니터의 응답을 읽고 변경할 수 있는 다른 오리진입니다.",
    "COSTLY_REQUESTS_PER_MINUTE":
        "호출자 하나가 재생, 백테스트, 심화 검사, 보정 계획을 1분에 각각 몇 번까지 요청할 수 있는지 정하며, "
        "프로세스마다 따로 셉니다. 넘으면 429로 응답합니다. 0은 제한 없음입니다.",
    "METRICS_MAX_PROJECTS":
        "메트릭에 따로 나오는 프로젝트 수이며, 상태가 나쁜 순서입니다. 나머지는 `_other`로 합산합니다.",
    "MONITOR_DATABASE_URL":
        "모니터 전용 데이터베이스입니다. 없으면 이력은 토픽의 보존 기간 동안만 유지됩니다. 뒤에 sslmode, "
        "sslrootcert(파일 또는 system) 등 libpq 매개변수를 붙일 수 있습니다.",
    "HISTORY_RETENTION_DAYS": "PostgreSQL에 알림 이력을 보관하는 기간입니다.",
    "DELIVERIES_RETENTION_DAYS": "전달 기록을 보관하는 기간입니다. 알림 토픽은 30일 동안 보관합니다.",
    "CHECKS_RETENTION_DAYS": "검사 결과를 보관하는 기간입니다.",
    "DATABASE_URL":
        "프로젝트 서비스의 데이터베이스입니다. 없으면 백필, 불일치 검사, 보정을 하지 않습니다. 매개변수는 위와 "
        "같습니다.",
    "EPISODES_TABLE": "에피소드 테이블입니다.",
    "EPISODES_ID_COLUMN": "에피소드 ID 컬럼입니다.",
    "EPISODES_PROJECT_COLUMN": "프로젝트 ID 컬럼입니다.",
    "EPISODES_NUMBER_COLUMN": "번호 컬럼입니다.",
    "EPISODES_VERSION_COLUMN": "행을 수정할 때마다 바뀌는 컬럼입니다. 없으면 PostgreSQL의 xmin을 씁니다.",
    "EPISODES_CREATED_COLUMN": "에피소드를 생성 순서로 정렬하는 컬럼입니다. 없으면 ID를 씁니다.",
    "EPISODES_DELETED_COLUMN":
        "삭제된 행을 나타내는 컬럼이며, 그런 행은 세지 않습니다. 날짜나 시각이 있거나, 불리언이 true이거나, "
        "숫자가 0이 아니면 삭제된 행입니다. 없으면 모든 행을 셉니다.",
    "INTEGRITY_CHECK_INTERVAL_MINUTES": "기본 검사의 간격입니다.",
    "DEEP_CHECK_INTERVAL_HOURS": "심화 검사의 간격입니다.",
    "AUTO_FIX_ENABLED": "보정 계획의 적용 허용 여부입니다.",
    "REPAIR_APPROVAL_ABOVE": "변경 수가 이보다 많은 계획은 다른 사람의 승인이 필요합니다.",
    "AUTO_REPAIR_PROJECTS": "AUTO_FIX_ENABLED가 true일 때 자동으로 보정하는 프로젝트입니다. 비어 있으면 없습니다.",
    "AUTO_REPAIR_MAX_PER_HOUR": "전체 프로젝트를 합한 자동 보정의 최대 횟수입니다.",
    "AUTO_REPAIR_PAUSED": "모든 프로젝트의 자동 보정을 일시 중지합니다.",
    "AUDIT_CHECKPOINT_SECONDS":
        "변동이 있는 파티션의 담당 워커가 감사 체크포인트를 쓰는 간격입니다. 0이면 감사를 끕니다.",
    "AUDIT_SIGNING_KEY":
        "감사 체크포인트에 서명하는 Ed25519 개인 키입니다. 없으면 해시로 연결하되 서명하지 않습니다.",
    "AUDIT_PUBLIC_KEY": "`audit verify`가 서명을 확인하는 Ed25519 공개 키입니다.",
    "EPISODE_MONITORING_ENABLED":
        "false면 이벤트를 읽지 않고 조회에 501로 응답합니다. 헬스 체크는 정상으로 유지하며 꺼져 있음을 알립니다.",
    "STATE_DIR": "워커의 로컬 파일을 두는 폴더입니다.",
    "WORKER_PROCESSES":
        "`episode-monitor worker` 하나가 실행하는 프로세스 수입니다. auto는 사용할 수 있는 코어마다 하나이며 최대 "
        "EVENTS_PARTITIONS개입니다. `--processes`가 우선합니다.",
    "WORKER_OWN_PORTS":
        "프로세스가 여럿일 때 다른 워커가 각 프로세스에 접속하는 포트의 첫 번호입니다. 0이면 비어 있는 포트를 "
        "씁니다.",
    "CACHED_PROJECTS": "프로세스마다 디코딩한 상태로 메모리에 두는 프로젝트 수입니다. 나머지는 압축해 둡니다.",
    "STATE_MEMORY_MIB": "프로세스마다 파티션의 저장 값을 이만큼 메모리에 둡니다. 나머지는 STATE_DIR의 파일에 있습니다.",
    "STALLED_SECONDS": "밀린 이벤트가 이 시간 동안 줄지 않으면 워커가 종료합니다.",
    "LOG_LEVEL": "기록하는 가장 낮은 로그 레벨입니다.",
    "LOG_FORMAT": "사람이 읽는 텍스트 또는 한 줄에 JSON 객체 하나입니다.",
    "OTEL_EXPORTER_OTLP_ENDPOINT":
        "알림의 스팬을 OTLP over HTTP로 보내는 주소입니다. `/v1/traces`가 뒤에 붙습니다. 없으면 추적하지 "
        "않습니다.",
    "OTEL_EXPORTER_OTLP_HEADERS": "이 요청에 붙이는 헤더입니다(예: 토큰).",
    "OTEL_SERVICE_NAME": "추적에 나타나는 이 서비스의 이름입니다.",
}  # fmt: skip


def values(english: str) -> str:
    """What a setting may be. Raises KeyError for words without a Korean text."""
    if english in _FORMS:
        return _FORMS[english]
    for pattern, korean in _PATTERNS:
        if re.fullmatch(pattern, english):
            return english.replace(" or ", " 또는 ") if korean is None else re.sub(pattern, korean, english)
    raise KeyError(english)
