import { expect, test } from "vitest";
import { numberLine, rangeOf, wider } from "~/logic/number-line";

const found = (kind: string, state: string, first_number: number, last_number = first_number) => ({ kind, state, first_number, last_number });

test("a short line has a cell a number", () => {
  const cells = numberLine({ first: 1, last: 5 }, [found("gap", "open", 2), found("duplicate", "open", 4)], 100);
  expect(cells.map((cell) => cell.kind)).toEqual(["live", "gap", "live", "duplicate", "live"]);
});

test("a cell of many numbers says the worst of them and counts each kind", () => {
  const [first, second] = numberLine({ first: 1, last: 200 }, [found("gap", "open", 90, 110), found("duplicate", "open", 95), found("gap", "suspect", 150)], 2);
  expect(first).toEqual({ first: 1, last: 100, kind: "duplicate", gaps: 11, duplicates: 1, suspects: 0, waived: 0 });
  expect(second).toEqual({ first: 101, last: 200, kind: "gap", gaps: 10, duplicates: 0, suspects: 1, waived: 0 });
});

test("a hundred thousand numbers become at most as many cells as asked for, and no number is left out", () => {
  const cells = numberLine({ first: 1, last: 100_000 }, [found("gap", "open", 100_000)], 120);
  expect(cells.length).toBeLessThanOrEqual(120);
  expect(cells.at(-1)).toMatchObject({ last: 100_000, kind: "gap", gaps: 1 });
  expect(cells.reduce((sum, cell) => sum + cell.last - cell.first + 1, 0)).toBe(100_000);
});

test("a waived finding is not a gap", () => {
  expect(numberLine({ first: 1, last: 1 }, [found("gap", "waived", 1)], 10)[0]).toMatchObject({ kind: "waived", gaps: 0, waived: 1 });
});

test("a range of the address is kept within the numbers, and all where it is none", () => {
  expect(rangeOf("3-7", 10)).toEqual({ first: 3, last: 7 });
  expect(rangeOf("3-70", 10)).toEqual({ first: 3, last: 10 });
  for (const wrong of ["", "7-3", "0-5", "11-12", "x-y", "1e3-5"]) expect(rangeOf(wrong, 10)).toEqual({ first: 1, last: 10 });
  expect(wider({ first: 40, last: 50 }, 100)).toEqual({ first: 23, last: 67 });
});
