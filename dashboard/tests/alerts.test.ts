import { expect, test } from "vitest";
import type { ActiveAlert } from "~/api/types";
import { grouped, happened, matching, shortTitle, standing, worstFirst } from "~/logic/alerts";
import { phraseOf } from "~/logic/phrases";
import { toHistory } from "~/logic/address";
import { attention } from "~/logic/attention";
import type { Readiness, Summary } from "~/api/types";

const alert = (project_id: string, more: Partial<ActiveAlert> = {}): ActiveAlert =>
  ({
    alert_key: `rule:${project_id}`, rule_id: "rule", alert_type: "HIGH_FAILURE_RATE", severity: "warning", status: "firing", project_id, title: `Too much (${project_id})`, description: "", value: 2, threshold: 1,
    window_minutes: 15, starts_at: "2026-01-01T00:00:00Z", acknowledged_by: null, silenced_until: null, silenced_by: [], inhibited_by: [], ...more,
  }) as ActiveAlert;

const names = (alerts: readonly ActiveAlert[]) => alerts.map((one) => one.project_id);

test("worst first: firing, not silenced, severe, not taken, old", () => {
  const alerts = [
    alert("pending", { status: "pending", severity: "critical" }),
    alert("silenced", { severity: "critical", silenced_by: ["s"] }),
    alert("taken", { severity: "critical", acknowledged_by: "kim" }),
    alert("young", { starts_at: "2026-01-02T00:00:00Z" }),
    alert("old"),
    alert("critical", { severity: "critical" }),
  ];
  expect(names(worstFirst(alerts))).toEqual(["critical", "taken", "old", "young", "silenced", "pending"]);
});

test("groups come in the order of their worst alert", () => {
  const groups = grouped([alert("a"), alert("b", { rule_id: "other", severity: "critical" }), alert("c")], "rule");
  expect(groups.map((group) => [group.name, names(group.alerts)])).toEqual([["other", ["b"]], ["rule", ["a", "c"]]]);
});

test("filters join", () => {
  const alerts = [alert("proj_a"), alert("proj_b", { severity: "critical" }), alert("x", { acknowledged_by: "kim" })];
  expect(names(matching(alerts, { q: "PROJ", severity: "", standing: "" }))).toEqual(["proj_a", "proj_b"]);
  expect(names(matching(alerts, { q: "", severity: "warning", standing: "acknowledged" }))).toEqual(["x"]);
});

test("an alert stands with people in one way", () => {
  expect([alert("a"), alert("a", { acknowledged_by: "kim" }), alert("a", { acknowledged_by: "kim", silenced_by: ["s"] }), alert("a", { status: "pending", silenced_by: ["s"] })].map(standing)).toEqual(["firing", "acknowledged", "silenced", "pending"]);
  expect(shortTitle(alert("a"))).toBe("Too much");
});

test("what needs a person leaves out what somebody has taken, and names projects without an alert", () => {
  const project = { project_id: "lonely", is_healthy: false, total_episodes: 3, max_number: 4, gaps_total: 1, duplicates_total: 0, health_score: 75, as_of: "", is_split: false, since: null };
  const items = attention({ alerts: [alert("taken", { acknowledged_by: "kim" }), alert("new"), alert("gap", { alert_type: "INTEGRITY_VIOLATION", severity: "critical" })], projects: [project, { ...project, project_id: "gap" }], letters: 2 });
  expect(items.map((item) => [item.name ?? item.id, item.tone, item.step])).toEqual([["gap", "critical", "step.repair"], ["new", "warning", "step.alert"], ["lonely", "warning", "step.project"], ["letters", "warning", "step.letters"]]);
});

test("a phrase of the monitor is translated, and one of another version is shown as it came", () => {
  expect(phraseOf("escalation to who is on call in numbering")).toEqual({ key: "phrase.escalation.schedule", name: "numbering" });
  expect(phraseOf("silenced by alert:rule:p")).toEqual({ key: "phrase.silenced", name: "alert:rule:p" });
  expect(["the escalation chain goes on if the alert fires", "silence 8f1b expires", "the alert is dropped"].map((text) => phraseOf(text)?.key)).toEqual(["phrase.goes_on", "phrase.silence_expires", "phrase.dropped"]);
  expect(phraseOf("end of an earlier firing to on-call")).toEqual({ key: "phrase.earlier_end", name: "on-call" });
  expect(phraseOf("only the end of an earlier firing is to come until")?.key).toBe("phrase.only_earlier_end");
  expect(phraseOf("something else")).toBeNull();
});

test("a line of a timeline is about what happened: a silence or an escalation is no new firing", () => {
  expect([happened("threshold_crossed", "firing"), happened("silenced_by_person", "firing"), happened("escalated_unacknowledged", "firing"), happened("acknowledged_by_person", "firing"), happened("resolved_by_person", "resolved")]).toEqual(["firing", "silenced", "escalated", "acknowledged", "resolved"]);
});

test("the history of an alert that is not known is found by its rule and its project", () => {
  expect(toHistory("rule:a:b")).toBe("/alerts/history?rule=rule&project=a%3Ab");
  expect(toHistory("nonsense")).toBe("/alerts/history");
});

const readiness = (more: Partial<Readiness>): Readiness => ({ ready: false, parts: { broker: "ok", tables: "2 of 2 partitions are recovering.", fleet: "Incomplete: x." }, lag: null, recovery: { complete: false, partitions: 2, partitions_live: 0 }, partitions: [], dispatcher: null, ...more }) as Readiness;

test("a start is one line that is no fault, and a database that is away is named beside it", () => {
  const summary = { stale_partitions: [0, 1] } as unknown as Summary;
  expect(attention({ readiness: readiness({}), summary }).map((item) => [item.id, item.tone])).toEqual([["recovering", "info"]]);
  const away = readiness({ parts: { broker: "ok", tables: "x", database: "away" } });
  expect(attention({ readiness: away }).map((item) => [item.id, item.tone])).toEqual([["recovering", "info"], ["part database", "warning"]]);
  const lost = readiness({ parts: { broker: "Kafka does not answer.", tables: "ok" }, recovery: { complete: true, partitions: 2, partitions_live: 2 } });
  expect(attention({ readiness: lost, summary }).map((item) => [item.id, item.tone])).toEqual([["stale", "critical"], ["part broker", "critical"]]);
});
