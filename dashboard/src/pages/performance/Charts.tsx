// The charts of a trend: one cursor and one zoom for all.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { reads } from "~/api/reads";
import { useFormat } from "~/app/use-format";
import type { Trend } from "~/api/types";
import { limitsOfChart } from "~/logic/rules";
import { moved, rangeOf, series, zoomOf, type Measure } from "~/logic/trend";
import { Chart, type Line, type LineTone } from "~/parts/Chart";
import { useParameter } from "~/parts/Filters";
import { Panel } from "~/parts/Panel";
import { useTranslation } from "~/text";

interface Drawn {
  title: "perf.chart.rates" | "perf.chart.latency" | "perf.chart.operations" | "perf.chart.conflicts";
  unit: "unit.seconds" | "unit.percent" | null;
  lines: [Measure, LineTone][];
  limit: "failure" | "conflict" | "latency" | null;
}

const CHARTS: Drawn[] = [
  { title: "perf.chart.latency", unit: "unit.seconds", lines: [["p99", "warning"], ["p95", "accent"], ["average", "muted"]], limit: "latency" },
  { title: "perf.chart.rates", unit: "unit.percent", lines: [["failure", "critical"]], limit: "failure" },
  { title: "perf.chart.conflicts", unit: "unit.percent", lines: [["conflict", "warning"], ["retry", "accent"]], limit: "conflict" },
  { title: "perf.chart.operations", unit: null, lines: [["operations", "accent"], ["failed", "critical"]], limit: null },
];

const TYPES: Record<string, string[]> = { failure: ["HIGH_FAILURE_RATE"], conflict: ["HIGH_CONFLICT_RATE", "HIGH_RETRY_RATE"], latency: ["SLOW_CREATION"] };

export function Charts({ trend, earlier, hours, project }: { trend: Trend; earlier: Trend | undefined; hours: number; project: string | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [shown, show] = useParameter("zoom");
  const zoom = useMemo(() => zoomOf(shown), [shown]);
  const setZoom = (to: { from: number; to: number } | null) => show(to ? `${Math.floor(to.from)}-${Math.ceil(to.to)}` : "");
  const range = useMemo(() => rangeOf(trend, hours), [trend, hours]);
  const rules = useQuery(reads.rules()).data?.rules ?? [];
  const limits = limitsOfChart(rules, project === undefined);
  const since = trend.points[0]?.starts_at ?? null;
  const history = useQuery({ ...reads.history({ status: "firing", since, project_id: project ?? null, limit: 200 }), enabled: since !== null });
  const fired = history.data?.transitions;
  const marksOf = useMemo(() => (limit: string | null) => (fired ?? []).filter((one) => limit && TYPES[limit]?.includes(String((one.alert as Record<string, unknown>)["alert_type"]))).map((one) => Date.parse(one.at)), [fired]);
  const linesOf = (lines: Drawn["lines"]): Line[] => {
    const now = lines.map(([measure, tone]) => ({ label: t(`measure.${measure}`), tone, points: series(trend, measure) }));
    const main = lines.find(([, tone]) => tone !== "warning")?.[0] ?? "operations";
    return earlier?.points.length ? [...now, { label: t("perf.earlier", { measure: t(`measure.${main}`) }), tone: "muted", isDashed: true, points: moved(series(earlier, main), (earlier.before_hours ?? 0) * 3600) }] : now;
  };
  return (
    <>
      {zoom ? <p className="note">{t("perf.zoomed")} <button type="button" className="plain outlined" onClick={() => setZoom(null)}>{t("perf.unzoom")}</button> {format.day(zoom.from * 1000)} – {format.day(zoom.to * 1000)}</p> : null}
      <div className="charts">
        {CHARTS.map(({ title, unit, lines, limit }) => (
          <Panel key={title} title={t(title)} tools={limit && Number.isFinite(limits[limit]) ? <span className="note legend-limit">{t("perf.threshold", { threshold: `${limits[limit]}${unit ? t(unit) : ""}` })}</span> : null}>
            <Chart title={t(title)} unit={unit ? t(unit) : ""} lines={linesOf(lines)} threshold={limit ? limits[limit] : undefined} marks={marksOf(limit)} range={range} zoom={zoom} onZoom={setZoom} />
          </Panel>
        ))}
      </div>
    </>
  );
}
