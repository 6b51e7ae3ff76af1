// A text of the first view with what it is given, as i18next writes it (`text/index.ts`): `{name}`, or `{many, noun}`. Pure.

import { FIRST, type FirstKey } from "~/text/first";
import { NOUNS, type Noun } from "~/text/nouns";
import { count, type Language } from "./format";

export interface Told {
  key: FirstKey;
  given?: Record<string, string | number | null | undefined>;
}

export type Said = string | Told | { part: string; state?: string };

function counted(noun: Noun, value: number | null | undefined, language: Language): string {
  const [one, several, korean] = NOUNS[noun];
  return (language === "ko" ? korean : value === 1 ? one : several).replace("{shown}", count(value));
}

export function say(language: Language, key: FirstKey, given: Told["given"] = {}): string {
  const text: string = FIRST[key][language === "ko" ? 1 : 0];
  return text.replace(/\{(\w+)(?:, (\w+))?\}/g, (_, name: string, noun?: string) =>
    noun ? counted(noun as Noun, given[name] as number | null | undefined, language) : String(given[name] ?? ""),
  );
}

/** What is said in words of the page; a text of the data as it is. */
export function said(what: Said, language: Language): string {
  if (typeof what === "string") return what;
  if (!("part" in what)) return say(language, what.key, what.given);
  return what.state === undefined ? partName(what.part, language) : partText(what.part, what.state, language);
}

const isKey = (key: string): key is FirstKey => key in FIRST;

/** A part of the monitor, or its own name where another version has one more. */
export const partName = (part: string, language: Language): string => {
  const key = `part.${part}`;
  return isKey(key) ? say(language, key) : part;
};

/** What is wrong with a part of the monitor. Its own sentence is English: in Korean what it means stands before it. */
export function partText(part: string, state: string, language: Language): string {
  const key = `part.${part}.trouble`;
  return language === "ko" && isKey(key) ? `${say(language, key)} (${state})` : state;
}
