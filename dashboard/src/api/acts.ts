// Every change the page makes. Each takes the headers of the person who acts and throws ApiError.

import { api, ok } from "./client";
import { speaks } from "./reads";
import type { components } from "./schema";

const ROOT = "/monitoring/episodes";
export type Headers = Record<string, string>;
export type AlertVerb = "acknowledge" | "unacknowledge" | "silence" | "resolve";
type Shapes = components["schemas"];

export const acts = {
  alert: (verb: AlertVerb, alert_key: string, body: { by: string; comment: string; minutes?: number }, headers: Headers) =>
    ok(api.POST(`${ROOT}/alerts/{alert_key}/${verb}`, { params: { path: { alert_key } }, body, headers })),
  silence: (body: Shapes["SilenceBody"], headers: Headers) => ok(api.POST(`${ROOT}/silences`, { params: { query: { language: speaks() } }, body, headers })),
  changeSilence: (silence_id: string, body: Shapes["SilenceBody"], headers: Headers) =>
    ok(api.PUT(`${ROOT}/silences/{silence_id}`, { params: { path: { silence_id }, query: { language: speaks() } }, body, headers })),
  expireSilence: (silence_id: string, by: string, headers: Headers) => ok(api.DELETE(`${ROOT}/silences/{silence_id}`, { params: { path: { silence_id }, query: { by } }, headers })),
  override: (body: Shapes["OverrideBody"], headers: Headers) => ok(api.POST(`${ROOT}/oncall/overrides`, { body, headers })),
  removeOverride: (override_id: string, by: string, headers: Headers) =>
    ok(api.DELETE(`${ROOT}/oncall/overrides/{override_id}`, { params: { path: { override_id }, query: { by } }, headers })),
  letter: (verb: "retry" | "discard", letter_id: string, body: { by: string; comment: string }, headers: Headers) =>
    ok(api.POST(`${ROOT}/dead-letters/{letter_id}/${verb}`, { params: { path: { letter_id }, query: { language: speaks() } }, body, headers })),
  tryReceiver: (name: string, by: string, headers: Headers) => ok(api.POST(`${ROOT}/receivers/{name}/test`, { params: { path: { name }, query: { language: speaks() } }, body: { by }, headers })),
  reloadRules: (by: string, headers: Headers) => ok(api.POST(`${ROOT}/rules/reload`, { params: { query: { language: speaks() } }, body: { by }, headers })),
  backtest: (body: Shapes["BacktestBody"], headers: Headers) => ok(api.POST(`${ROOT}/rules/backtest`, { params: { query: { language: speaks() } }, body, headers })),
  check: (deep_check: boolean, by: string, headers: Headers) => ok(api.POST(`${ROOT}/jobs/integrity/run-check`, { params: { query: { deep_check } }, body: { by }, headers })),
  cancelJob: (job_id: string, by: string, headers: Headers) => ok(api.POST(`${ROOT}/jobs/{job_id}/cancel`, { params: { path: { job_id } }, body: { by }, headers })),
  replay: (body: Shapes["ReplayBody"], headers: Headers) => ok(api.POST(`${ROOT}/replays`, { params: { query: { language: speaks() } }, body, headers })),
  cancelReplay: (job_id: string, by: string, headers: Headers) =>
    ok(api.POST(`${ROOT}/replays/{job_id}/cancel`, { params: { path: { job_id } }, body: { by }, headers })),
  waive: (project_id: string, finding_id: string, body: { by: string; reason: string; minutes: number }, headers: Headers) =>
    ok(api.POST(`${ROOT}/integrity/findings/{finding_id}/waive`, { params: { path: { finding_id }, query: { project_id } }, body: { ...body, until: null }, headers })),
  plan: (project_id: string, body: { by: string; strategy: Shapes["Strategy"] }, headers: Headers) =>
    ok(api.POST(`${ROOT}/repair-plans`, { params: { query: { project_id } }, body, headers })),
  onPlan: (verb: "approve" | "apply" | "rollback", plan_id: string, body: { by: string; confirm: string; with_newer: boolean }, headers: Headers) =>
    ok(api.POST(`${ROOT}/repair-plans/{plan_id}/${verb}`, { params: { path: { plan_id } }, body, headers })),
  automatic: (paused: boolean, by: string, headers: Headers) => ok(api.POST(`${ROOT}/automatic-repair`, { body: { paused, by }, headers })),
};
