// Counted things: English singular, English plural, Korean. A text writes `{many, gap}` and is given a number.

export const NOUNS = {
  gap: ["{shown} gap", "{shown} gaps", "누락 {shown}건"],
  duplicate: ["{shown} duplicate", "{shown} duplicates", "중복 {shown}건"],
  project: ["{shown} project", "{shown} projects", "프로젝트 {shown}개"],
  alert: ["{shown} alert", "{shown} alerts", "알림 {shown}건"],
  active: ["{shown} active alert", "{shown} active alerts", "활성 알림 {shown}건"],
  event: ["{shown} event", "{shown} events", "이벤트 {shown}건"],
  change: ["{shown} change", "{shown} changes", "변경 {shown}건"],
  episode: ["{shown} episode", "{shown} episodes", "에피소드 {shown}개"],
  moved: ["{shown} episode changes", "{shown} episodes change", "에피소드 {shown}개 변경"],
  number: ["{shown} number", "{shown} numbers", "번호 {shown}개"],
  newer: ["{shown} newer episode", "{shown} newer episodes", "이후 만들어진 에피소드 {shown}개"],
  keeper: ["{shown} newer episode stays", "{shown} newer episodes stay", "이후 만들어진 에피소드 {shown}개"],
  created: ["{shown} episode was created", "{shown} episodes were created", "에피소드 {shown}개가 만들어졌습니다"],
  operation: ["{shown} operation", "{shown} operations", "작업 {shown}건"],
  partition: ["{shown} partition", "{shown} partitions", "파티션 {shown}개"],
  part: ["{shown} part", "{shown} parts", "{shown}개 구성 요소"],
  worker: ["{shown} worker", "{shown} workers", "워커 {shown}개"],
  entry: ["{shown} older entry is", "{shown} older entries are", "이전 기록 {shown}건은"],
  need: ["{shown} thing needs", "{shown} things need", "조치가 필요한 항목 {shown}건"],
} as const;

export type Noun = keyof typeof NOUNS;
