import { expect, test } from "vitest";
import type { FindingEntry } from "~/api/types";
import { entryText, openSince } from "~/logic/finding-history";
import { partText } from "~/logic/say";
import { stateAmong } from "~/logic/plans";
import { words } from "~/text";

const plan = (plan_id: string, state: string, created_at: string, acted_at: string | null = null, project_id = "p") => ({ plan_id, project_id, state, created_at, acted_at });

test("a plan is stale once another one of its project was applied after it was made", () => {
  const waits = plan("a", "planned", "2026-01-01T10:00:00Z");
  expect(stateAmong(waits, [waits, plan("b", "applied", "2026-01-01T09:00:00Z", "2026-01-01T11:00:00Z")])).toBe("stale");
  expect(stateAmong(waits, [plan("b", "applied", "2026-01-01T09:00:00Z", "2026-01-01T09:30:00Z"), plan("c", "planned", "2026-01-01T11:00:00Z"), plan("d", "applied", "", "2026-01-01T11:00:00Z", "other")])).toBe("planned");
  expect(stateAmong(plan("a", "applied", "2026-01-01T10:00:00Z"), [plan("b", "applied", "", "2026-01-01T11:00:00Z")])).toBe("applied");
});

const entry = (what: string, more: Partial<FindingEntry> = {}): FindingEntry => ({ what, at: "2026-01-01T00:00:00Z", text: "in English", finding_id: "f", kind: "gap", first_number: 3, last_number: 5, lives_on_as: [], ...more }) as FindingEntry;
const format = { count: String, day: (at: string) => at.slice(0, 10) };

test("the history of a finding is in the language of the page; an entry of another version is shown as it came", async () => {
  const lives_on_as = [{ finding_id: "g", first_number: 5, last_number: 5 }];
  const entries = [entry("opened", { since: "2026-01-01T00:00:00Z" }), entry("filled_in_part", { number: 3, episode_id: "ep", lives_on_as }), entry("healed", { kind: "duplicate", how: "deleted", episode_id: "ep", first_number: 3, last_number: 3 }), entry("new kind")];
  const said = () => entries.map((one) => entryText(one, format));
  expect(said()).toEqual(["no episode has had 3–5 since 2026-01-01", "ep took 3; still missing: 5", "ep was deleted; one episode alone has 3 now", "in English"]);
  words.language = "ko";
  expect(said().slice(0, 3).every((text) => /[가-힣]/.test(text))).toBe(true);
  expect(partText("fleet", "No recent summary.", "ko")).toBe("일부 파티션의 수치가 최신이 아닙니다. (No recent summary.)");
  words.language = "en";
  expect(partText("fleet", "No recent summary.", "en")).toBe("No recent summary.");
});

test("an open finding has a beginning, if only in its history", () => {
  const history = [entry("opened", { since: "2026-01-01T00:00:00Z" })];
  expect(openSince({ finding_id: "f", since: null }, history)).toBe("2026-01-01T00:00:00Z");
  expect(openSince({ finding_id: "f", since: "2026-02-01T00:00:00Z" }, history)).toBe("2026-02-01T00:00:00Z");
  expect(openSince({ finding_id: "other", since: null }, history)).toBeNull();
});
