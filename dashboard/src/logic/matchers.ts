// Conditions on labels, as Alertmanager writes them: `severity=critical`, `project_id=~proj_.*`. Pure.

import type { Matcher } from "~/api/types";

const WRITTEN = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s;

export const matcherText = ({ name, operator, value }: Matcher): string => `${name}${operator}${/^[\w.:@/-]*$/.test(value) ? value : JSON.stringify(value)}`;

/** One matcher a line; null where a line is none. */
export function parseMatchers(text: string): (Matcher | null)[] {
  return text
    .split("\n")
    .filter((line) => line.trim())
    .map((line) => {
      const found = WRITTEN.exec(line);
      if (!found) return null;
      const [, name = "", operator = "=", value = ""] = found;
      return { name, operator: operator as Matcher["operator"], value: unquoted(value) };
    });
}

function unquoted(value: string): string {
  if (!/^".*"$/s.test(value)) return value;
  try {
    return JSON.parse(value) as string;
  } catch {
    return value.slice(1, -1);
  }
}
