// Every word of the page in both languages, and how numbers and times are written. One key, two texts.

const TEXTS = {
  skip: ["Skip to content", "본문 바로 가기"],
  title: ["Episode numbering", "에피소드 번호 모니터"],
  docs: ["HTTP docs", "HTTP 문서"],
  otherLanguage: ["한국어", "English"],
  overview: ["Overview", "개요"],
  alerts: ["Active alerts", "활성 알림"],
  performance: ["Performance", "성능"],
  window: ["Window", "집계 구간"],
  minutes: ["minutes", "분"],
  projects: ["Projects with findings", "문제가 있는 프로젝트"],
  projectsFound: ["Projects found", "찾은 프로젝트"],
  search: ["Find a project", "프로젝트 찾기"],
  readiness: ["This worker", "이 워커"],
  close: ["Close", "닫기"],
  cancel: ["Cancel", "취소"],
  yourName: ["Your name", "이름"],
  comment: ["Comment", "메모"],
  token: ["Operator token", "운영자 토큰"],

  live: ["Live", "실시간"],
  connecting: ["Connecting…", "연결 중…"],
  recovering: ["Recovering", "복구 중"],
  lost: ["No connection", "연결 끊김"],
  trouble: ["Incomplete", "불완전"],
  bannerLost: [
    "The monitor does not respond. The numbers below are from {0}. Retrying every 2 seconds.",
    "모니터가 응답하지 않습니다. 아래 수치는 {0} 기준이며 2초마다 다시 시도합니다.",
  ],
  bannerLostEmpty: [
    "The monitor does not respond. Retrying every 2 seconds.",
    "모니터가 응답하지 않습니다. 2초마다 다시 시도합니다.",
  ],
  bannerRecovering: [
    "The monitor is recovering its tables, so there are no current numbers yet. The numbers below are from {0}.",
    "모니터가 테이블을 복구하고 있어 아직 수치를 제공하지 않습니다. 표시된 내용은 {0} 기준입니다.",
  ],
  bannerRecoveringEmpty: [
    "The monitor is recovering its tables. Numbers appear when recovery is complete.",
    "모니터가 테이블을 복구하고 있습니다. 완료되면 수치가 표시됩니다.",
  ],
  bannerTrouble: ["Some numbers are not available: {0}", "일부 수치를 가져올 수 없습니다: {0}"],

  nothingYet: ["No numbers yet.", "아직 수치가 없습니다."],

  health: ["Healthy projects", "정상 프로젝트"],
  ofProjects: ["{0} of {1} projects", "전체 {1}개 중 {0}개"],
  gaps: ["Gaps", "누락"],
  duplicates: ["Duplicates", "중복"],
  gapsNote: ["missing numbers", "빠진 번호"],
  duplicatesNote: ["numbers used twice", "두 번 이상 사용된 번호"],
  activeAlerts: ["Active alerts", "활성 알림"],
  criticalOf: ["{0} critical", "심각 {0}건"],
  successRate: ["Success rate", "성공률"],
  lastMinutes: ["last {0} minutes", "최근 {0}분"],
  stale: ["No recent summary of partitions {0}: their numbers may be out of date.", "파티션 {0}의 요약이 갱신되지 않아 수치가 최신이 아닐 수 있습니다."],

  failureRate: ["Failure rate", "실패율"],
  conflictRate: ["Conflict rate", "충돌률"],
  retryRate: ["Retry rate", "재시도율"],
  average: ["Average", "평균"],
  p95: ["P95", "P95"],
  p99: ["P99", "P99"],
  today: ["Today", "오늘"],
  failedToday: ["attempted, {0} failed", "시도, 실패 {0}건"],
  ofAttempted: ["{0} of {1}", "{1}건 중 {0}건"],
  creationTime: ["time to create", "생성 시간"],

  noAlerts: ["No alert is active.", "활성 알림이 없습니다."],
  moreAlerts: ["and {0} more", "외 {0}건"],
  severity_critical: ["Critical", "심각"],
  severity_warning: ["Warning", "경고"],
  severity_info: ["Info", "정보"],
  status_pending: ["pending", "대기"],
  status_firing: ["firing", "발생 중"],
  status_resolved: ["resolved", "해결됨"],
  since: ["since {0}", "{0}부터"],
  valueOver: ["{0}, threshold {1}", "{0}, 임계값 {1}"],
  acknowledgedBy: ["acknowledged by {0}", "{0} 확인함"],
  silencedUntil: ["silenced until {0}", "{0}까지 알림 중지"],
  escalated: ["escalated", "에스컬레이션됨"],
  runbook: ["Runbook", "대응 절차"],
  acknowledge: ["Acknowledge", "확인"],
  resolve: ["Resolve", "해결"],
  acknowledgeTitle: ["Acknowledge this alert", "알림 확인"],
  resolveTitle: ["Resolve this alert", "알림 해결"],
  onAlert: ["{0}: {1}", "{0}: {1}"],

  noFindings: ["All projects are healthy.", "모든 프로젝트가 정상입니다."],
  noMatch: ["No project id matches.", "해당하는 프로젝트가 없습니다."],
  project: ["Project", "프로젝트"],
  score: ["Score", "점수"],
  episodes: ["Episodes", "에피소드"],
  highest: ["Highest", "최대 번호"],
  shownOf: ["{0} of {1} shown, worst first", "{1}개 중 {0}개 표시, 심각한 순"],
  gapNumbers: ["Missing numbers", "누락 번호"],
  duplicateNumbers: ["Duplicate numbers", "중복 번호"],
  heldBy: ["Number {0} is held by {1}", "{0}번: {1}"],
  none: ["None", "없음"],
  andMore: ["and {0} more", "외 {0}개"],
  suspects: ["Suspect findings", "미확정 항목"],
  suspect_gap: ["gap {0}", "누락 {0}"],
  suspect_duplicate: ["duplicate {0}", "중복 {0}"],
  suspect_implausible_jump: ["implausible jump to {0}", "비정상적인 번호 점프 {0}"],
  settles: ["settles at {0}", "{0}에 확정"],
  mend: ["To repair it, run on the command line:", "보정하려면 명령줄에서 실행하세요:"],
  appliedAt: ["exact up to offset {1} of partition {0}, {2}", "파티션 {0} 오프셋 {1}까지 정확, {2}"],
  capped: ["This project has more episodes than are tracked, so this view is incomplete.", "추적 한도를 초과한 프로젝트이므로 이 화면의 내용은 완전하지 않습니다."],
  unknownProject: ["There are no events of this project.", "이 프로젝트의 이벤트가 없습니다."],

  switchedOff: ["Monitoring is switched off (EPISODE_MONITORING_ENABLED is false): no events are read and there are no numbers.", "모니터링이 꺼져 있습니다(EPISODE_MONITORING_ENABLED=false). 이벤트를 읽지 않으므로 수치가 없습니다."],
  ready: ["Ready", "준비됨"],
  notReady: ["Not ready", "준비되지 않음"],
  lag: ["Events not yet applied", "미처리 이벤트"],
  part_broker: ["Broker", "브로커"],
  part_database: ["Database", "데이터베이스"],
  part_project_database: ["Project service's database", "프로젝트 서비스 데이터베이스"],
  part_tables: ["Tables", "테이블"],
  part_events: ["Events", "이벤트"],
  part_fleet: ["Fleet", "전체 워커"],
  part_partitioning: ["Partitioning", "파티션 배치"],
  part_audit: ["Audit", "감사"],
  part_deliveries: ["Deliveries", "알림 발송"],
  part_settings: ["Settings", "설정"],
  part_history: ["History", "이력"],
  ok: ["ok", "정상"],

  code_unauthorized: ["This needs an operator's token.", "운영자 토큰이 필요합니다."],
  code_operator_required: ["A viewer's token allows reading only: use an operator's token.", "조회 전용 토큰입니다. 운영자 토큰을 쓰세요."],
  code_loopback_only: ["Changes are accepted only from the monitor's own machine.", "모니터가 실행되는 컴퓨터에서만 변경할 수 있습니다."],
  code_already_resolved: ["This alert is already resolved.", "이미 해결된 알림입니다."],
  code_unknown_alert: ["This alert does not exist any more.", "알림을 찾을 수 없습니다."],
  code_recovering: ["Tables are recovering.", "테이블을 복구하고 있습니다."],
  networkError: ["The monitor does not respond: try again.", "모니터가 응답하지 않습니다. 다시 시도하세요."],
};

const LANGUAGES = ["en", "ko"];
let language = LANGUAGES.includes(stored("language")) ? stored("language") : navigator.language?.startsWith("ko") ? "ko" : "en";

/** The chosen language, "en" or "ko". */
export const currentLanguage = () => language;

/** Change to the other language and remember it. */
export function toggleLanguage() {
  language = language === "en" ? "ko" : "en";
  store("language", language);
}

/** Whether there is a text of this name. */
export const hasText = (key) => key in TEXTS;

/** Of a text in English and Korean, the one in the chosen language. */
export const chosen = (texts) => texts[LANGUAGES.indexOf(language)];

/** A text with {0}, {1} … filled in. */
export const text = (key, ...values) =>
  chosen(TEXTS[key]).replace(/\{(\d)\}/g, (_, place) => values[place]);

/** What this browser remembers, or null: storage may be switched off. */
export function stored(name, place = "localStorage") {
  try { return window[place].getItem(`episode-monitor.${name}`); } catch { return null; }
}

/** Remember something where that is possible. */
export function store(name, value, place = "localStorage") {
  try { window[place].setItem(`episode-monitor.${name}`, value); } catch { /* then it is not remembered */ }
}

export const count = (value) => new Intl.NumberFormat(language).format(value);

/** Three digits that matter, and as many more as tell a number from another one. */
export function apart(value, other) {
  for (let digits = Math.max(3, String(Math.trunc(value)).length); digits < 17; digits += 1) {
    const rounded = Number(value.toPrecision(digits));
    if (rounded !== other || value === other) return new Intl.NumberFormat(language, { maximumSignificantDigits: digits }).format(value);
  }
  return String(value);
}

/** A percentage with up to two decimals; never 100 % or 0 % for what is only close to it. */
export function percent(value) {
  if (value === null) return "–";
  const shown = value < 100 ? Math.min(value, 99.99) : value;
  if (shown > 0 && shown < 0.01) return "< 0.01 %";
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: 2 }).format(shown)} %`;
}

/** Seconds with three digits that matter. */
export const seconds = (value) => value === null ? "–"
  : `${new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(value)} ${language === "ko" ? "초" : "s"}`;

/** The time of day, with the date where it is not today's. */
export function moment(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  const day = today ? {} : { month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(language, { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(date);
}
