import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listen } from "~/app/stream";
import { isLate, oldest } from "~/logic/freshness";

test("a page is as old as the oldest answer on it, so that one part alone does not make it newer", () => {
  expect(oldest([{ dataUpdatedAt: 0 }])).toBeNull();
  expect(oldest([{ dataUpdatedAt: 5000 }, { dataUpdatedAt: 9000 }, { dataUpdatedAt: 0 }])).toBe(5000);
});

test("an answer that two refreshes have not made newer is late; without automatic refresh it takes five minutes", () => {
  expect([81_000, 82_000].map((now) => isLate(1000, 30, now))).toEqual([false, true]);
  expect([301_000, 302_000].map((now) => isLate(1000, 0, now))).toEqual([false, true]);
  expect(isLate(null, 30, 1e12)).toBe(false);
});

class FakeSource {
  static readonly CLOSED = 2;
  static made: FakeSource[] = [];
  readyState = 0;
  onopen = () => {};
  onerror = () => {};
  onmessage: (event: { data: string }) => void = () => {};
  close = vi.fn();
  constructor(readonly url: string) {
    FakeSource.made.push(this);
  }
}

beforeEach(() => {
  FakeSource.made = [];
  vi.stubGlobal("EventSource", FakeSource);
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a lost stream is told once, and once more when it is back; the first connection is no news", () => {
  const said: string[] = [];
  listen("./stream", { note: (text) => said.push(text), lost: () => said.push("lost"), back: () => said.push("back") });
  const [source] = FakeSource.made as [FakeSource];
  source.onopen();
  source.onmessage({ data: "{}" });
  expect(said).toEqual(["{}"]);
  source.onerror();
  source.onerror();
  source.onopen();
  source.onopen();
  expect(said).toEqual(["{}", "lost", "back"]);
});

test("where the answer is no stream, as from a proxy without its monitor, it is asked for again later", () => {
  const said: string[] = [];
  const end = listen("./stream", { note: () => {}, lost: () => said.push("lost"), back: () => said.push("back") });
  const refused = FakeSource.made[0] as FakeSource;
  refused.readyState = FakeSource.CLOSED;
  refused.onerror();
  vi.advanceTimersByTime(9000);
  expect(FakeSource.made).toHaveLength(1);
  vi.advanceTimersByTime(1000);
  FakeSource.made[1]?.onopen();
  expect(said).toEqual(["lost", "back"]);
  end();
  expect(FakeSource.made[1]?.close).toHaveBeenCalled();
});
