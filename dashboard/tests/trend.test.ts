import { expect, test } from "vitest";
import type { AlertTransition, TrendPoint } from "~/api/types";
import { heartbeat } from "~/logic/heartbeat";
import { change, rangeOf, series, totals } from "~/logic/trend";

const HOUR = 3_600_000;
const at = (hour: number) => new Date(Date.UTC(2026, 0, 1) + hour * HOUR).toISOString();
const point = (hour: number, more: Partial<TrendPoint> = {}): TrendPoint =>
  ({ starts_at: at(hour), ends_at: at(hour + 1), attempted_operations: 100, ended_operations: 100, failed_operations: 1, conflicted_operations: 2, retried_operations: 0, failure_rate_percentage: 1, conflict_rate_percentage: 2, ...more }) as TrendPoint;

test("an interval without data is a gap in the line", () => {
  const [times, values] = series({ points: [point(0), point(1), point(4)], interval_seconds: 3600, as_of: at(9) }, "failure");
  expect(values).toEqual([1, 1, null, 1]);
  expect(times.map((time) => (time - Date.parse(at(0)) / 1000) / 3600)).toEqual([0, 1, 2, 4]);
});

test("the interval that is still being counted does not look like a fall: a minute is left out, of an hour only counts", () => {
  const points = [point(0), point(1)];
  const drawn = (interval_seconds: number, measure: "operations" | "failure", as_of: string) => series({ points, interval_seconds, as_of }, measure)[1];
  expect(drawn(3600, "operations", at(1.5))).toEqual([100, null]);
  expect(drawn(3600, "failure", at(1.5))).toEqual([1, 1]);
  expect(drawn(60, "failure", at(1.5)).at(-1)).toBeNull();
  expect(drawn(3600, "operations", at(2))).toEqual([100, 100]);
});

test("totals are of whole numbers, not averages of rates", () => {
  const points = [point(0, { ended_operations: 10, failed_operations: 10 }), point(1, { ended_operations: 990, failed_operations: 0 }), point(2)];
  expect(totals(points, Date.parse(at(0)), Date.parse(at(2)))).toEqual({ operations: 200, failure: 1, conflict: 2 });
  expect(totals([], 0, 1)).toEqual({ operations: 0, failure: null, conflict: null });
  expect([change(3, 2), change(3, 0), change(null, 2)]).toEqual([50, null, null]);
});

test("the heartbeat has 24 hours; one without operations is empty, not good", () => {
  const now = Date.parse(at(23)) + HOUR / 2;
  const fired = [{ at: at(22), reason: "threshold_crossed", alert: { status: "firing" } }] as unknown as AlertTransition[];
  const beats = heartbeat([point(23), point(22), point(21, { failure_rate_percentage: 1.1 }), point(20, { attempted_operations: 0 })], fired, now, { failure: 1, conflict: 5 });
  expect(beats).toHaveLength(24);
  expect(beats.slice(-5).map((beat) => beat.tone)).toEqual(["empty", "empty", "critical", "warning", "good"]);
});

test("a chart spans the hours asked for, to the end of the present interval", () => {
  const to = Date.parse(at(3)) / 1000;
  expect(rangeOf({ as_of: new Date(Date.UTC(2026, 0, 1, 2, 30)).toISOString(), interval_seconds: 3600 }, 24)).toEqual({ from: to - 24 * 3600, to });
});
