// What stands beside a project's findings: its alerts, its latency, and how it compares with the service's database.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import { useFormat } from "~/app/use-format";
import { toAlert } from "~/logic/address";
import { standing, worstFirst } from "~/logic/alerts";
import { Answer } from "~/parts/Answer";
import { Panel } from "~/parts/Panel";
import { SeverityTag, StatusTag, Tag } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";

const WINDOW_MINUTES = 60;

export function ProjectAlerts({ project }: { project: string }) {
  const { t } = useTranslation();
  const query = useQuery(reads.alerts());
  return (
    <Panel title={t("project.alerts")} tools={<Link className="plain" to={`/alerts/history?${new URLSearchParams({ project })}`}>{t("alerts.history")}</Link>}>
      <Answer of={query} lines={2}>
        {({ alerts }) => {
          const own = worstFirst(alerts.filter((alert) => alert.project_id === project));
          if (!own.length) return <p className="panel-body note">{t("alerts.none")}</p>;
          return (
            <ul className="panel-body stack-tight">
              {own.map((alert) => <li key={alert.alert_key} className="row"><SeverityTag severity={alert.severity} /><Link to={toAlert(alert.alert_key)} className="name">{alert.rule_id}</Link><StatusTag status={standing(alert)} /></li>)}
            </ul>
          );
        }}
      </Answer>
    </Panel>
  );
}

export function Latency({ project, link }: { project: string; link: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(reads.stats(WINDOW_MINUTES, project));
  return (
    <Panel title={t("project.latency")} tools={<Link className="plain" to={link}>{t("tab.performance")}</Link>}>
      <Answer of={query} lines={2}>
        {(stats) => (
          <dl className="panel-body facts">
            <dt>{t("measure.average")} · P95 · P99</dt>
            <dd>{format.seconds(stats.average_duration_seconds)} · {format.seconds(stats.p95_duration_seconds)} · {format.seconds(stats.p99_duration_seconds)}</dd>
            <dt>{t("measure.failure")}</dt>
            <dd>{format.percent(stats.failure_rate_percentage)} <span className="note">{t("perf.of", { part: format.count(stats.failed_operations), whole: format.count(stats.ended_operations) })}</span></dd>
            <dt>{t("measure.conflict")}</dt>
            <dd>{format.percent(stats.conflict_rate_percentage)} <span className="note">{t("perf.of", { part: format.count(stats.conflicted_operations), whole: format.count(stats.attempted_operations) })}</span></dd>
          </dl>
        )}
      </Answer>
    </Panel>
  );
}

/** Reads the service's database, so only when a person asks. */
export function Drift({ project }: { project: string }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState(false);
  return (
    <Panel title={t("drift.title")} tools={asked ? null : <button type="button" className="plain outlined" onClick={() => setAsked(true)}>{t("drift.compare")}</button>}>
      {asked ? <Compared project={project} /> : <p className="panel-body note">{t("drift.note")}</p>}
    </Panel>
  );
}

function Compared({ project }: { project: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery({ ...reads.drift(project), staleTime: 30_000 });
  return (
    <Answer of={query} lines={2}>
      {({ is_equal, is_split, drift }) => (
        <div className="panel-body stack-tight">
          <p>{is_split ? t("drift.split") : is_equal ? <Tag tone="good" icon="check">{t("drift.equal")}</Tag> : <Tag tone="critical" icon="critical">{t("drift.differs")}</Tag>}</p>
          {drift ? (
            <ul className="stack-tight">
              {drift.numbers.map((one) => <li key={one.number}><strong>{format.count(one.number)}</strong> {sayOr(`drift.${one.kind}`, one.kind)} <span className="note name">{t("drift.sides", { stream: one.stream.join(", ") || "–", database: one.database.join(", ") || "–" })}</span></li>)}
            </ul>
          ) : null}
        </div>
      )}
    </Answer>
  );
}
