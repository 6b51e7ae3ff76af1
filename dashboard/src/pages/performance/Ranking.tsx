// The slowest and the most conflicted projects of a window, and retries by reason.

import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import type { components } from "~/api/schema";
import { useFormat } from "~/app/use-format";
import { toPerformance } from "~/logic/address";
import { Answer } from "~/parts/Answer";
import { Panel } from "~/parts/Panel";
import { sayOr, useTranslation } from "~/text";

type Ranked = components["schemas"]["RankedProject"];

function Table({ projects, head, value, note }: { projects: readonly Ranked[]; head: string; value: (one: Ranked) => string; note: (one: Ranked) => string }) {
  const { t } = useTranslation();
  if (!projects.length) return <p className="panel-body note">{t("perf.none")}</p>;
  return (
    <table className="table">
      <thead><tr><th>{t("alert.project")}</th><th className="num">{head}</th></tr></thead>
      <tbody>
        {projects.map((one) => (
          <tr key={one.project_id}>
            <td className="main-cell"><Link className="name strong" to={toPerformance({ project: one.project_id, hours: "2" })}>{one.project_id}</Link></td>
            <td className="num"><strong>{value(one)}</strong> <span className="sub">{note(one)}</span></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Ranking({ minutes }: { minutes: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(reads.ranking(minutes));
  const panel = (title: "perf.slowest" | "perf.conflicted", children: (data: components["schemas"]["ProjectRanking"]) => React.ReactNode) => (
    <Panel title={t(title)} tools={<span className="note">{query.data ? t("perf.ranking.as_of", { window: format.duration(minutes * 60), at: format.clock(query.data.as_of) }) : format.duration(minutes * 60)}</span>}>
      <Answer of={query} lines={4}>{(data) => <>{children(data)}{data.is_complete ? null : <p className="pager">{t("perf.ranking.part", { projects: data.projects_looked_at })}</p>}</>}</Answer>
    </Panel>
  );
  return (
    <div className="charts">
      {panel("perf.slowest", ({ slowest }) => <Table projects={slowest} head={t("measure.average")} value={(one) => format.seconds(one.average_duration_seconds)} note={(one) => `P95 ${format.seconds(one.p95_duration_seconds)}`} />)}
      {panel("perf.conflicted", ({ most_conflicted }) => <Table projects={most_conflicted} head={t("perf.chart.conflicts")} value={(one) => format.count(one.conflicted_operations)} note={(one) => format.percent(one.conflict_rate_percentage)} />)}
    </div>
  );
}

/** Since the beginning of the topic: no window keeps reasons. */
export function Retries({ project }: { project: string | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(reads.retries(project));
  return (
    <Panel title={t("perf.retries")} tools={<span className="note">{t("perf.retries.note")}</span>}>
      <Answer of={query} lines={2}>
        {({ reasons, total_retries }) =>
          total_retries ? (
            <dl className="panel-body facts">
              {reasons.map((one) => (
                <div key={one.reason} style={{ display: "contents" }}>
                  <dt>{sayOr(`retry.${one.reason}`, one.reason)}</dt>
                  <dd><progress className="progress" max={total_retries} value={one.retries} aria-label={one.reason} /> {format.count(one.retries)} <span className="note">{format.percent(one.percentage)}</span></dd>
                </div>
              ))}
            </dl>
          ) : (
            <p className="panel-body note">{t("perf.retries.none")}</p>
          )
        }
      </Answer>
    </Panel>
  );
}
