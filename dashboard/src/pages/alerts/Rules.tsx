// The rules in force with how they do now, and what changed rules would have done.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import type { Reloaded, Rule, RuleFigures } from "~/api/types";
import { useNow } from "~/app/refresh";
import { useFormat } from "~/app/use-format";
import { original } from "~/logic/sentences";
import { withUnit } from "~/logic/units";
import { useAct } from "~/parts/ActDialog";
import { Answer } from "~/parts/Answer";
import { Copy } from "~/parts/Copy";
import { ExportShown } from "~/parts/Export";
import { useParameter } from "~/parts/Filters";
import { Icon } from "~/parts/Icon";
import { At } from "~/parts/Moment";
import { SeverityTag, Tag } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";
import { Backtest } from "./Backtest";

const WEEK_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;

function Row({ rule, marked, figures }: { rule: Rule; marked: boolean; figures: RuleFigures | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const typical = (seconds: number | null | undefined) => (seconds === null || seconds === undefined ? "–" : format.duration(seconds));
  const method = rule.burn_rate ? t("rules.burn_rate", { factor: rule.burn_rate.factor }) : rule.cusum ? t("rules.cusum") : rule.confidence ? t("rules.confidence", { percent: rule.confidence }) : "";
  return (
    <tr className={marked ? "marked" : ""}>
      <td className="shrink"><SeverityTag severity={rule.severity} /></td>
      <td className="main-cell"><strong className="name">{rule.rule_id}</strong><div className="sub name">{rule.description}</div></td>
      <td className="num" data-label={t("rules.threshold")}>{method || format.language === "en" ? rule.threshold_text : withUnit(rule.alert_type, String(rule.threshold), format.language)}{method ? <div className="sub">{method}</div> : null}</td>
      <td className="num" data-label={t("rules.window")}>{rule.window_minutes ? format.duration(rule.window_minutes * 60) : "–"}</td>
      <td className="num" data-label={t("rules.for")}>{rule.for_seconds ? format.duration(rule.for_seconds) : "–"}</td>
      <td className="num" data-label={t("rules.scope")}>{sayOr(`scope.${rule.scope}`, rule.scope)}</td>
      <td className="num" data-label={t("status.firing")}><Link to={`/alerts?q=${encodeURIComponent(rule.rule_id)}`}>{format.count(rule.firing)}</Link></td>
      <td className="num" data-label={t("status.pending")}>{format.count(rule.pending)}</td>
      <td className="num" data-label={t("rules.week")}><Link to={`/alerts/history?rule=${encodeURIComponent(rule.rule_id)}&status=firing&hours=168`}>{format.count(figures?.firings ?? 0)}</Link></td>
      <td className="num" data-label={t("rules.to_acknowledge")}>{typical(figures?.time_to_acknowledge.median_seconds)}</td>
      <td className="num" data-label={t("rules.to_resolve")}>{typical(figures?.time_to_resolve.median_seconds)}</td>
    </tr>
  );
}

export function Rules() {
  const { t } = useTranslation();
  const [marked] = useParameter("rule");
  const [dialog, open] = useAct();
  const [problems, setProblems] = useState<string[]>([]);
  const query = useQuery(reads.rules());
  const now = useNow();
  const figures = useQuery(reads.statistics(new Date(Math.floor(now / HOUR_MS) * HOUR_MS - WEEK_MS).toISOString())).data?.rules;
  const reload = () => open({ title: t("rules.reload"), submit: t("rules.reload"), comment: "none", what: <p className="note">{t("rules.reload.what")}</p>, run: ({ by, headers }) => acts.reloadRules(by, headers), done: (answer) => setProblems((answer as Reloaded).problems) });
  return (
    <div className="stack">
      {dialog}
      <section className="panel">
        <div className="panel-head">
          <h2>{t("rules.title")}</h2>
          {query.data ? <span className="note">{t("rules.version")} <code>{query.data.version}</code> · <At at={query.data.loaded_at} /></span> : null}
          <div className="row push">
            {query.data ? <Copy label={t("rules.file")} text={query.data.file} /> : null}
            {query.data ? <ExportShown name="rules" heads={["rule_id", "alert_type", "severity", "threshold", "unit", "window_minutes", "firing", "pending"]} rows={query.data.rules} row={(one) => [one.rule_id, one.alert_type, one.severity, one.threshold, one.unit, one.window_minutes, one.firing, one.pending]} path="/monitoring/episodes/rules" /> : null}
            <button type="button" className="plain outlined" onClick={reload}><Icon name="refresh" size={13} />{t("rules.reload")}</button>
          </div>
        </div>
        {problems.length ? <div className="notice" role="alert"><Icon name="warning" /><span>{t("rules.reload.partly")} {problems.join(" ")}</span></div> : null}
        <Answer of={query} lines={5}>
          {(data) => (
            <>
              {data.agree ? null : <div className="notice"><Icon name="warning" /><span>{t("rules.disagree")} {data.disagreements.map(original).join(" ")}</span></div>}
              <div className="table-wrap">
                <table className="table table-fold">
                  <thead><tr><th>{t("alerts.severity")}</th><th>{t("alert.rule")}</th><th className="num">{t("rules.threshold")}</th><th className="num">{t("rules.window")}</th><th className="num">{t("rules.for")}</th><th className="num">{t("rules.scope")}</th><th className="num">{t("status.firing")}</th><th className="num">{t("status.pending")}</th><th className="num">{t("rules.week")}</th><th className="num" title={t("rules.median")}>{t("rules.to_acknowledge")}</th><th className="num" title={t("rules.median")}>{t("rules.to_resolve")}</th></tr></thead>
                  <tbody>{data.rules.map((rule) => <Row key={rule.rule_id} rule={rule} marked={rule.rule_id === marked} figures={figures?.find((one) => one.rule_id === rule.rule_id)} />)}</tbody>
                </table>
              </div>
              {data.workers.length > 1 ? <p className="pager">{t("rules.workers", { many: data.workers.length })} {data.agree ? <Tag tone="good" icon="check">{t("rules.agree")}</Tag> : null}</p> : null}
            </>
          )}
        </Answer>
      </section>
      <Backtest />
    </div>
  );
}
