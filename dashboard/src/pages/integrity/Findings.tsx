// Each finding with its numbers, its owners and its history; an open one can be waived.

import type { UseQueryResult } from "@tanstack/react-query";
import { acts } from "~/api/acts";
import type { Finding, FindingEntry, ProjectView } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { useAct } from "~/parts/ActDialog";
import { Answer, State } from "~/parts/Answer";
import { Ago, At } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { Tag, type Tone } from "~/parts/Severity";
import { entryText, openSince } from "~/logic/finding-history";
import { sayOr, useTranslation } from "~/text";

const TONES: Record<string, Tone | undefined> = { open: "critical", suspect: "warning", waived: "info" };
const MOST = 200;
const MOST_OWNERS = 5;

function Row({ finding, since, owners, waive }: { finding: Finding; since: string | null; owners: string[] | undefined; waive: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const numbers = finding.first_number === finding.last_number ? format.count(finding.first_number) : `${format.count(finding.first_number)}–${format.count(finding.last_number)}`;
  return (
    <tr>
      <td className="shrink"><Tag tone={TONES[finding.state]} icon={finding.state === "suspect" ? "pending" : finding.state === "waived" ? "silence" : "critical"}>{sayOr(`finding.${finding.state}`, finding.state)}</Tag></td>
      <td className="main-cell">
        {sayOr(`finding.${finding.kind}`, finding.kind)} <strong>{numbers}</strong>
        {owners?.length ? <div className="sub name">{t("line.owners", { owners: owners.slice(0, MOST_OWNERS).join(", ") })}{owners.length > MOST_OWNERS ? ` ${t("act.and_more", { more: owners.length - MOST_OWNERS })}` : ""}</div> : null}
        {finding.waiver ? <div className="sub name">{t("finding.waiver", { by: finding.waiver.by, reason: finding.waiver.reason, until: format.day(finding.waiver.until) })}</div> : null}
      </td>
      <td className="num sub">{finding.settles_at ? <>{t("finding.settles")} <Ago at={finding.settles_at} /></> : since ? <Ago at={since} /> : null}</td>
      <td className="acts">{finding.state === "open" ? <button type="button" className="plain" onClick={waive}>{t("finding.waive")}</button> : null}</td>
    </tr>
  );
}

function HistoryList({ history, dropped }: { history: readonly FindingEntry[]; dropped: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Panel title={t("finding.history")}>
      {history.length ? (
        <ol className="panel-body steps">
          {[...history].reverse().map((entry, place) => (
            <li key={`${entry.at} ${place}`}>
              <span className="note"><At at={entry.at} /></span>
              <span><Tag tone={entry.what === "opened" || entry.what === "reopened" ? "critical" : entry.what === "waived" ? "info" : "good"}>{sayOr(`entry.${entry.what}`, entry.what)}</Tag> <span className="name">{entryText(entry, format)}</span></span>
            </li>
          ))}
        </ol>
      ) : (
        <p className="panel-body note">{t("finding.history.none")}</p>
      )}
      {dropped ? <p className="pager">{t("finding.history.dropped", { many: dropped })}</p> : null}
    </Panel>
  );
}

export function Findings({ project, view, query }: { project: string; view: ProjectView; query: UseQueryResult<{ findings: Finding[]; history: FindingEntry[]; history_dropped: number }> }) {
  const { t } = useTranslation();
  const [dialog, open] = useAct();
  const waive = (finding: Finding) =>
    open({ title: t("finding.waive"), submit: t("finding.waive"), comment: "required", minutes: [60, 1440, 10080, 43200], preset: 1440, what: <p className="note">{t("finding.waive.what")}</p>, run: ({ by, comment, minutes, headers }) => acts.waive(project, finding.finding_id, { by, reason: comment, minutes }, headers) });
  return (
    <div className="stack">
      {dialog}
      <Panel title={t("finding.title")}>
        <Answer of={query} lines={4}>
          {({ findings, history }) =>
            findings.length ? (
              <>
                <div className="table-wrap">
                  <table className="table table-fold">
                    <thead><tr><th>{t("finding.state")}</th><th>{t("finding.numbers")}</th><th className="num">{t("alerts.since")}</th><th><span className="sr">{t("alerts.acts")}</span></th></tr></thead>
                    <tbody>{findings.slice(0, MOST).map((finding) => <Row key={finding.finding_id} finding={finding} since={openSince(finding, history)} owners={finding.kind === "duplicate" ? view.duplicate_owners[String(finding.first_number)] : undefined} waive={() => waive(finding)} />)}</tbody>
                  </table>
                </div>
                {findings.length > MOST ? <p className="pager">{t("act.and_more", { more: findings.length - MOST })}</p> : null}
              </>
            ) : (
              <State icon="good" title={t("finding.none")}>{t("finding.none.detail")}</State>
            )
          }
        </Answer>
      </Panel>
      {query.data ? <HistoryList history={query.data.history} dropped={query.data.history_dropped} /> : null}
    </div>
  );
}
