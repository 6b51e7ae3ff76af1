// The numbers of the charts as a table.

import type { Trend } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { isRunning, valueOf, type Measure } from "~/logic/trend";
import { ExportShown } from "~/parts/Export";
import { Icon } from "~/parts/Icon";
import { useTranslation } from "~/text";

const COLUMNS: Measure[] = ["operations", "failed", "failure", "conflict", "retry", "average", "p95", "p99"];

export function TrendTable({ trend, hours, project }: { trend: Trend; hours: number; project: string | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const shown = (measure: Measure, value: number | null) => (["average", "p95", "p99"].includes(measure) ? format.seconds(value) : ["operations", "failed"].includes(measure) ? format.count(value) : format.percent(value));
  return (
    <details className="panel">
      <summary className="panel-head"><h2 className="opens"><Icon name="right" size={13} />{t("perf.table")}</h2><span className="push note">{t("pager.shown", { shown: format.count(trend.points.length) })}</span></summary>
      <div className="row panel-body"><ExportShown name={`trend-${project ?? "fleet"}`} heads={["starts_at", ...COLUMNS]} rows={trend.points} row={(point) => [point.starts_at, ...COLUMNS.map((measure) => valueOf(point, measure))]} path={`/monitoring/episodes/performance/trend?${new URLSearchParams({ hours: String(hours), ...(project ? { project_id: project } : {}) })}`} /></div>
      <div className="table-wrap">
        <table className="table">
          <thead><tr><th>{t("alert.at")}</th>{COLUMNS.map((measure) => <th key={measure} className="num">{t(`measure.${measure}`)}</th>)}</tr></thead>
          <tbody>
            {[...trend.points].reverse().map((point) => (
              <tr key={point.starts_at}>
                <td className="nowrap">{format.day(point.starts_at)}{isRunning(point, trend.as_of) ? <span className="sub"> {t("perf.running")}</span> : null}</td>
                {COLUMNS.map((measure) => <td key={measure} className="num">{shown(measure, valueOf(point, measure))}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
