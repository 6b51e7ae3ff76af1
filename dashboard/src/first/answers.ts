// What the overview shows first, asked for by `before-paint.js`. Taken here all at once, and handed on to the page.

import type { ActiveAlert, ProjectRow, Readiness, Stats, Summary, SwitchedOff } from "~/api/types";
import { WINDOW_MINUTES } from "~/logic/overview";
import type { Language } from "~/logic/format";

/** Those that are drawn, and counts of all: reading a thousand alerts takes longer than all else of the first view. */
export interface WorstAlerts {
  alerts: ActiveAlert[];
  total: number;
  critical: number;
  fires_critical: boolean;
  unseen: number; // wait for a person as well
  told: string[]; // of the projects beside them, those that have alerts
}

export interface Answers {
  at: number; // epoch milliseconds
  language: Language;
  summary: Summary | SwitchedOff;
  first: { alerts: WorstAlerts; projects: { projects: ProjectRow[]; total: number } };
  stats: Stats;
  readiness: Readiness;
  letters: { total: number };
}

const ROOT = "monitoring/episodes";

/** All but the first are the same as those of `api/reads.ts`, to the letter. */
export const paths = (language: Language): Record<Exclude<keyof Answers, "at" | "language">, string> => ({
  summary: `${ROOT}/integrity/summary`,
  first: `${ROOT}/first-view?language=${language}`,
  stats: `${ROOT}/performance/stats?window_minutes=${WINDOW_MINUTES}`,
  readiness: "readyz",
  letters: `${ROOT}/dead-letters?limit=1`,
});

export const allAlerts = (language: Language): string => `${ROOT}/alerts/active?limit=1000&language=${language}`;

const addressOf = (path: string) => new URL(path, document.baseURI).href;

/** Asks for what the page shows besides, to be there when it begins. */
export function askAhead(language: Language): void {
  const asked = fetch(`./${allAlerts(language)}`, { cache: "no-cache" });
  asked.catch(() => undefined); // asked again by the page
  window.episodeMonitorAsked?.set(addressOf(allAlerts(language)), asked);
}

let taken: Answers | undefined;

/** Those that the first view has; once. */
export function handedOn(): Answers | undefined {
  const answers = taken;
  taken = undefined;
  return answers;
}

/** Throws where one is missing or has failed, or the page has begun: nothing is taken then, and the page asks and says what is wrong. */
export async function take(language: Language, isOver: () => boolean): Promise<Answers> {
  const asked = Object.entries(paths(language)).map(([name, path]) => [name, addressOf(path)] as const);
  const responses = await Promise.all(asked.map(([, address]) => window.episodeMonitorAsked?.get(address)));
  if (isOver() || !responses.every((response, place) => response?.ok || (response?.status === 503 && asked[place]?.[0] === "readiness"))) throw new Error("not all answers are there");
  for (const [, address] of asked) window.episodeMonitorAsked?.delete(address);
  const bodies = await Promise.all(responses.map((response) => response?.json()));
  const found = { at: Date.now(), language, ...Object.fromEntries(asked.map(([name], place) => [name, bodies[place] as unknown])) } as unknown as Answers;
  if (found.summary.monitoring_enabled === false || !found.readiness.parts) throw new Error("there are no figures");
  taken = found;
  return found;
}
