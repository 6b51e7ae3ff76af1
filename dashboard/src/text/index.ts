// The page's words. Each key has its English and its Korean beside each other, so that none can be missing.

import i18next from "i18next";
import { createContext, use } from "react";
import { count, type Language } from "~/logic/format";
import { ALERTS } from "./alerts";
import { FIRST } from "./first";
import { FIRST_STEPS } from "./first-steps";
import { INTEGRITY } from "./integrity";
import { NOUNS, type Noun } from "./nouns";
import { OVERVIEW } from "./overview";
import { SHELL } from "./shell";
import { WORK } from "./work";

export const TEXTS = { ...FIRST, ...SHELL, ...OVERVIEW, ...ALERTS, ...FIRST_STEPS, ...INTEGRITY, ...WORK };
export type TextKey = keyof typeof TEXTS;

type Given = Record<string, unknown>;

const inLanguage = (place: 0 | 1) => ({
  ...Object.fromEntries(Object.entries(TEXTS).map(([key, texts]) => [key, texts[place]])),
  ...Object.fromEntries(Object.entries(NOUNS).map(([noun, texts]) => [`n.${noun}_one`, texts[place * 2]])),
  ...Object.fromEntries(Object.entries(NOUNS).map(([noun, texts]) => [`n.${noun}_other`, texts[place + 1]])),
});

void i18next.init({
  resources: { en: { translation: inLanguage(0) }, ko: { translation: inLanguage(1) } },
  fallbackLng: "en",
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false, prefix: "{", suffix: "}" },
  initAsync: false,
  missingInterpolationHandler: () => "",
  showSupportNotice: false,
});

for (const noun of Object.keys(NOUNS) as Noun[]) {
  i18next.services.formatter?.add(noun, (value: number | null | undefined, language) =>
    i18next.t(`n.${noun}`, { count: value ?? 0, shown: count(value), lng: language }),
  );
}

const filled = { en: i18next.getFixedT("en"), ko: i18next.getFixedT("ko") };

/** The text of a key in the language of the page; a key that is unknown, as it is. */
export const t = (key: TextKey, given?: Given): string => written(words.language, key, given);

/** The same in a language. Most texts are given nothing, and a table of a thousand rows asks for many. */
export const written = (language: Language, key: TextKey, given?: Given): string => {
  const texts: readonly [string, string] | undefined = TEXTS[key];
  return texts && !given ? texts[language === "ko" ? 1 : 0] : filled[language](key, given ?? {});
};

/** The language of the page. Who draws takes `useTranslation`, which follows it. */
export const words = { language: (document.documentElement.lang === "ko" ? "ko" : "en") as Language };

const Written = createContext({ t });
export const WrittenIn = Written.Provider;
export const useTranslation = () => use(Written);

export const hasText = (key: string): key is TextKey => key in TEXTS;

/** The text of a key made from data, or the data as it is. */
export const sayOr = (key: string, otherwise: string): string => (hasText(key) ? t(key) : otherwise);
