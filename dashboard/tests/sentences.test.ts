import { expect, test } from "vitest";
import { createdSince } from "~/logic/plans";
import { limitsOfChart } from "~/logic/rules";
import { actorText, inWords, original, splitText } from "~/logic/sentences";
import { hoursOf } from "~/logic/trend";
import { firstSteps } from "~/pages/alerts/FirstSteps";
import { words } from "~/text";

test("what the monitor says about a repair is in the language of the page, one thing is not many, and the unknown is marked as the original", async () => {
  expect(["1 change", "459 changes", "1 number changed, and of newer episodes: 2"].map(inWords)).toEqual(["1 change", "459 changes", "1 number changed, and 2 newer episodes"]);
  expect(inWords("1 number changed; newer episodes that keep their numbers, above a gap: 1")).toBe("1 number changed; 1 newer episode stays above a gap");
  words.language = "ko";
  expect(inWords("3 numbers changed, and of newer episodes: 2")).toBe("번호 3개 변경, 이후 만들어진 에피소드 2개 포함");
  expect(inWords("Nothing was changed: an episode was created since the plan was made. Say with_newer (--with-newer) to move newer episodes along.")).toBe("아무것도 바꾸지 않았습니다. 계획 이후 에피소드 1개가 만들어졌습니다.");
  expect(["automatic", "schedule", "mina"].map(actorText)).toEqual(["자동 보정", "정기 실행", "mina"]);
  expect(inWords("A sentence of another version.")).toBe("원문: A sentence of another version.");
  expect(["값이 비어 있어 JSON이 아닙니다.", ""].map(original)).toEqual(["값이 비어 있어 JSON이 아닙니다.", ""]);
  words.language = "en";
  expect(inWords("A sentence of another version.")).toBe("A sentence of another version.");
});

test("no warning of a plan, a replay or a split project is English on the Korean page", async () => {
  words.language = "ko";
  const warnings = [
    "2 episodes have numbers outside 1 to 2147483647: ep_1, ep_2.",
    "3 episodes have ids that are not valid in events, so the stream cannot show them.",
    "The range leaves out what lies before it (0:5, 1:7), so its gaps and duplicates cannot be trusted; start from a snapshot or from offset 0, or set FIRST_NUMBER=first_seen.",
    "episode-events is compacted, which keeps only the last record of each key, so its gaps, duplicates and rates cannot be trusted; set its cleanup.policy to delete.",
  ];
  for (const warning of warnings) expect(inWords(warning)).toMatch(/[가-힣]{2}.*[다요.: ]/);
  expect(inWords(warnings[0] ?? "")).toBe("번호가 1~2147483647 범위를 벗어난 에피소드가 2개 있습니다: ep_1, ep_2");
  const partitions = [{ partition: 1, placed_by: "crc32" }, { partition: 3, placed_by: "of_another_version" }] as never;
  for (const cause of ["different_partitioners", "no_key", "partitions_added", "unknown"]) expect(splitText({ cause, detail: "In English.", partitions })).toMatch(/^레코드가 여러 파티션에 있습니다\(파티션 1: CRC32가 정하는 위치\(librdkafka 기본값\); 파티션 3: of_another_version\)\. .*요\.$/);
  expect(splitText({ cause: "of_another_version", detail: "In English.", partitions })).toBe("In English.");
  words.language = "en";
});

const radius = (episodes: number) => ({ before: { episodes } }) as never;

test("a planned repair knows how many episodes were created since, an applied one does not ask", () => {
  expect(createdSince({ state: "planned", blast_radius: radius(459) }, { total_episodes: 461 })).toBe(2);
  expect(createdSince({ state: "planned", blast_radius: radius(459) }, undefined)).toBe(0);
  expect(createdSince({ state: "applied", blast_radius: radius(459) }, { total_episodes: 461 })).toBe(0);
});

test("a chart has the thresholds of the rules that judge what it draws, and none in another unit", () => {
  const rule = (scope: string, threshold: number, more = {}) => ({ alert_type: "HIGH_FAILURE_RATE", scope, threshold, ...more });
  const rules = [rule("project", 1), rule("fleet", 3), rule("fleet", 2, { burn_rate: { factor: 14 } })];
  expect(limitsOfChart(rules, true).failure).toBe(3);
  expect(limitsOfChart(rules, false).failure).toBe(1);
  expect(limitsOfChart(rules, true).latency).toBe(Infinity);
});

test("charts open on minutes as long as there are not two whole hours, and on a day otherwise", () => {
  const day = (...ends: string[]) => ({ as_of: "2026-01-01T02:30:00Z", points: ends.map((ends_at) => ({ ends_at })) as never });
  expect(hoursOf(undefined)).toBeNull();
  expect(hoursOf(day("2026-01-01T03:00:00Z"))).toBe(1);
  expect(hoursOf(day("2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"))).toBe(2);
  expect(hoursOf(day("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"))).toBe(24);
  expect(hoursOf(day())).toBe(24);
});

test("every alert type of the monitor has first steps, a new one none", () => {
  for (const type of ["INTEGRITY_VIOLATION", "INTEGRITY_DRIFT", "HIGH_FAILURE_RATE", "HIGH_CONFLICT_RATE", "HIGH_RETRY_RATE", "SLOW_CREATION"]) expect(firstSteps(type).length, type).toBeGreaterThan(1);
  expect(firstSteps("ANOTHER")).toEqual([]);
});
