// How a number of an alert reads: the monitor serves the unit of each alert type, so that a new type needs no new page.

import { UNITS } from "./alert-types.js";
import type { Language } from "./format";

export function withUnit(alertType: string, number: string, language: Language): string {
  const [english, korean] = UNITS[alertType] ?? ["{0}", "{0}"];
  return (language === "ko" ? korean : english).replace("{0}", number);
}
