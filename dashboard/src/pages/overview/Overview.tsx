// Is it healthy, what is wrong, what do I do: one look.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { reads } from "~/api/reads";
import { attention } from "~/logic/attention";
import { MOST_PROJECTS, WINDOW_MINUTES } from "~/logic/overview";
import { useTranslation } from "~/text";
import { Attention } from "./Attention";
import { Figures } from "./Figures";
import { Heartbeat } from "./Heartbeat";
import { Monitor } from "./Monitor";
import { OnCallNow } from "./OnCallNow";

export function Overview() {
  const { t } = useTranslation();
  const summary = useQuery(reads.summary());
  const alerts = useQuery(reads.alerts());
  const stats = useQuery(reads.stats(WINDOW_MINUTES));
  const readiness = useQuery(reads.readiness());
  const projects = useQuery(reads.projects({ status: "unhealthy", sort: "worst", limit: MOST_PROJECTS }));
  const letters = useQuery(reads.letters({ limit: 1 }));
  const items = useMemo(
    () =>
      attention({
        alerts: alerts.data?.alerts,
        summary: summary.data && summary.data.total_projects !== null ? summary.data : undefined,
        projects: projects.data?.projects,
        readiness: readiness.data,
        letters: letters.data?.total,
      }),
    [alerts.data, summary.data, projects.data, readiness.data, letters.data],
  );
  return (
    <div className="stack">
      <h1 className="sr">{t("tab.overview")}</h1>
      <Figures summary={summary} alerts={alerts} stats={stats} />
      <div className="overview">
        <Attention items={items} alerts={alerts} summary={summary} />
        <div className="stack side">
          <OnCallNow />
          <Monitor readiness={readiness} letters={letters.data?.total} />
        </div>
      </div>
      <Heartbeat />
    </div>
  );
}
