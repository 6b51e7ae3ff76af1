// The four figures, each a link to the list behind it. The first view draws the same (`first/overview.ts`).

import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "react-router";
import type { ActiveAlert, Stats, Summary, SwitchedOff } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { figures, type Figure as Known } from "~/logic/figures";
import { Icon } from "~/parts/Icon";
import { ToneIcon } from "~/parts/Severity";

function Figure({ of: { label, value, note, tone, to, stale }, old }: { of: Known; old: boolean }) {
  return (
    <Link to={to} className={`figure${old || stale ? " panel-old" : ""}`}>
      <span className="figure-label">
        {value === null ? null : <ToneIcon tone={tone} />}
        {label}
      </span>
      <strong className={`figure-value${value !== null && tone !== "good" ? ` ${tone}` : ""}`}>{value ?? <span className="bone figure-bone" />}</strong>
      <span className="figure-note">{stale ? <><Icon name="pending" size={11} />{` ${stale} · `}</> : null}{note || "\u00a0"}</span>
    </Link>
  );
}

interface Props {
  summary: UseQueryResult<Summary | SwitchedOff>;
  alerts: UseQueryResult<{ alerts: ActiveAlert[]; total: number }>;
  stats: UseQueryResult<Stats>;
}

export function Figures({ summary, alerts, stats }: Props) {
  const { language } = useFormat();
  const from = { health: summary, success: stats, problems: summary, alerts };
  return (
    <div className="figures panel">
      {figures({ summary: summary.data, alerts: alerts.data, stats: stats.data }, language).map((figure) => <Figure key={figure.name} of={figure} old={Boolean(from[figure.name].error)} />)}
    </div>
  );
}
