// What the rules in force say about a chart. Pure.

import type { Rule } from "~/api/types";

const lowest = (rules: readonly Rule[], type: string): number => Math.min(...rules.filter((rule) => rule.alert_type === type).map((rule) => rule.threshold));

/** The lowest threshold of each rate, in percent, and of the latency, in seconds; Infinity where no rule judges it. */
export const limitsOf = (rules: readonly Rule[]) => ({
  failure: lowest(rules, "HIGH_FAILURE_RATE"),
  conflict: lowest(rules, "HIGH_CONFLICT_RATE"),
  retry: lowest(rules, "HIGH_RETRY_RATE"),
  latency: lowest(rules, "SLOW_CREATION"),
});
