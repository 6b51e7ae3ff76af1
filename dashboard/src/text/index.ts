// The page's words. Each key has its English and its Korean beside each other, so that none can be missing.

import { createContext, use } from "react";
import type { Language } from "~/logic/format";
import { filled } from "~/logic/say";
import { ALERTS } from "./alerts";
import { FIRST } from "./first";
import { FIRST_STEPS } from "./first-steps";
import { INTEGRITY } from "./integrity";
import { OVERVIEW } from "./overview";
import { SHELL } from "./shell";
import { WORK } from "./work";

export const TEXTS = { ...FIRST, ...SHELL, ...OVERVIEW, ...ALERTS, ...FIRST_STEPS, ...INTEGRITY, ...WORK };
export type TextKey = keyof typeof TEXTS;

type Given = Record<string, unknown>;

/** The text of a key in the language of the page; a key that is unknown, as it is. */
export const t = (key: TextKey, given?: Given): string => written(words.language, key, given);

export const written = (language: Language, key: TextKey, given?: Given): string => {
  const texts: readonly [string, string] | undefined = TEXTS[key];
  return texts ? filled(texts[language === "ko" ? 1 : 0], language, given) : key;
};

/** The language of the page. Who draws takes `useTranslation`, which follows it. */
export const words = { language: (document.documentElement.lang === "ko" ? "ko" : "en") as Language };

const Written = createContext({ t });
export const WrittenIn = Written.Provider;
export const useTranslation = () => use(Written);

export const hasText = (key: string): key is TextKey => key in TEXTS;

/** The text of a key made from data, or the data as it is. */
export const sayOr = (key: string, otherwise: string): string => (hasText(key) ? t(key) : otherwise);
