// Rates and latencies: of the fleet or of one project, now, over time, and against the time before.

import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import type { Stats, Trend } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toProject } from "~/logic/address";
import { change, hoursOf, totals } from "~/logic/trend";
import { Answer, State } from "~/parts/Answer";
import { Choice, Search, useParameter } from "~/parts/Filters";
import { useTranslation } from "~/text";
import { Charts } from "./Charts";
import { Ranking, Retries } from "./Ranking";
import { TrendTable } from "./TrendTable";
import { Worst } from "./Worst";

function Numbers({ stats }: { stats: Stats }) {
  const { t } = useTranslation();
  const format = useFormat();
  const cells = [
    [t("measure.average"), format.seconds(stats.average_duration_seconds), ""],
    ["P95", format.seconds(stats.p95_duration_seconds), ""],
    ["P99", format.seconds(stats.p99_duration_seconds), ""],
    [t("measure.failure"), format.percent(stats.failure_rate_percentage), t("perf.of", { part: format.count(stats.failed_operations), whole: format.count(stats.ended_operations) })],
    [t("measure.conflict"), format.percent(stats.conflict_rate_percentage), t("perf.of", { part: format.count(stats.conflicted_operations), whole: format.count(stats.attempted_operations) })],
    [t("measure.retry"), format.percent(stats.retry_rate_percentage), t("perf.of", { part: format.count(stats.retried_operations), whole: format.count(stats.ended_operations) })],
    [t("perf.today"), format.count(stats.total_operations_today), t("perf.today.failed", { failed: format.count(stats.failed_operations_today) })],
  ];
  return (
    <dl className="numbers numbers-7 panel">
      {cells.map(([label, value, note]) => <div key={label}><dt>{label}</dt><dd>{value}</dd><dd className="note-line">{note || " "}</dd></div>)}
    </dl>
  );
}

function Compared({ trend, earlier, before }: { trend: Trend; earlier: Trend; before: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [here, other] = [totals(trend.points, -Infinity, Infinity), totals(earlier.points, -Infinity, Infinity)];
  const line = (label: string, value: string, one: number | null, other: number | null, badUp: boolean) => {
    const by = change(one, other);
    return <span key={label}>{label} <strong>{value}</strong> {by === null ? <span className="note">{t("perf.no_before")}</span> : <span className={badUp && by > 5 ? "critical" : badUp && by < -5 ? "good" : "muted"}>{by > 0 ? "▲" : by < 0 ? "▼" : ""} {format.percent(Math.abs(by))}</span>}</span>;
  };
  return (
    <p className="compared note">
      {t("perf.compared", { span: format.duration(before * 3600) })}
      {line(t("measure.operations"), format.count(here.operations), here.operations, other.operations, false)}
      {line(t("measure.failure"), format.percent(here.failure), here.failure, other.failure, true)}
      {line(t("measure.conflict"), format.percent(here.conflict), here.conflict, other.conflict, true)}
    </p>
  );
}

export function Performance() {
  const { t } = useTranslation();
  const [project, setProject] = useParameter("project");
  const [window, setWindow] = useParameter("window", "15");
  const [chosen, setHours] = useParameter("hours");
  const id = project || undefined;
  const day = useQuery(reads.trend(24, id));
  const hours = chosen ? Number(chosen) : (hoursOf(day.data) ?? 24);
  const isKnown = Boolean(chosen) || day.data !== undefined;
  const stats = useQuery(reads.stats(Number(window), id));
  const trend = useQuery({ ...reads.trend(hours, id), enabled: isKnown });
  const [before, setBefore] = useParameter("before", "24");
  const earlier = useQuery({ ...reads.trend(hours, id, Number(before)), enabled: isKnown });
  return (
    <div className="stack">
      <h1 className="sr">{t("tab.performance")}</h1>
      <div className="filters">
        <Search label={t("perf.project")} value={project} onChange={setProject} />
        {project ? <Link to={toProject(project)} className="plain name">{t("perf.open")}</Link> : <span className="note">{t("perf.fleet")}</span>}
        <span className="row push">
          <span className="field-label">{t("perf.window")}<Choice label={t("perf.window")} value={window} onChange={setWindow} options={["5", "15", "60", "1440"].map((value) => ({ value, label: t(`minutes.${value}` as "minutes.60") }))} /></span>
          <span className="field-label">{t("perf.before")}<Choice label={t("perf.before")} value={before} onChange={setBefore} options={["1", "24", "168"].map((value) => ({ value, label: t(`before.${value}` as "before.24") }))} /></span>
          <span className="field-label">{t("perf.range")}<Choice label={t("perf.range")} value={String(hours)} onChange={setHours} options={["1", "2", "24", "72", "168"].map((value) => ({ value, label: t(`range.${value}` as "range.24") }))} /></span>
        </span>
      </div>
      <Answer of={stats} lines={2}>{(data) => <Numbers stats={data} />}</Answer>
      <Answer of={isKnown ? trend : day} lines={10}>
        {(data) =>
          data.points.length ? (
            <>
              {earlier.data ? <Compared trend={data} earlier={earlier.data} before={Number(before)} /> : null}
              <Charts trend={data} earlier={earlier.data} hours={hours} project={id} />
              <TrendTable trend={data} hours={hours} project={id} />
            </>
          ) : (
            <div className="panel"><State icon="info" title={t("perf.none")}>{t("perf.none.detail")}</State></div>
          )
        }
      </Answer>
      {project ? null : <Worst />}
      {project ? null : <Ranking minutes={Number(window)} />}
      <Retries project={id} />
    </div>
  );
}
