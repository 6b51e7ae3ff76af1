import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render } from "@testing-library/react";
import { HashRouter } from "react-router";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Header } from "~/app/Header";
import { PreferencesProvider } from "~/app/preferences";
import { RefreshProvider } from "~/app/refresh";
import { paths, take, type Answers } from "~/first/answers";
import { tabBar } from "~/first/frame";
import { handOn } from "~/first/hand-on";
import { overview } from "~/first/overview";
import type { Language } from "~/logic/format";
import { partName, say } from "~/logic/say";
import { Overview } from "~/pages/overview/Overview";
import { t, words } from "~/text";
import { FIRST, type FirstKey } from "~/text/first";

const NAME = "<b>{title}</b>";
const alert = (project_id: string, given: object = {}) => ({
  alert_key: `episode_integrity:${project_id}`, alert_type: "INTEGRITY_VIOLATION", rule_id: "episode_integrity", severity: "critical", status: "firing", project_id,
  title: `Numbers have gaps (${project_id})`, description: `${project_id} has 1 gap.`, starts_at: "2026-01-01T00:00:00Z", acknowledged_by: null, silenced_by: [], silenced_until: null, ...given,
});
const summary = { total_projects: 1200, healthy_projects: 1198, unhealthy_projects: 2, health_percentage: 99.83, total_gaps: 1, total_duplicates: 2, stale_partitions: [3], split_projects: 1 };
const stats = { success_rate_percentage: 99.5, failed_operations: 5, ended_operations: 1000, window_minutes: 15 };
const ready = { ready: true, parts: { broker: "ok", files: "rules.yaml was refused." }, recovery: { complete: true, partitions: 4, partitions_live: 4 }, lag: 0 };
const TROUBLED = {
  summary, stats, readiness: ready,
  alerts: { total: 16, alerts: [alert(NAME), alert("_fleet", { severity: "warning", alert_type: "HIGH_FAILURE_RATE" }), ...Array.from({ length: 14 }, (_, place) => alert(`p${place}`, { severity: "info" }))], values_are_current: true },
  projects: { total: 1, projects: [{ project_id: "gappy", is_healthy: false, gaps_total: 1, duplicates_total: 0 }] },
};
const CALM = { summary: { ...summary, unhealthy_projects: 0, total_gaps: 0, total_duplicates: 0, stale_partitions: [], split_projects: 0 }, stats: { ...stats, failed_operations: 0 }, readiness: { ...ready, parts: { broker: "ok" } }, alerts: { total: 0, alerts: [], values_are_current: true }, projects: { total: 0, projects: [] } };

beforeEach(() => {
  vi.stubGlobal("fetch", vi.fn(() => new Promise(() => {})));
  Object.assign(window, { matchMedia: () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }), scrollTo: () => {} });
  localStorage.clear();
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  delete window.episodeMonitorAsked;
});

function answered(language: Language, bodies: object, statuses: Record<string, number> = {}): void {
  const found = Object.entries(paths(language)).map(([name, path]) => [new URL(path, document.baseURI).href, Promise.resolve(new Response(JSON.stringify(bodies[name as never]), { status: statuses[name] ?? 200 }))] as const);
  window.episodeMonitorAsked = new Map(found);
}

async function takenOver(): Promise<ParentNode> {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 5000 } } });
  handOn(queries);
  return render(
    <MantineProvider withCssVariables={false}>
      <QueryClientProvider client={queries}>
        <PreferencesProvider><RefreshProvider><HashRouter><Header help={() => {}} /><Overview /></HashRouter></RefreshProvider></PreferencesProvider>
      </QueryClientProvider>
    </MantineProvider>,
  ).container;
}

test.each([["troubled", "en", TROUBLED], ["troubled", "ko", TROUBLED], ["calm", "en", CALM], ["calm", "ko", CALM]] as const)("nothing changes when the page takes over a %s first view in %s", async (_, language, bodies) => {
  words.language = language;
  answered(language, bodies);
  const answers: Answers = await take(language, () => false);
  const first = overview(answers, language, Date.now());
  const bar = tabBar(answers, language, "").outerHTML;
  const page = await takenOver();
  const drawn = (part: string) => page.querySelector(part)?.outerHTML.replaceAll(' data-discover="true"', ""); // of the router, invisible
  for (const part of [".figures", ".attention"]) expect(first.querySelector(part)?.outerHTML).toBe(drawn(part));
  expect(bar).toBe(drawn(".tabs"));
  expect(vi.mocked(fetch).mock.calls.map(([asked]) => (asked as Request).url).filter((url) => Object.values(paths(language)).some((path) => url.endsWith(path)))).toEqual([]);
});

test("the first view shows the worst, counts all, and hostile names are text", async () => {
  answered("en", TROUBLED);
  const first = overview(await take("en", () => false), "en", Date.now());
  expect([...first.querySelectorAll(".figure-value")].map((one) => one.textContent)).toEqual(["99.83 %", "99.5 %", "3", "16"]);
  expect(first.querySelector("#attention")?.textContent).toBe("20 things need you");
  expect([...first.querySelectorAll(".need")].slice(0, 4).map((one) => one.querySelector("p")?.textContent)).toEqual(["Part of the fleet is out of date", "Projects in several partitions: 1", "Files", `${NAME} · Numbers have gaps`]);
  expect(first.querySelector("b")).toBeNull();
});

test("where an answer is missing, late or a failure, none is taken: the page asks and says what is wrong", async () => {
  answered("en", TROUBLED, { summary: 503 });
  await expect(take("en", () => false)).rejects.toThrow();
  expect(window.episodeMonitorAsked?.size).toBe(5);
  answered("en", TROUBLED);
  await expect(take("en", () => true)).rejects.toThrow();
  expect(window.episodeMonitorAsked?.size).toBe(5);
  answered("en", { ...TROUBLED, summary: { monitoring_enabled: false } });
  await expect(take("en", () => false)).rejects.toThrow();
});

test("a monitor that is not ready still says of which part, and that is drawn", async () => {
  answered("en", { ...TROUBLED, readiness: { ...ready, ready: false } }, { readiness: 503 });
  expect((await take("en", () => false)).readiness.ready).toBe(false);
});

test("a text of the first view reads as the page writes it", async () => {
  const given = { letters: 2, many: 1, gaps: 1, duplicates: 2, total: 1200, healthy: "3", failed: "1", ended: "2", minutes: 15, critical: "4", more: "5", partitions: 2, projects: 1, live: 3 };
  for (const language of ["en", "ko"] as const) {
    words.language = language;
    for (const key of Object.keys(FIRST) as FirstKey[]) expect(say(language, key, given)).toBe(t(key, given));
  }
  expect(partName("of_another_version", "en")).toBe("of_another_version");
});
