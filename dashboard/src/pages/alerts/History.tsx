// Every transition of every alert, newest first, filtered by the address.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads, type HistoryAsked } from "~/api/reads";
import type { AlertTransition } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toAlert } from "~/logic/address";
import { Answer, State } from "~/parts/Answer";
import { Export } from "~/parts/Export";
import { Choice, Pager, Pick, Search, useParameter } from "~/parts/Filters";
import { At } from "~/parts/Moment";
import { SeverityTag, StatusTag } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";

const HOURS: Record<string, number> = { "1": 1, "24": 24, "168": 168 };
const text = (alert: AlertTransition["alert"], name: string) => String((alert as Record<string, unknown>)[name] ?? "");

function Row({ transition }: { transition: AlertTransition }) {
  const { alert } = transition;
  const key = text(alert, "alert_key");
  return (
    <tr>
      <td className="shrink sub"><At at={transition.at} /></td>
      <td className="shrink"><StatusTag status={text(alert, "status")} /></td>
      <td className="shrink"><SeverityTag severity={text(alert, "severity")} /></td>
      <td className="main-cell">
        <Link to={toAlert(key)} className="name strong">{text(alert, "rule_id")}</Link>
        <div className="sub name">{text(alert, "project_id")}</div>
      </td>
      <td>{sayOr(`reason.${transition.reason}`, transition.reason.replaceAll("_", " "))}</td>
      <td>{transition.by ? <span className="name">{transition.by}</span> : null}{transition.comment ? <span className="sub block name">{transition.comment}</span> : null}</td>
    </tr>
  );
}

/** The beginning of a range as a whole minute, so that the question stays the same for a while. */
const since = (hours: string): string | null => (HOURS[hours] ? new Date(Math.floor(Date.now() / 60_000) * 60_000 - HOURS[hours] * 3_600_000).toISOString() : null);

export function History() {
  const { t } = useTranslation();
  const format = useFormat();
  const [project, setProject] = useParameter("project");
  const [rule, setRule] = useParameter("rule");
  const [status, setStatus] = useParameter("status");
  const [hours, setHours] = useParameter("hours");
  const [cursor] = useParameter("cursor");
  const asked: HistoryAsked = { project_id: project || null, rule_id: rule || null, status: (status || null) as HistoryAsked["status"], since: since(hours), limit: 100, cursor: cursor || null };
  const query = useQuery({ ...reads.history(asked), placeholderData: keepPreviousData });
  const rules = useQuery(reads.rules()).data?.rules ?? [];
  return (
    <section className="panel">
      <div className="panel-head">
        <div className="filters">
          <Search label={t("history.project")} value={project} onChange={setProject} />
          <Pick label={t("alert.rule")} value={rule} onChange={setRule} options={[{ value: "", label: t("filter.all") }, ...rules.map((one) => ({ value: one.rule_id, label: one.rule_id }))]} />
          <Choice label={t("alerts.standing")} value={status} onChange={setStatus} options={[{ value: "", label: t("filter.all") }, ...["firing", "resolved", "pending"].map((value) => ({ value, label: t(`status.${value}` as "status.firing") }))]} />
          <Choice label={t("range.title")} value={hours} onChange={setHours} options={["", "1", "24", "168"].map((value) => ({ value, label: t(`range.${value || "all"}` as "range.all") }))} />
        </div>
        <span className="push">
          {query.data ? <Export path="/monitoring/episodes/alerts/history" asked={{ project_id: project, rule_id: rule, status, since: asked.since }} /> : null}
        </span>
      </div>
      <Answer of={query} lines={8}>
        {({ transitions, next_cursor }) =>
          transitions.length ? (
            <>
              <div className="table-wrap">
                <table className="table table-fold">
                  <thead><tr><th>{t("alert.at")}</th><th>{t("alerts.standing")}</th><th>{t("alerts.severity")}</th><th>{t("alerts.what")}</th><th>{t("history.reason")}</th><th>{t("history.by")}</th></tr></thead>
                  <tbody>{transitions.map((one) => <Row key={`${one.transition_id} ${one.at}`} transition={one} />)}</tbody>
                </table>
              </div>
              <Pager shown={transitions.length} next={next_cursor} format={format.count} />
            </>
          ) : (
            <State icon="search" title={t("history.none")}>{t("history.none.detail")}</State>
          )
        }
      </Answer>
    </section>
  );
}
