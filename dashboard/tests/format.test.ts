import { expect, test } from "vitest";
import { apart, count, duration, full, percent, relative, seconds } from "~/logic/format";
import { limitWith, withUnit } from "~/logic/units";

test("percentages are never rounded up to a hundred or down to nothing", () => {
  expect([100, 99.999, 98.345, 0.001, 0].map((value) => percent(value))).toEqual(["100 %", "99.99 %", "98.35 %", "0.01 %", "0 %"]);
  expect(percent(null)).toBe("–");
});

test("a value has as many digits as tell it from its threshold", () => {
  expect([apart(1.004, 1), apart(1, 1), apart(57.777, 5)]).toEqual(["1.004", "1", "57.8"]);
});

test("counts and seconds read as people write them", () => {
  expect([count(1234567), count(999), count(null), seconds(0.0145, "en"), seconds(5.529, "ko"), seconds(1234.5, "en")]).toEqual(["1,234,567", "999", "–", "14.5 ms", "5.53초", "1,230 s"]);
});

test("a duration names its two largest units", () => {
  expect([0, 59, 60, 3660, 90_061].map((value) => duration(value, "en"))).toEqual(["0 s", "59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
  expect(duration(3660, "ko")).toBe("1시간 1분");
});

test("a moment is told relative to now, in both directions", () => {
  const now = Date.UTC(2026, 0, 1);
  expect([now, now - 90_000, now + 7_200_000].map((at) => relative(at, now, "en"))).toEqual(["now", "2 min ago", "in 2 h"]);
  expect(relative(now - 90_000, now, "ko")).toBe("2분 전");
});

test("the zone is the chosen one", () => {
  const at = Date.UTC(2026, 0, 1, 15, 4, 5);
  expect(full(at, "en", "UTC")).toBe("01/01/2026, 15:04:05");
  expect(full(at, "en", "Asia/Seoul")).toBe("01/02/2026, 00:04:05");
});

test("the unit of a number is the alert type's", () => {
  expect([withUnit("SLOW_CREATION", "5", "ko"), withUnit("INTEGRITY_VIOLATION", "2", "en"), withUnit("NEW", "7", "en")]).toEqual(["5초", "findings: 2", "7"]);
  expect([limitWith("SLOW_CREATION", "5", "en"), limitWith("INTEGRITY_VIOLATION", "0", "en")]).toEqual(["5 s", "0"]);
});
