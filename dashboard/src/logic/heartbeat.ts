// The last 24 hours as one cell an hour. An hour without events is a gap in the data, not a good hour. Pure.

import type { AlertTransition, TrendPoint } from "~/api/types";

const HOUR_MS = 3_600_000;

export interface Beat {
  startsAt: number;
  point: TrendPoint | null;
  tone: "good" | "warning" | "critical" | "empty";
  fired: number; // alerts that began in this hour
}

const hourOf = (at: string): number => Math.floor(Date.parse(at) / HOUR_MS) * HOUR_MS;

/** Hours end with the present one. `limits`: the failure and conflict rates, in percent, above which rules fire. */
export function heartbeat(points: readonly TrendPoint[], transitions: readonly AlertTransition[], now: number, limits: { failure: number; conflict: number }): Beat[] {
  const last = Math.floor(now / HOUR_MS) * HOUR_MS;
  const byHour = new Map(points.map((point) => [hourOf(point.starts_at), point]));
  const began = new Map<number, number>();
  for (const { alert, reason, at } of transitions) {
    if (alert["status"] === "firing" && reason !== "still_firing") began.set(hourOf(at), (began.get(hourOf(at)) ?? 0) + 1);
  }
  return Array.from({ length: 24 }, (_, place) => {
    const startsAt = last - (23 - place) * HOUR_MS;
    const point = byHour.get(startsAt) ?? null;
    const fired = began.get(startsAt) ?? 0;
    return { startsAt, point, fired, tone: toneOf(point, fired, limits) };
  });
}

function toneOf(point: TrendPoint | null, fired: number, limits: { failure: number; conflict: number }): Beat["tone"] {
  if (!point || !point.attempted_operations) return "empty";
  if ((point.failure_rate_percentage ?? 0) > limits.failure || (point.conflict_rate_percentage ?? 0) > limits.conflict) return "critical";
  return fired ? "warning" : "good";
}
