// The four figures, each a link to the list behind it.

import type { UseQueryResult } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { ActiveAlert, Stats, Summary, SwitchedOff } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toAlerts, toIntegrity, toPerformance } from "~/logic/address";
import { Icon } from "~/parts/Icon";
import { ToneIcon, type Tone } from "~/parts/Severity";

interface FigureProps {
  label: string;
  value: string | null;
  note: string;
  tone: Tone;
  to: string;
  old: boolean;
  stale: number; // partitions whose last summary is in it, though newer ones are due
}

function Figure({ label, value, note, tone, to, old, stale }: FigureProps) {
  const { t } = useTranslation();
  return (
    <Link to={to} className={`figure${old || stale ? " panel-old" : ""}`}>
      <span className="figure-label">
        {value === null ? null : <ToneIcon tone={tone} />}
        {label}
      </span>
      <strong className={`figure-value${value !== null && tone !== "good" ? ` ${tone}` : ""}`}>{value ?? <span className="bone figure-bone" />}</strong>
      <span className="figure-note">{stale ? <><Icon name="pending" size={11} /> {t("figure.stale", { partitions: stale })} · </> : null}{note || " "}</span>
    </Link>
  );
}

interface Props {
  summary: UseQueryResult<Summary | SwitchedOff>;
  alerts: UseQueryResult<{ alerts: ActiveAlert[]; total: number }>;
  stats: UseQueryResult<Stats>;
}

export function Figures({ summary, alerts, stats }: Props) {
  const { t } = useTranslation();
  const format = useFormat();
  const all = summary.data;
  const findings = all ? (all.total_gaps ?? 0) + (all.total_duplicates ?? 0) : 0;
  const critical = alerts.data?.alerts.filter((alert) => alert.severity === "critical").length ?? 0;
  const rate = stats.data;
  const stale = all && "stale_partitions" in all ? all.stale_partitions.length : 0;
  const alertTone: Tone = critical ? "critical" : alerts.data?.total ? "warning" : "good";
  return (
    <div className="figures panel">
      <Figure
        label={t("figure.health")} to={toIntegrity()} old={Boolean(summary.error)} stale={stale} tone={all?.unhealthy_projects ? "critical" : "good"}
        value={all ? format.percent(all.health_percentage) : null}
        note={all ? t("figure.health.note", { healthy: format.count(all.healthy_projects), total: all.total_projects }) : ""}
      />
      <Figure
        label={t("figure.success")} to={toPerformance()} old={Boolean(stats.error)} stale={stale} tone={rate?.failed_operations ? "warning" : "good"}
        value={rate ? format.percent(rate.success_rate_percentage) : null}
        note={rate ? t("figure.success.note", { failed: format.count(rate.failed_operations), ended: format.count(rate.ended_operations), minutes: rate.window_minutes }) : ""}
      />
      <Figure
        label={t("figure.problems")} to={toIntegrity({ status: "unhealthy" })} old={Boolean(summary.error)} stale={stale} tone={findings ? "critical" : "good"}
        value={all ? format.count(all.total_gaps === null ? null : findings) : null}
        note={all ? t("figure.problems.note", { gaps: all.total_gaps, duplicates: all.total_duplicates }) : ""}
      />
      <Figure
        label={t("figure.alerts")} to={toAlerts()} old={Boolean(alerts.error)} stale={0} tone={alertTone}
        value={alerts.data ? format.count(alerts.data.total) : null}
        note={alerts.data ? t("figure.alerts.note", { critical: format.count(critical) }) : ""}
      />
    </div>
  );
}
