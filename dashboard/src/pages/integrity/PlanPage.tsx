// One repair: before and after, what was done, and what can be done next.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { reads } from "~/api/reads";
import type { RepairPlan } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toProject } from "~/logic/address";
import { command } from "~/logic/export";
import { stateAmong } from "~/logic/plans";
import { actorText, inWords } from "~/logic/sentences";
import { Answer } from "~/parts/Answer";
import { Copy } from "~/parts/Copy";
import { Icon } from "~/parts/Icon";
import { Ago, At } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { Tag, type Tone } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";
import { Difference } from "./Difference";
import { PlanActs } from "./PlanActs";
import { PlanState } from "./PlanState";
import { Simulate } from "./Repair";

const WATCH_MS = 1000;
const VERIFIED: Record<string, Tone> = { passed: "good", failed: "critical", pending: "warning", inconclusive: "warning" };

const isMoving = (plan: RepairPlan): boolean => plan.state === "applying" || plan.state === "rolling_back" || plan.events_pending || plan.verification === "pending";

function Steps({ plan }: { plan: RepairPlan }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Panel title={t("repair.steps")}>
      <ol className="panel-body steps">
        {[...plan.steps].reverse().map((step, place) => (
          <li key={`${step.at} ${place}`}>
            <time dateTime={step.at} className="note nowrap" title={format.full(step.at)}>{format.clock(step.at)}</time>
            <span><strong>{sayOr(`planstep.${step.what}`, step.what.replaceAll("_", " "))}</strong> · <span className="name">{actorText(step.by)}</span>{step.detail ? <span className="note block name">{inWords(step.detail)}</span> : null}</span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function Radius({ plan }: { plan: RepairPlan }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { before, after, episodes_changed, share_percentage } = plan.blast_radius;
  const line = (label: string, one: number, other: number, bad = false) => (
    <tr><td>{label}</td><td className={`num${bad && one ? " critical" : ""}`}>{format.count(one)}</td><td className={`num${bad && !other ? " good" : ""}`}>{format.count(other)}</td></tr>
  );
  return (
    <Panel title={t("repair.radius")}>
      <table className="table">
        <thead><tr><th /><th className="num">{t("repair.before")}</th><th className="num">{t("repair.after")}</th></tr></thead>
        <tbody>
          {line(t("project.gaps"), before.gaps, after.gaps, true)}
          {line(t("project.duplicates"), before.duplicates, after.duplicates, true)}
          {line(t("project.max"), before.max_number, after.max_number)}
          {line(t("project.episodes"), before.episodes, after.episodes)}
        </tbody>
      </table>
      <p className="pager">{t("repair.changed", { many: episodes_changed, share: format.percent(share_percentage) })}</p>
    </Panel>
  );
}

function Plan({ plan }: { plan: RepairPlan }) {
  const { t } = useTranslation();
  const moving = isMoving(plan);
  const plans = useQuery(reads.plans(plan.project_id)).data?.plans ?? [];
  const stale = stateAmong(plan, plans) === "stale";
  const [simulates, setSimulates] = useState(false);
  return (
    <div className="stack">
      {simulates ? <Simulate project={plan.project_id} first={plan.strategy as "compact"} close={() => setSimulates(false)} /> : null}
      <div className="page-head">
        <PlanState plan={plan} among={plans} />
        {plan.verification === "none" ? null : <Tag tone={VERIFIED[plan.verification]} icon={plan.verification === "passed" ? "check" : "pending"}>{sayOr(`verification.${plan.verification}`, plan.verification)}</Tag>}
        <h1>{t("repair.of")} <Link to={toProject(plan.project_id)} className="name">{plan.project_id}</Link></h1>
        <div className="row push">
          <Copy label={t("copy.id")} text={plan.plan_id} />
          <Copy label={t("export.command")} text={command(["repair", "apply"], plan.plan_id)} />
          {stale ? <button type="button" className="plain outlined primary" onClick={() => setSimulates(true)}>{t("repair.again")}</button> : <PlanActs plan={plan} simulate={() => setSimulates(true)} />}
        </div>
      </div>
      {moving ? <div className="notice notice-info" role="status"><Icon name="pending" /><span>{t("repair.moving")} <progress className="progress" aria-label={t("repair.moving")} /></span></div> : null}
      {stale ? <div className="notice"><Icon name="warning" /><span>{t("repair.stale")} <Link to={toProject(plan.project_id)}>{t("step.project")}</Link></span></div> : null}
      {plan.approval_needed ? <div className="notice"><Icon name="person" /><span>{plan.approved_by ? t("repair.approved_by", { by: plan.approved_by }) : t("repair.needs_second")}</span></div> : null}
      {plan.warnings.map((warning) => <div key={warning} className="notice"><Icon name="warning" /><span className="name">{inWords(warning)}</span></div>)}
      <p className="note">{t(`strategy.${plan.strategy}` as "strategy.compact")} · <span className="name">{actorText(plan.created_by)}</span> · <At at={plan.created_at} />{plan.state === "planned" ? <> · {t("repair.expires")} <Ago at={plan.expires_at} /></> : null}</p>
      <div className="two">
        <Difference plan={plan} />
        <div className="stack"><Radius plan={plan} /><Steps plan={plan} /></div>
      </div>
    </div>
  );
}

export function PlanPage() {
  const { t } = useTranslation();
  const id = useSearchParams()[0].get("id") ?? "";
  const query = useQuery({ ...reads.plan(id), enabled: id !== "", refetchInterval: ({ state }) => (state.data && isMoving(state.data) ? WATCH_MS : false) });
  return (
    <>
      <p className="crumbs"><Link to="/integrity/repairs">{t("integrity.repairs")}</Link> <Icon name="right" size={11} /> <code className="name">{id}</code></p>
      <Answer of={query} lines={10}>{(plan) => <Plan plan={plan} />}</Answer>
    </>
  );
}
