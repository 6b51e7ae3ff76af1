// The measure of an alert around the time it fired.

import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import type { AlertDetails } from "~/api/types";
import { FLEET, toPerformance } from "~/logic/address";
import { rangeOf, series, type Measure } from "~/logic/trend";
import { Answer, Bones } from "~/parts/Answer";
import { Panel } from "~/parts/Panel";
import { useTranslation } from "~/text";

const Chart = lazy(async () => ({ default: (await import("~/parts/Chart")).Chart }));

const MEASURES: Record<string, Measure> = { HIGH_FAILURE_RATE: "failure", HIGH_CONFLICT_RATE: "conflict", HIGH_RETRY_RATE: "retry", SLOW_CREATION: "p95" };

export function Around({ alert }: { alert: AlertDetails }) {
  const { t } = useTranslation();
  const measure = MEASURES[alert.alert_type];
  const minutes = Date.now() - Date.parse(alert.starts_at) < 5_400_000;
  const hours = minutes ? 2 : 24;
  const project = alert.project_id === FLEET ? undefined : alert.project_id;
  const trend = useQuery({ ...reads.trend(hours, project), enabled: measure !== undefined });
  if (!measure) return null;
  const marks = [Date.parse(alert.starts_at), ...(alert.ends_at ? [Date.parse(alert.ends_at)] : [])];
  return (
    <Panel title={t(`measure.${measure}`)} tools={<Link className="plain" to={toPerformance({ project, hours: String(hours) })}>{t("tab.performance")}</Link>}>
      <Answer of={trend} lines={5}>
        {(data) => (
          <Suspense fallback={<Bones lines={5} />}>
            <Chart title={t(`measure.${measure}`)} unit={t(measure === "p95" ? "unit.seconds" : "unit.percent")} lines={[{ label: t(`measure.${measure}`), tone: "critical", points: series(data, measure) }]} threshold={alert.threshold} marks={marks} range={rangeOf(data, hours)} height={150} />
          </Suspense>
        )}
      </Answer>
    </Panel>
  );
}
