// What the overview shows first, asked for by `before-paint.js`. Taken here all at once, and handed on to the page.

import type { ActiveAlert, ProjectRow, Readiness, Stats, Summary, SwitchedOff } from "~/api/types";
import { MOST_PROJECTS, WINDOW_MINUTES } from "~/logic/overview";
import type { Language } from "~/logic/format";

export interface Answers {
  at: number; // epoch milliseconds
  language: Language;
  summary: Summary | SwitchedOff;
  alerts: { alerts: ActiveAlert[]; total: number; next_cursor?: string | null };
  stats: Stats;
  projects: { projects: ProjectRow[]; total: number };
  readiness: Readiness;
}

const ROOT = "monitoring/episodes";

/** The paths in the order of `Answers`; the same as those of `api/reads.ts`, to the letter. */
export const paths = (language: Language): Record<Exclude<keyof Answers, "at" | "language">, string> => ({
  summary: `${ROOT}/integrity/summary`,
  alerts: `${ROOT}/alerts/active?limit=1000&language=${language}`,
  stats: `${ROOT}/performance/stats?window_minutes=${WINDOW_MINUTES}`,
  projects: `${ROOT}/integrity/projects?status=unhealthy&sort=worst&limit=${MOST_PROJECTS}`,
  readiness: "readyz",
});

let taken: Answers | undefined;

/** Those that the first view has; once. */
export function handedOn(): Answers | undefined {
  const answers = taken;
  taken = undefined;
  return answers;
}

/** Throws where one is missing or has failed, or the page has begun: nothing is taken then, and the page asks and says what is wrong. */
export async function take(language: Language, isOver: () => boolean): Promise<Answers> {
  const asked = Object.entries(paths(language)).map(([name, path]) => [name, new URL(path, document.baseURI).href] as const);
  const responses = await Promise.all(asked.map(([, address]) => window.episodeMonitorAsked?.get(address)));
  if (isOver() || !responses.every((response, place) => response?.ok || (response?.status === 503 && asked[place]?.[0] === "readiness"))) throw new Error("not all answers are there");
  for (const [, address] of asked) window.episodeMonitorAsked?.delete(address);
  const bodies = await Promise.all(responses.map((response) => response?.json()));
  const found = { at: Date.now(), language, ...Object.fromEntries(asked.map(([name], place) => [name, bodies[place] as unknown])) } as unknown as Answers;
  if (found.summary.monitoring_enabled === false || !found.readiness.parts) throw new Error("there are no figures");
  taken = found;
  return found;
}
