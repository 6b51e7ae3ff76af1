// How old the page is: as old as the oldest answer that it shows. Pure.

export interface Shown {
  dataUpdatedAt: number; // epoch milliseconds; 0: no answer has come
}

const OFF_MS = 300_000; // without automatic refresh
const SLACK_MS = 20_000; // a request that is slow and asked once more

/** The time of the oldest answer; null before the first. */
export function oldest(shown: readonly Shown[]): number | null {
  const times = shown.map((one) => one.dataUpdatedAt).filter((at) => at > 0);
  return times.length ? Math.min(...times) : null;
}

/** Whether something should have been newer by now: two refreshes have not brought it. */
export const isLate = (updatedAt: number | null, intervalSeconds: number, now: number): boolean =>
  updatedAt !== null && now - updatedAt > (intervalSeconds ? 2000 * intervalSeconds + SLACK_MS : OFF_MS);
