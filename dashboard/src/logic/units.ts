// How a number of an alert reads: the monitor serves the unit of each alert type, so that a new type needs no new page.

import { UNITS } from "./alert-types.js";
import type { Language } from "./format";

export function withUnit(alertType: string, number: string, language: Language): string {
  const [english, korean] = UNITS[alertType] ?? ["{0}", "{0}"];
  return (language === "ko" ? korean : english).replace("{0}", number);
}

/** A threshold beside a value that has named its unit: only a sign that follows the number is repeated. */
export const limitWith = (alertType: string, number: string, language: Language): string =>
  UNITS[alertType]?.[0].startsWith("{0}") ? withUnit(alertType, number, language) : number;
