// Every question the page asks: its key in the cache, and its request.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { headersWith } from "~/app/actor";
import { api, ApiError, ok, within } from "./client";
import type { paths } from "./schema";
import { words } from "~/text";
import type { ActiveAlert, Readiness } from "./types";

const ROOT = "/monitoring/episodes";
type QueryOf<P extends keyof paths> = paths[P] extends { get: { parameters: { query?: infer Q } } } ? Q : never;

export type ProjectsAsked = NonNullable<QueryOf<"/monitoring/episodes/integrity/projects">>;
export type HistoryAsked = NonNullable<QueryOf<"/monitoring/episodes/alerts/history">>;
export type AuditAsked = NonNullable<QueryOf<"/monitoring/episodes/audit">>;
export type SilencesAsked = NonNullable<QueryOf<"/monitoring/episodes/silences">>;
export type LettersAsked = NonNullable<QueryOf<"/monitoring/episodes/dead-letters">>;

/** Titles and sentences come in the language of the page. */
export const speaks = (): "en" | "ko" => words.language;

/** 503 with parts is an answer too: the worker is there, and says what is not. */
async function readiness(signal: AbortSignal): Promise<Readiness> {
  try {
    const { data, error } = await api.GET("/readyz", { signal: within(signal) });
    const body = data ?? (error as unknown as Readiness | undefined);
    if (body?.parts) return body;
  } catch {
    // below
  }
  throw new ApiError(0, "no_answer", "");
}

/** Every active alert, page after page. */
export async function allAlerts(): Promise<ActiveAlert[]> {
  const found: ActiveAlert[] = [];
  let cursor: string | undefined;
  do {
    const page = await ok(api.GET(`${ROOT}/alerts/active`, { params: { query: { limit: 1000, language: speaks(), cursor } }, signal: within() }));
    found.push(...page.alerts);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return found;
}

export const reads = {
  readiness: () => queryOptions({ queryKey: ["readiness"], queryFn: ({ signal }) => readiness(signal) }),
  /** Of a monitor that knows no such route nothing is claimed: null. */
  caller: (token: string) =>
    queryOptions({
      queryKey: ["caller", token],
      staleTime: 60_000,
      retry: false,
      queryFn: async ({ signal }) => {
        try {
          return await ok(api.GET(`${ROOT}/whoami`, { headers: headersWith(token), signal: within(signal) }));
        } catch (error) {
          if (error instanceof ApiError && error.status === 404) return null;
          throw error;
        }
      },
    }),
  summary: () =>
    queryOptions({ queryKey: ["summary"], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/integrity/summary`, { signal: within(signal) })) }),
  projects: (query: ProjectsAsked) =>
    queryOptions({ queryKey: ["projects", query], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/integrity/projects`, { params: { query }, signal: within(signal) })) }),
  project: (project_id: string) =>
    queryOptions({ queryKey: ["project", project_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/integrity/project`, { params: { query: { project_id } }, signal: within(signal) })) }),
  findings: (project_id: string) =>
    queryOptions({ queryKey: ["findings", project_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/integrity/findings`, { params: { query: { project_id } }, signal: within(signal) })) }),
  drift: (project_id: string) =>
    queryOptions({ queryKey: ["drift", project_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/integrity/drift`, { params: { query: { project_id } }, signal: within(signal) })) }),
  stats: (window_minutes: number, project_id?: string) =>
    queryOptions({ queryKey: ["stats", window_minutes, project_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/performance/stats`, { params: { query: { window_minutes, project_id } }, signal: within(signal) })) }),
  ranking: (window_minutes: number) =>
    queryOptions({ queryKey: ["ranking", window_minutes], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/performance/projects`, { params: { query: { window_minutes } }, signal: within(signal) })) }),
  retries: (project_id?: string) =>
    queryOptions({ queryKey: ["retries", project_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/performance/retries`, { params: { query: { project_id } }, signal: within(signal) })) }),
  trend: (hours: number, project_id?: string, before_hours = 0) =>
    queryOptions({ queryKey: ["trend", hours, project_id, before_hours], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/performance/trend`, { params: { query: { hours, project_id, before_hours } }, signal: within(signal) })) }),
  alerts: (language = speaks()) =>
    queryOptions({ queryKey: ["alerts", language], placeholderData: keepPreviousData, queryFn: ({ signal }) => ok(api.GET(`${ROOT}/alerts/active`, { params: { query: { limit: 1000, language } }, signal: within(signal) })) }),
  groups: () => queryOptions({ queryKey: ["alerts", "groups"], queryFn: ({ signal }) => ok(api.GET("/api/v2/alerts/groups", { signal: within(signal) })) }),
  alert: (alert_key: string, language = speaks()) =>
    queryOptions({ queryKey: ["alert", alert_key, language], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/alerts/{alert_key}`, { params: { path: { alert_key }, query: { language } }, signal: within(signal) })) }),
  history: (query: HistoryAsked) =>
    queryOptions({ queryKey: ["history", query], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/alerts/history`, { params: { query }, signal: within(signal) })) }),
  silences: (query: SilencesAsked) =>
    queryOptions({ queryKey: ["silences", query], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/silences`, { params: { query }, signal: within(signal) })) }),
  silence: (silence_id: string) =>
    queryOptions({ queryKey: ["silence", silence_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/silences/{silence_id}`, { params: { path: { silence_id } }, signal: within(signal) })) }),
  onCall: () => queryOptions({ queryKey: ["oncall"], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/oncall`, { signal: within(signal) })) }),
  overrides: () => queryOptions({ queryKey: ["overrides"], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/oncall/overrides`, { signal: within(signal) })) }),
  rules: () => queryOptions({ queryKey: ["rules"], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/rules`, { signal: within(signal) })) }),
  statistics: (from: string) =>
    queryOptions({ queryKey: ["statistics", from], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/alerts/statistics`, { params: { query: { from } }, signal: within(signal) })) }),
  receivers: (language = speaks()) => queryOptions({ queryKey: ["receivers", language], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/receivers`, { params: { query: { language } }, signal: within(signal) })) }),
  letters: (query: LettersAsked) =>
    queryOptions({ queryKey: ["letters", query], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/dead-letters`, { params: { query }, signal: within(signal) })) }),
  jobs: (language = speaks()) => queryOptions({ queryKey: ["jobs", language], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/jobs`, { params: { query: { limit: 50, language } }, signal: within(signal) })) }),
  replays: (language = speaks()) => queryOptions({ queryKey: ["replays", language], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/replays`, { params: { query: { limit: 50, language } }, signal: within(signal) })) }),
  replay: (job_id: string, language = speaks()) =>
    queryOptions({ queryKey: ["replay", job_id, language], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/replays/{job_id}`, { params: { path: { job_id }, query: { language } }, signal: within(signal) })) }),
  audit: (query: AuditAsked) =>
    queryOptions({ queryKey: ["audit", query], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/audit`, { params: { query }, signal: within(signal) })) }),
  plans: (project_id?: string) =>
    queryOptions({ queryKey: ["plans", project_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/repair-plans`, { params: { query: { project_id, limit: 100 } }, signal: within(signal) })) }),
  plan: (plan_id: string) =>
    queryOptions({ queryKey: ["plan", plan_id], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/repair-plans/{plan_id}`, { params: { path: { plan_id } }, signal: within(signal) })) }),
  automatic: () => queryOptions({ queryKey: ["automatic"], queryFn: ({ signal }) => ok(api.GET(`${ROOT}/automatic-repair`, { signal: within(signal) })) }),
};
