// What the rules in force say about a chart. Pure.

import type { Rule } from "~/api/types";

type Judging = Pick<Rule, "alert_type" | "threshold" | "scope"> & Partial<Pick<Rule, "burn_rate" | "cusum">>;

/** Lines of a chart have the threshold's unit: a burn rate and a sum of deviations have another. */
const lowest = (rules: readonly Judging[], type: string): number => Math.min(...rules.filter((rule) => rule.alert_type === type && !rule.burn_rate && !rule.cusum).map((rule) => rule.threshold));

/** The lowest threshold of each rate, in percent, and of the latency, in seconds; Infinity where no rule judges it. */
export const limitsOf = (rules: readonly Judging[]) => ({
  failure: lowest(rules, "HIGH_FAILURE_RATE"),
  conflict: lowest(rules, "HIGH_CONFLICT_RATE"),
  retry: lowest(rules, "HIGH_RETRY_RATE"),
  latency: lowest(rules, "SLOW_CREATION"),
});

/** Of what is drawn: a rule that judges each project by itself says nothing about the rate of all together. */
export const limitsOfChart = (rules: readonly Judging[], isFleet: boolean) => limitsOf(rules.filter((rule) => (rule.scope === "fleet") === isFleet));
