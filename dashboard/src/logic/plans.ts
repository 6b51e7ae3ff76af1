// Where a repair plan stands among the others of its project. Pure.

import type { ProjectView, RepairPlan, RepairPlanSummary } from "~/api/types";

type Known = Pick<RepairPlanSummary, "plan_id" | "project_id" | "state" | "created_at" | "acted_at">;

/** A plan that was made before another one was applied or rolled back is stale: its numbers have moved. */
export function stateAmong(plan: Known, others: readonly Known[]): string {
  const moved = others.some((other) => other.plan_id !== plan.plan_id && other.project_id === plan.project_id && other.state !== "planned" && Date.parse(other.acted_at ?? "") > Date.parse(plan.created_at));
  return plan.state === "planned" && moved ? "stale" : plan.state;
}

/** Episodes that have been created since a plan was made, as far as the stream knows. */
export const createdSince = (plan: Pick<RepairPlan, "state" | "blast_radius">, view: Pick<ProjectView, "total_episodes"> | undefined): number =>
  view && plan.state === "planned" ? Math.max(0, view.total_episodes - plan.blast_radius.before.episodes) : 0;
