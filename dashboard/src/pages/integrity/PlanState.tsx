// Where a plan stands, by colour, icon and word.

import type { RepairPlanSummary } from "~/api/types";
import type { IconName } from "~/parts/Icon";
import { Tag, type Tone } from "~/parts/Severity";
import { stateAmong } from "~/logic/plans";
import { sayOr, useTranslation } from "~/text";

const STATES: Record<string, { tone?: Tone; icon: IconName }> = {
  planned: { tone: "info", icon: "pending" },
  applying: { tone: "warning", icon: "refresh" },
  applied: { tone: "good", icon: "good" },
  rolling_back: { tone: "warning", icon: "refresh" },
  rolled_back: { icon: "check" },
  stale: { tone: "warning", icon: "warning" },
  expired: { icon: "pending" },
};

type Shown = Pick<RepairPlanSummary, "plan_id" | "project_id" | "state" | "verification" | "created_at" | "acted_at">;

export function PlanState({ plan, among }: { plan: Shown; among: readonly RepairPlanSummary[] }) {
  useTranslation();
  const state = stateAmong(plan, among);
  const { tone, icon } = STATES[state] ?? { icon: "info" as const };
  return <Tag tone={plan.verification === "failed" ? "critical" : tone} icon={icon}>{sayOr(`plan.${state}`, state)}</Tag>;
}
