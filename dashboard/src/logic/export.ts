// What leaves the page: CSV, JSON and commands. Nothing of the data may act where it is pasted.

export type Cell = string | number | boolean | null | undefined;

const FORMULA = /^ *[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/; // as the monitor has it: after spaces, and of full width too

/** One cell: a text that a spreadsheet would take for a formula gets an apostrophe in front. */
export function csvCell(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** UTF-8 with a byte order mark, so that spreadsheets read Korean; lines end as RFC 4180 has it. */
export function csv(heads: string[], rows: Cell[][]): string {
  return `\uFEFF${[heads, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;
}

/** A word for a POSIX shell, whatever is in it. */
export const shellWord = (word: string): string => (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** `episode-monitor check -- -x`: an id that begins with a dash is not an option. */
export const command = (words: string[], operand?: string): string =>
  ["episode-monitor", ...words, ...(operand === undefined ? [] : [...(operand.startsWith("-") ? ["--"] : []), operand])].map(shellWord).join(" ");

export const curl = (address: string): string => `curl -s ${shellWord(address)}`;
