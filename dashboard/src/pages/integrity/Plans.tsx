// All repair plans, and the switch of automatic repair.

import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import { useFormat } from "~/app/use-format";
import { toPlan, toProject } from "~/logic/address";
import { actorText, inWords } from "~/logic/sentences";
import { useAct } from "~/parts/ActDialog";
import { Answer, State } from "~/parts/Answer";
import { Export } from "~/parts/Export";
import { Ago } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { Tag } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";
import { PlanState } from "./PlanState";

function Automatic() {
  const { t } = useTranslation();
  const [dialog, open] = useAct();
  const query = useQuery(reads.automatic());
  const turn = (paused: boolean) => {
    const label = t(paused ? "automatic.pause" : "automatic.go_on");
    open({ title: label, submit: label, comment: "none", what: <p className="note">{t("automatic.what")}</p>, run: ({ by, headers }) => acts.automatic(paused, by, headers) });
  };
  const data = query.data;
  return (
    <Panel title={t("automatic.title")} tools={data ? <button type="button" className="plain outlined" onClick={() => turn(!data.paused)}>{t(data.paused ? "automatic.go_on" : "automatic.pause")}</button> : null}>
      {dialog}
      <Answer of={query} lines={1}>
        {(automatic) => (
          <p className="panel-body"><Tag tone={automatic.active ? "good" : undefined} icon={automatic.active ? "good" : "pause"}>{t(automatic.active ? "automatic.on" : "automatic.off")}</Tag> <span className="name">{inWords(automatic.reason)}</span></p>
        )}
      </Answer>
    </Panel>
  );
}

export function Plans() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(reads.plans());
  return (
    <div className="stack">
      <Automatic />
      <Panel title={t("integrity.repairs")} tools={query.data ? <Export path="/monitoring/episodes/repair-plans" asked={{}} /> : null}>
        <Answer of={query}>
          {({ plans }) =>
            plans.length ? (
              <div className="table-wrap">
                <table className="table table-fold">
                  <thead><tr><th>{t("finding.state")}</th><th>{t("alert.project")}</th><th className="num">{t("repair.changes.head")}</th><th className="num">{t("repair.applied.head")}</th><th>{t("repair.verification")}</th><th>{t("silence.by")}</th><th className="num">{t("alert.at")}</th></tr></thead>
                  <tbody>
                    {plans.map((plan) => (
                      <tr key={plan.plan_id}>
                        <td className="shrink"><PlanState plan={plan} among={plans} /></td>
                        <td className="main-cell"><Link to={toPlan(plan.plan_id)} className="strong mono">{plan.plan_id}</Link><div className="sub"><Link to={toProject(plan.project_id)} className="name quiet-link">{plan.project_id}</Link></div></td>
                        <td className="num" data-label={t("repair.changes.head")}>{format.count(plan.changes_needed)}</td>
                        <td className="num" data-label={t("repair.applied.head")}>{format.count(plan.changes_applied)}</td>
                        <td>{sayOr(`verification.${plan.verification}`, plan.verification)}</td>
                        <td className="name">{actorText(plan.acted_by ?? plan.created_by)}</td>
                        <td className="num sub"><Ago at={plan.acted_at ?? plan.created_at} /></td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ) : (
              <State icon="info" title={t("repair.plans.none")}>{t("repair.plans.none.detail")}</State>
            )
          }
        </Answer>
      </Panel>
    </div>
  );
}
