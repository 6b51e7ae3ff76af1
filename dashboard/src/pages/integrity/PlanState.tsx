// Where a plan stands, by colour, icon and word.

import { useTranslation } from "react-i18next";
import type { RepairPlanSummary } from "~/api/types";
import type { IconName } from "~/parts/Icon";
import { Tag, type Tone } from "~/parts/Severity";
import { sayOr } from "~/text";

const STATES: Record<string, { tone?: Tone; icon: IconName }> = {
  planned: { tone: "info", icon: "pending" },
  applying: { tone: "warning", icon: "refresh" },
  applied: { tone: "good", icon: "good" },
  rolling_back: { tone: "warning", icon: "refresh" },
  rolled_back: { icon: "check" },
  stale: { tone: "critical", icon: "warning" },
  expired: { icon: "pending" },
};

export function PlanState({ plan }: { plan: Pick<RepairPlanSummary, "state" | "verification"> }) {
  useTranslation();
  const { tone, icon } = STATES[plan.state] ?? { icon: "info" as const };
  return <Tag tone={plan.verification === "failed" ? "critical" : tone} icon={icon}>{sayOr(`plan.${plan.state}`, plan.state)}</Tag>;
}
