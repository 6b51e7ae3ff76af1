// What a replay found: how much it read, the state it ended in, findings, and records that could not be used.

import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import type { components } from "~/api/schema";
import { useFormat } from "~/app/use-format";
import { toProject } from "~/logic/address";
import { actorText, inWords } from "~/logic/sentences";
import { Answer } from "~/parts/Answer";
import { Copy } from "~/parts/Copy";
import { Icon } from "~/parts/Icon";
import { At } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { Tag } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";
import { JobState } from "./Checks";

type Report = components["schemas"]["Report"];
const RUNNING_MS = 1000;
const MOST = 200;

function Figures({ report }: { report: Report }) {
  const { t } = useTranslation();
  const format = useFormat();
  const refused = Object.values(report.dead_letters).reduce((sum, many) => sum + many, 0);
  const cells: [string, number, boolean][] = [
    [t("replay.events"), report.events, false],
    [t("replay.applied"), report.applied, false],
    [t("replay.projects"), report.projects, false],
    [t("project.episodes"), report.episodes, false],
    [t("project.gaps"), report.gaps, true],
    [t("project.duplicates"), report.duplicates, true],
    [t("project.suspects"), report.suspects, false],
    [t("replay.refused"), refused, true],
  ];
  return <dl className="numbers numbers-8 panel">{cells.map(([label, value, bad]) => <div key={label}><dt>{label}</dt><dd className={bad && value ? "critical" : ""}>{format.count(value)}</dd></div>)}</dl>;
}

function Found({ report }: { report: Report }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Panel title={t("finding.title")} tools={<span className="note">{t("pager.of", { shown: format.count(Math.min(MOST, report.findings.length)), total: format.count(report.findings_total) })}</span>}>
      {report.findings.length ? (
        <div className="table-wrap">
          <table className="table table-fold">
            <thead><tr><th>{t("finding.state")}</th><th>{t("alert.project")}</th><th>{t("finding.numbers")}</th><th>{t("letters.origin")}</th><th className="num">{t("alerts.since")}</th></tr></thead>
            <tbody>
              {report.findings.slice(0, MOST).map((one, place) => (
                <tr key={`${one.project_id} ${one.first_number} ${place}`}>
                  <td className="shrink"><Tag tone={one.closed_at ? "good" : one.state === "suspect" ? "warning" : "critical"}>{sayOr(`finding.${one.state}`, one.state)}</Tag></td>
                  <td className="main-cell"><Link to={toProject(one.project_id)} className="name strong">{one.project_id}</Link></td>
                  <td>{sayOr(`finding.${one.kind}`, one.kind)} <strong>{one.first_number === one.last_number ? format.count(one.first_number) : `${format.count(one.first_number)}–${format.count(one.last_number)}`}</strong></td>
                  <td className="sub">{one.partition}:{one.first_offset ?? "–"}</td>
                  <td className="num sub">{one.since ? <At at={one.since} /> : "–"}{one.closed_at ? <> – <At at={one.closed_at} /></> : null}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p className="panel-body note">{t("finding.none")}</p>
      )}
    </Panel>
  );
}

function Refused({ report }: { report: Report }) {
  const { t } = useTranslation();
  const format = useFormat();
  const reasons = Object.entries(report.dead_letters);
  return (
    <Panel title={t("replay.refused")} tools={<span className="note">{reasons.map(([reason, many]) => `${sayOr(`letter.${reason}`, reason)} ${format.count(many)}`).join(" · ")}</span>}>
      {report.dead_letter_records.length ? (
        <div className="table-wrap">
          <table className="table table-fold">
            <thead><tr><th>{t("letters.origin")}</th><th>{t("letters.why")}</th></tr></thead>
            <tbody>
              {report.dead_letter_records.slice(0, MOST).map((one) => (
                <tr key={`${one.partition}:${one.offset}`}><td className="shrink mono">{one.partition}:{one.offset}</td><td className="main-cell"><strong>{sayOr(`letter.${one.reason}`, one.reason.replaceAll("_", " "))}</strong><div className="sub name">{one.detail}</div></td></tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p className="panel-body note">{t("replay.refused.none")}</p>
      )}
    </Panel>
  );
}

const place = (at: readonly { partition: number; offset: number }[]): string => at.map((one) => `${one.partition}:${one.offset}`).join(", ") || "–";

function Whole({ report }: { report: Report }) {
  const { t } = useTranslation();
  const firings = Object.entries(report.firings);
  return (
    <div className="stack">
      <Figures report={report} />
      {report.warnings.map((warning) => <div key={warning} className="notice"><Icon name="warning" /><span className="name">{inWords(warning)}</span></div>)}
      <Panel title={t("replay.digest")} tools={<Copy text={report.state_hash} label={t("replay.digest.copy")} />}>
        <dl className="panel-body facts">
          <dt>{t("replay.digest")}</dt><dd className="name mono">{report.state_hash}</dd>
          <dt>{t("silence.from")}</dt><dd className="mono">{place(report.from)}</dd>
          <dt>{t("silence.until")}</dt><dd className="mono">{place(report.to)}</dd>
          <dt>{t("replay.firings")}</dt><dd className="name">{firings.length ? firings.map(([rule, many]) => `${rule} ${many}`).join(" · ") : "–"}</dd>
        </dl>
      </Panel>
      <div className="two"><Found report={report} /><Refused report={report} /></div>
    </div>
  );
}

export function ReplayResult({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useQuery({ ...reads.replay(id), refetchInterval: ({ state }) => (state.data && ["running", "waiting"].includes(state.data.state) ? RUNNING_MS : false) });
  return (
    <>
      <p className="crumbs"><Link to="/jobs/replays">{t("jobs.replays")}</Link> <Icon name="right" size={11} /> <code className="name">{id}</code></p>
      <Answer of={query} lines={8}>
        {(job) => (
          <div className="stack">
            <div className="page-head"><JobState state={job.state} /><h2>{t("replay.replay")}</h2><span className="note"><span className="name">{actorText(job.requested_by)}</span> · <At at={job.requested_at} /></span></div>
            {job.error ? <div className="notice notice-critical"><Icon name="critical" /><span className="name">{job.error}</span></div> : null}
            {job.result?.kind === "replay" ? <Whole report={job.result} /> : <p className="panel panel-body note">{t("replay.no_result")}</p>}
          </div>
        )}
      </Answer>
    </>
  );
}
