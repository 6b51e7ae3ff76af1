import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { fetched } from "~/api/early";
import { paths } from "~/first/answers";
import { reads } from "~/api/reads";

const ADDRESS = "http://localhost:3000/monitoring/episodes/integrity/summary";
afterEach(() => {
  delete window.episodeMonitorAsked;
  vi.unstubAllGlobals();
});

test("what was asked for before the page was loaded is taken once, and asked for again where it failed", async () => {
  vi.stubGlobal("fetch", vi.fn(async () => new Response("late")));
  const take = async () => (await fetched(new Request(ADDRESS))).text();
  window.episodeMonitorAsked = new Map([[ADDRESS, Promise.resolve(new Response("early"))]]);
  expect([await take(), await take()]).toEqual(["early", "late"]);
  window.episodeMonitorAsked = new Map([[ADDRESS, Promise.reject(new TypeError("gone"))]]);
  expect(await take()).toBe("late");
});

test("what is asked for early is what the overview asks, to the letter, otherwise all would be asked for twice; nothing of it waits for Kafka", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", vi.fn(async (request: Request) => (asked.push(request.url.slice(22)), new Response('{"parts": {}}', { headers: { "content-type": "application/json" } }))));
  for (const query of [reads.summary(), reads.alerts("en"), reads.stats(15), reads.projects({ status: "unhealthy", sort: "worst", limit: 20 }), reads.readiness()]) await (query.queryFn as (given: object) => unknown)({ signal: new AbortController().signal });
  const early = readFileSync("src/first/before-paint.js", "utf-8").replace('${root.lang === "ko" ? "ko" : "en"}', "en");
  expect(asked).toHaveLength(5);
  for (const path of asked) expect(early).toContain(path);
  expect(Object.values(paths("en"))).toEqual(expect.arrayContaining(asked));
  expect(early).not.toContain("dead-letters");
});
