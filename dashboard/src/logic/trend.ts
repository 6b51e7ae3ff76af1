// Series of a chart out of the points of a trend. A missing interval is a gap in the line. Pure.

import type { Trend, TrendPoint } from "~/api/types";

export type Measure = "success" | "failure" | "conflict" | "retry" | "average" | "p95" | "p99" | "operations" | "failed";

const FIELDS = {
  success: "success_rate_percentage",
  failure: "failure_rate_percentage",
  conflict: "conflict_rate_percentage",
  retry: "retry_rate_percentage",
  average: "average_duration_seconds",
  p95: "p95_duration_seconds",
  p99: "p99_duration_seconds",
  operations: "attempted_operations",
  failed: "failed_operations",
} as const satisfies Record<Measure, keyof TrendPoint>;

export type Series = [times: number[], values: (number | null)[]]; // times in seconds

const COUNTS: readonly Measure[] = ["operations", "failed"];

/** Whether a point's interval is still being counted. */
export const isRunning = (point: Pick<TrendPoint, "ends_at">, asOf: string): boolean => Date.parse(point.ends_at) > Date.parse(asOf);

/** The interval that is still being counted is left out: it would look like a fall. Of a long one, rates are shown. */
export function series({ points, interval_seconds: intervalSeconds, as_of }: Pick<Trend, "points" | "interval_seconds" | "as_of">, measure: Measure): Series {
  const times: number[] = [];
  const values: (number | null)[] = [];
  for (const point of points) {
    const at = Date.parse(point.starts_at) / 1000;
    const before = times.at(-1);
    if (before !== undefined && at - before > intervalSeconds * 1.5) {
      times.push(before + intervalSeconds);
      values.push(null);
    }
    times.push(at);
    const cut = isRunning(point, as_of) && (intervalSeconds <= 60 || COUNTS.includes(measure));
    values.push(cut ? null : point[FIELDS[measure]]);
  }
  return [times, values];
}

export const valueOf = (point: TrendPoint, measure: Measure): number | null => point[FIELDS[measure]];

export interface Totals {
  operations: number;
  failure: number | null;
  conflict: number | null;
}

/** How many hours to show where nobody has chosen: a day, but of a monitor that has not counted two hours yet, its minutes. */
export function hoursOf(day: Pick<Trend, "points" | "as_of"> | undefined): number | null {
  if (!day) return null;
  const complete = day.points.filter((point) => !isRunning(point, day.as_of)).length;
  return day.points.length === 0 || complete >= 2 ? 24 : complete ? 2 : 1;
}

/** Totals of the intervals that begin in [from, to), in milliseconds; rates in percent. */
export function totals(points: readonly TrendPoint[], from: number, to: number): Totals {
  const sum = { attempted: 0, ended: 0, failed: 0, conflicted: 0 };
  for (const point of points) {
    const at = Date.parse(point.starts_at);
    if (at < from || at >= to) continue;
    sum.attempted += point.attempted_operations;
    sum.ended += point.ended_operations;
    sum.failed += point.failed_operations;
    sum.conflicted += point.conflicted_operations;
  }
  const share = (part: number, whole: number) => (whole ? (100 * part) / whole : null);
  return { operations: sum.attempted, failure: share(sum.failed, sum.ended), conflict: share(sum.conflicted, sum.attempted) };
}

/** How a number changed: "+12.5 %", "−3 %"; null where nothing can be compared. */
export function change(now: number | null, before: number | null): number | null {
  return now === null || before === null || before === 0 ? null : ((now - before) / before) * 100;
}

/** What a chart of so many hours spans, in seconds: to the end of the interval that is being counted. */
export function rangeOf(trend: Pick<Trend, "as_of" | "interval_seconds">, hours: number): { from: number; to: number } {
  const to = Math.ceil(Date.parse(trend.as_of) / 1000 / trend.interval_seconds) * trend.interval_seconds;
  return { from: to - hours * 3600, to };
}

/** The part of the charts that an address asks for, "FROM-TO" in seconds; null: all. */
export function zoomOf(text: string): { from: number; to: number } | null {
  const found = /^(\d{9,11})-(\d{9,11})$/.exec(text);
  const [from, to] = [Number(found?.[1]), Number(found?.[2])];
  return found && from < to ? { from, to } : null;
}

/** A series of an earlier time, laid over the present one. */
export const moved = ([times, values]: Series, bySeconds: number): Series => [times.map((at) => at + bySeconds), values];
