// Begins a repair: a simulation first, and the plans that were made.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { acts } from "~/api/acts";
import type { components } from "~/api/schema";
import { reads } from "~/api/reads";
import { toPlan } from "~/logic/address";
import { actorText } from "~/logic/sentences";
import { ActDialog } from "~/parts/ActDialog";
import { Answer } from "~/parts/Answer";
import { Pick } from "~/parts/Filters";
import { Ago } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { useTranslation } from "~/text";
import { PlanState } from "./PlanState";

type Strategy = components["schemas"]["Strategy"];
const STRATEGIES: Strategy[] = ["compact", "duplicates_to_gaps", "duplicates_to_end"];

export function Simulate({ project, first = "compact", close }: { project: string; first?: Strategy; close: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [strategy, setStrategy] = useState<Strategy>(first);
  return (
    <ActDialog
      close={close}
      act={{
        title: t("repair.simulate"),
        submit: t("repair.simulate"),
        comment: "none",
        what: <p className="note">{t("repair.simulate.what")}</p>,
        extra: (
          <div className="stack-tight">
            <Pick label={t("repair.strategy")} value={strategy} onChange={(value) => setStrategy(value as Strategy)} options={STRATEGIES.map((value) => ({ value, label: t(`strategy.${value}`) }))} />
            <p className="note">{t(`strategy.${strategy}.note`)}</p>
          </div>
        ),
        run: ({ by, headers }) => acts.plan(project, { by, strategy }, headers),
        done: (plan) => void navigate(toPlan((plan as { plan_id: string }).plan_id)),
      }}
    />
  );
}

export function Repair({ project, healthy }: { project: string; healthy: boolean }) {
  const { t } = useTranslation();
  const [simulates, setSimulates] = useState(false);
  const query = useQuery(reads.plans(project));
  return (
    <Panel title={t("repair.title")} tools={<button type="button" className={`plain outlined${healthy ? "" : " primary"}`} onClick={() => setSimulates(true)}>{t("repair.simulate")}</button>}>
      {simulates ? <Simulate project={project} close={() => setSimulates(false)} /> : null}
      <Answer of={query} lines={2}>
        {({ plans }) =>
          plans.length ? (
            <ul className="panel-body stack-tight">
              {plans.slice(0, 5).map((plan) => (
                <li key={plan.plan_id} className="row">
                  <PlanState plan={plan} among={plans} />
                  <Link to={toPlan(plan.plan_id)}>{t("repair.changes", { many: plan.changes_needed })}</Link>
                  <span className="note push"><span className="name">{actorText(plan.created_by)}</span> · <Ago at={plan.created_at} /></span>
                </li>
              ))}
            </ul>
          ) : (
            <p className="panel-body note">{t(healthy ? "repair.none.healthy" : "repair.none")}</p>
          )
        }
      </Answer>
    </Panel>
  );
}
