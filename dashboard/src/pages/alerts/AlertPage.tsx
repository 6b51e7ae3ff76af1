// One alert: what happened, who was told and who was not, and what comes next.

import { useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { reads } from "~/api/reads";
import type { AlertDetails } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toAlert, toHistory, toProject, toSilences, webAddress } from "~/logic/address";
import { shortTitle, standing } from "~/logic/alerts";
import { command, curl } from "~/logic/export";
import { useAct } from "~/parts/ActDialog";
import { Answer, FormerValues } from "~/parts/Answer";
import { Copy } from "~/parts/Copy";
import { Icon } from "~/parts/Icon";
import { Ago, At } from "~/parts/Moment";
import { SeverityTag, StatusTag } from "~/parts/Severity";
import { useAlertActs, useEndSilence } from "./alert-acts";
import { Deliveries, NextSteps, NotTold, Timeline } from "./AlertParts";
import { Measured } from "./AlertTable";
import { Around } from "./Around";
import { FirstSteps } from "./FirstSteps";
import { ProjectLink } from "~/parts/ProjectName";
import { useTranslation } from "~/text";

function Head({ alert }: { alert: AlertDetails }) {
  const { t } = useTranslation();
  const [dialog, open] = useAct();
  const act = useAlertActs();
  const end = useEndSilence();
  const over = alert.status === "resolved";
  return (
    <div className="page-head">
      {dialog}
      <SeverityTag severity={alert.severity} />
      <StatusTag status={over ? "resolved" : standing(alert)} />
      <h1 className="name">{shortTitle(alert)}</h1>
      {over ? null : (
        <div className="row push">
          <button type="button" className="plain outlined" onClick={() => open(act(alert.acknowledged_by ? "unacknowledge" : "acknowledge", [alert]))}>{t(alert.acknowledged_by ? "act.unacknowledge" : "act.acknowledge")}</button>
          {alert.silenced_by.length ? <button type="button" className="plain outlined" onClick={() => open(end(alert.silenced_by))}>{t("act.unsilence")}</button> : <button type="button" className="plain outlined" onClick={() => open(act("silence", [alert]))}>{t("act.silence")}</button>}
          <button type="button" className="plain outlined" onClick={() => open(act("resolve", [alert]))}>{t("act.resolve")}</button>
        </div>
      )}
    </div>
  );
}

function Facts({ alert }: { alert: AlertDetails }) {
  const { t } = useTranslation();
  const format = useFormat();
  const runbook = webAddress(alert.runbook_url);
  const { inputs } = alert;
  const address = new URL(`./monitoring/episodes/alerts/${encodeURIComponent(alert.alert_key)}`, document.baseURI).href;
  return (
    <section className="panel">
      <div className="panel-body stack-tight">
        <p className="name">{alert.description}</p>
        <dl className="facts">
          <dt>{t("alert.project")}</dt>
          <dd><ProjectLink id={alert.project_id} />{alert.alert_type === "INTEGRITY_VIOLATION" ? <> · <Link to={toProject(alert.project_id)}>{t("step.repair")}</Link></> : null}</dd>
          <dt>{t("alerts.value")}</dt>
          <dd><Measured alert={alert} />{inputs ? <span className="note"> · {t(alert.window_minutes === null ? "alert.inputs.numbers" : "alert.inputs", { bad: format.count(inputs.bad), whole: inputs.whole })}{inputs.lower_bound === undefined ? "" : ` · ${t("alert.lower_bound", { bound: format.percent(inputs.lower_bound) })}`}</span> : null}</dd>
          <dt>{t("alert.rule")}</dt>
          <dd><Link to={`/alerts/rules?rule=${encodeURIComponent(alert.rule_id)}`} className="name">{alert.rule_id}</Link>{alert.window_minutes ? <span className="note"> · {t("alert.window", { window: format.duration(alert.window_minutes * 60) })}</span> : null}</dd>
          <dt>{t("alerts.since")}</dt>
          <dd><At at={alert.starts_at} /> <span className="note">(<Ago at={alert.starts_at} />{alert.ends_at ? `, ${t("alert.lasted", { duration: format.duration((Date.parse(alert.ends_at) - Date.parse(alert.starts_at)) / 1000) })}` : ""})</span></dd>
          {alert.acknowledged_by ? <><dt>{t("status.acknowledged")}</dt><dd className="name">{alert.acknowledged_by}</dd></> : null}
          {alert.silenced_by.length ? <><dt>{t("status.silenced")}</dt><dd>{alert.silenced_by.map((id) => <Link key={id} to={toSilences({ id })} className="name mono">{id} </Link>)}</dd></> : null}
          {alert.inhibited_by.length ? <><dt>{t("alert.inhibited")}</dt><dd>{alert.inhibited_by.map((key) => <Link key={key} to={toAlert(key)} className="name mono">{key} </Link>)}</dd></> : null}
          {runbook ? <><dt>{t("alert.runbook")}</dt><dd><a href={runbook} rel="noreferrer" className="name">{runbook}</a></dd></> : null}
          {Object.entries(alert.labels).map(([name, value]) => <Label key={name} name={name} value={value} />)}
        </dl>
        <div className="row">
          <Copy label={t("copy.key")} text={alert.alert_key} />
          <Copy label={t("copy.link")} text={location.href} />
          <Copy label={t("export.curl")} text={curl(address)} />
          <Copy label={t("export.command")} text={command(["alerts", "show"], alert.alert_key)} />
        </div>
      </div>
    </section>
  );
}

const Label = ({ name, value }: { name: string; value: string }) => (
  <>
    <dt className="name">{name}</dt>
    <dd className="name">{value}</dd>
  </>
);

export function AlertPage() {
  const { t } = useTranslation();
  const key = useSearchParams()[0].get("key") ?? "";
  const query = useQuery({ ...reads.alert(key), enabled: key !== "" });
  return (
    <>
      <p className="crumbs"><Link to="/alerts">{t("tab.alerts")}</Link> <Icon name="right" size={11} /> <code className="name">{key}</code></p>
      <Answer of={query} lines={10} otherwise={<Link className="plain outlined" to={toHistory(key)}>{t("alert.history")}</Link>}>
        {(alert) => (
          <div className="stack">
            <Head alert={alert} />
            {alert.values_are_current ? null : <FormerValues />}
            {alert.status === "resolved" ? null : <FirstSteps alert={alert} />}
            <div className="two">
              <div className="stack">
                <Facts alert={alert} />
                <Around alert={alert} />
                <Timeline lines={alert.timeline} />
              </div>
              <div className="stack">
                <NextSteps alert={alert} />
                <NotTold alert={alert} />
                <Deliveries deliveries={alert.deliveries} />
              </div>
            </div>
          </div>
        )}
      </Answer>
    </>
  );
}
