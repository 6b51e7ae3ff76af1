// Basic and deep check as quick actions, with progress, result and cancel.

import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import type { Job } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toProject } from "~/logic/address";
import { actorText } from "~/logic/sentences";
import { useAct } from "~/parts/ActDialog";
import { Answer, State } from "~/parts/Answer";
import { Ago, At } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { Tag, type Tone } from "~/parts/Severity";
import { useTranslation } from "~/text";

const RUNNING_MS = 1000;
const MOST_ISSUES = 8;
const TONES: Record<string, Tone | undefined> = { completed: "good", failed: "critical", running: "info", waiting: "info" };

export function JobState({ state }: { state: string }) {
  const { t } = useTranslation();
  return <Tag tone={TONES[state]} icon={state === "completed" ? "good" : state === "failed" ? "critical" : "pending"}>{t(`job.${state}` as "job.running")}</Tag>;
}

function Result({ job }: { job: Job }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { result } = job;
  if (job.error) return <span className="critical name">{job.error}</span>;
  if (!result) return job.state === "running" ? <progress className="progress" value={job.progress ?? undefined} aria-label={t("job.running")} /> : <>–</>;
  if (result.kind === "basic") {
    const { summary } = result;
    return <>{t("check.basic.result", { health: format.percent(summary.health_percentage), unhealthy: format.count(summary.unhealthy_projects), total: summary.total_projects })}</>;
  }
  const drift = result.database ? t("check.deep.drift", { drift: result.database.projects_with_drift }) : t("check.deep.no_database");
  return (
    <>
      {t("check.deep.result", { issues: format.count(result.projects_with_issues), checked: result.projects_checked })} · {drift}
      {result.project_issues.length ? (
        <details>
          <summary className="sub">{t("check.deep.projects")}</summary>
          <ul>
            {result.project_issues.slice(0, MOST_ISSUES).map((issue) => <li key={issue.project_id}><Link className="name" to={toProject(issue.project_id)}>{issue.project_id}</Link> <span className="note">{t("attention.project.detail", { gaps: issue.gaps_total ?? issue.gaps.length, duplicates: issue.duplicates_total ?? issue.duplicates.length })}</span></li>)}
          </ul>
        </details>
      ) : null}
    </>
  );
}

export function Checks() {
  const { t } = useTranslation();
  const format = useFormat();
  const [dialog, open] = useAct();
  const query = useQuery({ ...reads.jobs(), refetchInterval: ({ state }) => (state.data?.jobs.some((job) => job.state === "running") ? RUNNING_MS : false) });
  const begin = (deep: boolean) => {
    const label = t(deep ? "check.deep" : "check.basic");
    open({ title: label, submit: t("check.begin"), comment: "none", what: <p className="note">{t(deep ? "check.deep.what" : "check.basic.what")}</p>, run: ({ by, headers }) => acts.check(deep, by, headers) });
  };
  const cancel = (job: Job) => open({ title: t("job.cancel"), submit: t("job.cancel"), comment: "none", danger: true, run: ({ by, headers }) => acts.cancelJob(job.job_id, by, headers) });
  return (
    <Panel title={t("jobs.checks")} tools={
      <>
        <button type="button" className="plain outlined" onClick={() => begin(false)}>{t("check.basic")}</button>
        <button type="button" className="plain outlined" onClick={() => begin(true)}>{t("check.deep")}</button>
      </>
    }>
      {dialog}
      <Answer of={query}>
        {({ jobs }) =>
          jobs.length ? (
            <div className="table-wrap">
              <table className="table table-fold">
                <thead><tr><th>{t("finding.state")}</th><th>{t("check.kind")}</th><th>{t("check.result")}</th><th>{t("silence.by")}</th><th className="num">{t("check.began")}</th><th className="num">{t("check.took")}</th><th><span className="sr">{t("alerts.acts")}</span></th></tr></thead>
                <tbody>
                  {jobs.map((job) => (
                    <tr key={job.job_id}>
                      <td className="shrink"><JobState state={job.state} /></td>
                      <td className="shrink">{t(job.kind === "deep" ? "check.deep" : "check.basic")}</td>
                      <td className="main-cell"><Result job={job} />{job.result && job.ended_at ? <div className="sub">{t("check.as_of", { at: format.clock(job.ended_at) })}</div> : null}</td>
                      <td className="name">{actorText(job.requested_by)}</td>
                      <td className="num sub" data-label={t("check.began")}><At at={job.started_at} /> <Ago at={job.started_at} /></td>
                      <td className="num">{job.ended_at ? format.seconds((Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000) : "–"}</td>
                      <td className="acts">{job.state === "running" ? <button type="button" className="plain" onClick={() => cancel(job)}>{t("job.cancel")}</button> : null}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <State icon="info" title={t("check.none")}>{t("check.none.detail")}</State>
          )
        }
      </Answer>
    </Panel>
  );
}
