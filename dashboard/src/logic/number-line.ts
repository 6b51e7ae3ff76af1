// The numbers 1 … max of a project in so few cells that they stay legible: each cell says the worst of its numbers. Pure.

import type { Finding } from "~/api/types";

export type CellKind = "live" | "gap" | "duplicate" | "suspect" | "waived";

export interface Cell {
  first: number;
  last: number;
  kind: CellKind;
  gaps: number;
  duplicates: number;
  suspects: number;
  waived: number;
}

export interface Range {
  first: number;
  last: number;
}

const overlap = (cell: Range, finding: Range): number => Math.max(0, Math.min(cell.last, finding.last) - Math.max(cell.first, finding.first) + 1);

/** At most `most` cells over the range; each as wide as the others, so that places compare. */
export function numberLine(range: Range, findings: readonly Pick<Finding, "kind" | "state" | "first_number" | "last_number">[], most: number): Cell[] {
  const width = Math.max(1, Math.ceil((range.last - range.first + 1) / most));
  const sorted = findings.map((found) => ({ ...found, first: found.first_number, last: found.last_number })).sort((one, other) => one.first - other.first);
  const cells: Cell[] = [];
  for (let first = range.first; first <= range.last; first += width) {
    cells.push({ first, last: Math.min(range.last, first + width - 1), kind: "live", gaps: 0, duplicates: 0, suspects: 0, waived: 0 });
  }
  for (const found of sorted) {
    const from = Math.max(0, Math.floor((found.first - range.first) / width));
    const to = Math.min(cells.length - 1, Math.floor((found.last - range.first) / width));
    for (let place = from; place <= to; place += 1) {
      const cell = cells[place];
      if (cell) mark(cell, found.kind, found.state, overlap(cell, found));
    }
  }
  return cells;
}

const RANK: Record<CellKind, number> = { live: 0, waived: 1, suspect: 2, gap: 3, duplicate: 4 };

function mark(cell: Cell, kind: string, state: string, many: number): void {
  if (!many) return;
  const is: CellKind = state === "suspect" ? "suspect" : state === "waived" ? "waived" : kind === "duplicate" ? "duplicate" : "gap";
  if (is === "suspect") cell.suspects += many;
  else if (is === "waived") cell.waived += many;
  else if (is === "duplicate") cell.duplicates += many;
  else cell.gaps += many;
  if (RANK[is] > RANK[cell.kind]) cell.kind = is;
}

/** The range of an address, kept within 1 … max; all where it is none. */
export function rangeOf(text: string, max: number): Range {
  const found = /^(\d{1,10})-(\d{1,10})$/.exec(text);
  const all = { first: 1, last: Math.max(1, max) };
  if (!found) return all;
  const [first, last] = [Number(found[1]), Number(found[2])];
  return first >= 1 && last >= first && first <= all.last ? { first, last: Math.min(last, all.last) } : all;
}

/** Four times as much around the same middle. */
export function wider(range: Range, max: number): Range {
  const half = (range.last - range.first + 1) * 2;
  const middle = (range.first + range.last) / 2;
  return { first: Math.max(1, Math.floor(middle - half)), last: Math.min(max, Math.ceil(middle + half)) };
}
