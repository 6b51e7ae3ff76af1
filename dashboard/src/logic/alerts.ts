// The list of active alerts: its order, its groups, its filters, and what an alert's number reads like. Pure.

import type { ActiveAlert } from "~/api/types";
import { FLEET } from "./address";
import { apart } from "./format";

const RANK: Record<string, number> = { critical: 0, warning: 1, info: 2 };

/** Worst first: firing before pending, what nobody has taken before what somebody has, then severity, then age. Of a
 * thousand, the first view orders them on a slow processor: one number each, and no text is compared without need. */
export function worstFirst(alerts: readonly ActiveAlert[]): ActiveAlert[] {
  return alerts
    .map((alert) => ({ alert, rank: rank(alert) }))
    .sort((one, other) => one.rank - other.rank || order(one.alert.starts_at, other.alert.starts_at) || order(one.alert.alert_key, other.alert.alert_key))
    .map(({ alert }) => alert);
}

const rank = (alert: ActiveAlert): number =>
  (alert.status === "firing" ? 0 : 16) + (isSilenced(alert) ? 8 : 0) + (RANK[alert.severity] ?? 3) * 2 + (alert.acknowledged_by ? 1 : 0);

const order = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);

export const isSilenced = (alert: ActiveAlert): boolean => alert.silenced_by.length > 0 || alert.silenced_until !== null;

/** One word for where an alert stands with people. */
export function standing(alert: ActiveAlert): "firing" | "pending" | "acknowledged" | "silenced" {
  if (alert.status === "pending") return "pending";
  if (isSilenced(alert)) return "silenced";
  return alert.acknowledged_by ? "acknowledged" : "firing";
}

const HAPPENED: Record<string, string> = {
  escalated_unacknowledged: "escalated",
  silenced_by_person: "silenced",
  silence_ended: "firing",
  acknowledged_by_person: "acknowledged",
  unacknowledged_by_person: "firing",
};

/** What a line of a timeline is about: an alert that is silenced or escalated still fires, but that is not the news. */
export const happened = (reason: string, status: string): string => (status === "resolved" ? status : (HAPPENED[reason] ?? status));

export type GroupBy = "told" | "none" | "rule" | "project" | "severity";

export interface Group {
  name: string;
  alerts: ActiveAlert[];
}

export interface ToldGroup {
  labels: Record<string, string>;
  receiver: { name: string };
  alerts: { labels: Record<string, string> }[];
}

/** Each alert's receivers, and the labels of the message that it shares with others: what is told together reads alike. */
export function toldTo(groups: readonly ToldGroup[]): Map<string, string> {
  const found = new Map<string, string[]>();
  for (const { labels, receiver, alerts } of groups) {
    const shared = alerts.length < 2 ? "" : Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ");
    for (const { labels: own } of alerts) {
      const key = `${own["alertname"]}:${own["project_id"]}`;
      found.set(key, [...(found.get(key) ?? []), shared ? `${receiver.name} {${shared}}` : receiver.name]);
    }
  }
  return new Map([...found].map(([key, names]) => [key, [...new Set(names)].sort().join(" · ")]));
}

/** Groups in the order of their worst alert. `told` names the group of an alert key; one that is in none has the name "". */
export function grouped(alerts: readonly ActiveAlert[], by: GroupBy, told: ReadonlyMap<string, string> = new Map()): Group[] {
  const nameOf = (alert: ActiveAlert) => (by === "told" ? (told.get(alert.alert_key) ?? "") : by === "rule" ? alert.rule_id : by === "project" ? alert.project_id : by === "severity" ? alert.severity : "");
  const groups = new Map<string, ActiveAlert[]>();
  for (const alert of worstFirst(alerts)) {
    const name = nameOf(alert);
    const found = groups.get(name);
    if (found) found.push(alert);
    else groups.set(name, [alert]);
  }
  return [...groups].map(([name, found]) => ({ name, alerts: found }));
}

export interface AlertFilter {
  q: string;
  severity: string;
  standing: string;
}

export function matching(alerts: readonly ActiveAlert[], { q, severity, standing: wanted }: AlertFilter): ActiveAlert[] {
  const word = q.toLowerCase();
  return alerts.filter(
    (alert) =>
      (!word || `${alert.project_id} ${alert.rule_id} ${alert.title} ${alert.description}`.toLowerCase().includes(word)) &&
      (!severity || alert.severity === severity) &&
      (!wanted || standing(alert) === wanted),
  );
}

/** The value beside its threshold, in as many digits as tell them apart. */
export function measured({ value, threshold }: Pick<ActiveAlert, "value" | "threshold">): { value: string; threshold: string } {
  return value === null ? { value: "–", threshold: String(threshold) } : { value: apart(value, threshold), threshold: apart(threshold, value) };
}

/** An alert's title without the project that stands beside it anyway. */
export function shortTitle(alert: Pick<ActiveAlert, "title" | "project_id">): string {
  if (alert.project_id === FLEET) return alert.title.replace(/ \([^()]*\)$/, "");
  const ending = ` (${alert.project_id})`;
  return alert.title.endsWith(ending) ? alert.title.slice(0, -ending.length) : alert.title;
}
