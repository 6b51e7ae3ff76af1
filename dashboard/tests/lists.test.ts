import { expect, test } from "vitest";
import type { ActiveAlert } from "~/api/types";
import { grouped, toldTo } from "~/logic/alerts";
import { localInput } from "~/logic/format";
import { zoomOf } from "~/logic/trend";

const alert = (project_id: string, severity: "critical" | "warning" = "warning") => ({ alert_key: `rule:${project_id}`, rule_id: "rule", project_id, severity, status: "firing", silenced_by: [], silenced_until: null, acknowledged_by: null, starts_at: "" }) as unknown as ActiveAlert;
const labels = (project_id: string) => ({ labels: { alertname: "rule", project_id } });

test("alerts of one message are a group, others are grouped by their receivers, and one that is told to nobody is apart", () => {
  const told = toldTo([
    { labels: { alertname: "rule" }, receiver: { name: "team" }, alerts: [labels("a"), labels("b")] },
    { labels: {}, receiver: { name: "on-call" }, alerts: [labels("a")] },
    { labels: { project_id: "c:d" }, receiver: { name: "on-call" }, alerts: [labels("c:d")] },
  ]);
  const groups = grouped([alert("a", "critical"), alert("b"), alert("c:d"), alert("new")], "told", told);
  expect(groups.map((group) => [group.name, group.alerts.map((one) => one.project_id)])).toEqual([["on-call · team {alertname=rule}", ["a"]], ["team {alertname=rule}", ["b"]], ["on-call", ["c:d"]], ["", ["new"]]]);
});

test("the zoom of an address is a range of seconds, or none", () => {
  expect(zoomOf("1700000000-1700003600")).toEqual({ from: 1700000000, to: 1700003600 });
  expect(["", "x", "1700003600-1700000000", "1-2", "1700000000-"].map(zoomOf)).toEqual([null, null, null, null, null]);
});

test("a moment goes into an input of a date and comes back to the minute", () => {
  const at = Date.UTC(2026, 10, 29, 19, 47, 31);
  expect(new Date(localInput(at)).getTime()).toBe(Date.UTC(2026, 10, 29, 19, 47));
});
