// The four figures of the overview: what each says, how bad that is, and the list behind it. Pure.

import type { ActiveAlert, Stats, Summary, SwitchedOff } from "~/api/types";
import { toAlerts, toIntegrity, toPerformance } from "./address";
import { count, percent, type Language } from "./format";
import { say } from "./say";

export interface Figure {
  name: "health" | "success" | "problems" | "alerts";
  label: string;
  value: string | null; // null: not known yet
  note: string;
  tone: "critical" | "warning" | "good";
  to: string;
  stale: string; // where newer summaries are due; else empty
}

export interface Counted {
  summary?: Summary | SwitchedOff;
  alerts?: { alerts: readonly ActiveAlert[]; total: number };
  stats?: Stats;
}

export function figures({ summary, alerts, stats }: Counted, language: Language): Figure[] {
  const findings = summary ? (summary.total_gaps ?? 0) + (summary.total_duplicates ?? 0) : 0;
  const critical = alerts?.alerts.filter((alert) => alert.severity === "critical").length ?? 0;
  const partitions = summary && "stale_partitions" in summary ? summary.stale_partitions.length : 0;
  const stale = partitions ? say(language, "figure.stale", { partitions }) : "";
  return [
    {
      name: "health", label: say(language, "figure.health"), to: toIntegrity(), stale, tone: summary?.unhealthy_projects ? "critical" : "good",
      value: summary ? percent(summary.health_percentage) : null,
      note: summary ? say(language, "figure.health.note", { healthy: count(summary.healthy_projects), total: summary.total_projects }) : "",
    },
    {
      name: "success", label: say(language, "figure.success"), to: toPerformance(), stale, tone: stats?.failed_operations ? "warning" : "good",
      value: stats ? percent(stats.success_rate_percentage) : null,
      note: stats ? say(language, "figure.success.note", { failed: count(stats.failed_operations), ended: count(stats.ended_operations), minutes: stats.window_minutes }) : "",
    },
    {
      name: "problems", label: say(language, "figure.problems"), to: toIntegrity({ status: "unhealthy" }), stale, tone: findings ? "critical" : "good",
      value: summary ? count(summary.total_gaps === null ? null : findings) : null,
      note: summary ? say(language, "figure.problems.note", { gaps: summary.total_gaps, duplicates: summary.total_duplicates }) : "",
    },
    {
      name: "alerts", label: say(language, "figure.alerts"), to: toAlerts(), stale: "", tone: critical ? "critical" : alerts?.total ? "warning" : "good",
      value: alerts ? count(alerts.total) : null,
      note: alerts ? say(language, "figure.alerts.note", { critical: count(critical) }) : "",
    },
  ];
}
