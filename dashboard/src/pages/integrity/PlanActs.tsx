// What can be done with a plan now. Before a repair is sent, the dialog says what would refuse it.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import type { RepairPlan } from "~/api/types";
import { createdSince } from "~/logic/plans";
import { ActDialog } from "~/parts/ActDialog";
import { Icon } from "~/parts/Icon";
import { useTranslation } from "~/text";

type Verb = "approve" | "apply" | "rollback";

function verbsOf(plan: RepairPlan): Verb[] {
  if (plan.state === "planned") return plan.approval_needed && !plan.approved_by ? ["approve"] : ["apply"];
  return plan.state === "applied" ? ["rollback"] : [];
}

function WithNewer({ plan, verb, value, set, simulate }: { plan: RepairPlan; verb: Verb; value: boolean; set: (value: boolean) => void; simulate: () => void }) {
  const { t } = useTranslation();
  const newer = createdSince(plan, useQuery(reads.project(plan.project_id)).data);
  return (
    <div className="stack-tight">
      {newer && !value ? (
        <div className="notice" role="status">
          <Icon name="warning" />
          <span>{t("repair.newer", { many: newer })} {t("repair.newer.what", { option: t("repair.with_newer") })} <button type="button" className="plain outlined" onClick={simulate}>{t("repair.again")}</button></span>
        </div>
      ) : null}
      <label className="row"><input type="checkbox" checked={value} onChange={(event) => set(event.target.checked)} />{t("repair.with_newer")}</label>
      {verb === "apply" && !newer ? <p className="note">{t("repair.may_grow")}</p> : null}
    </div>
  );
}

export function PlanActs({ plan, simulate }: { plan: RepairPlan; simulate: () => void }) {
  const { t } = useTranslation();
  const [verb, setVerb] = useState<Verb | null>(null);
  const [withNewer, setWithNewer] = useState(false);
  const again = () => {
    setVerb(null);
    simulate();
  };
  return (
    <>
      {verb ? (
        <ActDialog
          close={() => setVerb(null)}
          act={{
            title: t(`repair.${verb}`),
            submit: t(`repair.${verb}`),
            comment: "none",
            confirm: plan.project_id,
            danger: verb !== "approve",
            what: <p>{t(`repair.${verb}.what`, { changes: verb === "rollback" ? plan.changes.length + plan.newer_changes.length : plan.changes_needed })}</p>,
            extra: verb === "approve" ? null : <WithNewer plan={plan} verb={verb} value={withNewer} set={setWithNewer} simulate={again} />,
            run: ({ by, headers }) => acts.onPlan(verb, plan.plan_id, { by, confirm: plan.project_id, with_newer: withNewer }, headers),
          }}
        />
      ) : null}
      {verbsOf(plan).map((one) => <button key={one} type="button" className={`plain outlined${one === "rollback" ? "" : " primary"}`} onClick={() => setVerb(one)}>{t(`repair.${one}`)}</button>)}
    </>
  );
}
