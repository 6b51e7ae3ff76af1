// When the first view is drawn: at once where its answers come soon, otherwise as a frame first.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { paths } from "~/first/answers";

vi.mock("~/main", () => ({}));

const BODIES: Record<string, unknown> = {
  summary: { monitoring_enabled: true, total_projects: 4, healthy_projects: 3, unhealthy_projects: 1, health_percentage: 75, total_gaps: 2, total_duplicates: 0, stale_partitions: [], split_projects: 0 },
  alerts: { alerts: [], total: 0, next_cursor: null },
  stats: { success_rate_percentage: 100, failed_operations: 0, ended_operations: 9, window_minutes: 15 },
  projects: { projects: [], total: 0 },
  readiness: { ready: true, parts: { tables: "ok" }, recovery: { complete: true } },
};

let answer: () => void;

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  document.body.innerHTML = '<link id="ahead" rel="ahead"><div id="root"><div class="main"><div class="bone"></div></div></div>';
  const come = new Promise<void>((resolve) => (answer = resolve));
  const asked = Object.entries(paths("en")).map(([name, path]) => [new URL(path, document.baseURI).href, come.then(() => new Response(JSON.stringify(BODIES[name])))] as const);
  window.episodeMonitorAsked = new Map(asked);
});
afterEach(() => {
  vi.useRealTimers();
  delete window.episodeMonitorAsked;
});

const headings = () => [...document.querySelectorAll("#attention")].map((each) => each.textContent);
const ahead = () => document.getElementById("ahead")?.getAttribute("rel");
const values = () => [...document.querySelectorAll(".figure-value")].map((each) => each.textContent);

test("answers that come soon are the first that is drawn", async () => {
  await import("~/first/main");
  expect(document.querySelector(".top")).toBeNull();
  answer();
  await vi.waitFor(() => expect(values()).toEqual(["75 %", "100 %", "2", "0"]));
  expect(document.querySelectorAll("main[data-first]")).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(300);
  expect(values()).toEqual(["75 %", "100 %", "2", "0"]);
});

test("where they take longer there is a frame with its headings first, which they fill", async () => {
  await import("~/first/main");
  await vi.advanceTimersByTimeAsync(199);
  expect([headings(), ahead()]).toEqual([[], "ahead"]);
  await vi.advanceTimersByTimeAsync(1);
  expect([headings(), ahead()]).toEqual([["What needs you"], "preload"]);
  expect(values()).toEqual(["", "", "", ""]);
  const header = document.querySelector(".top");
  answer();
  await vi.waitFor(() => expect(values()).toEqual(["75 %", "100 %", "2", "0"]));
  expect(document.querySelector(".top")).toBe(header);
});
