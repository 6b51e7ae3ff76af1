// The page's words. Each key has its English and its Korean beside each other, so that none can be missing.

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { count } from "~/logic/format";
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

const inLanguage = (place: 0 | 1) => ({
  ...Object.fromEntries(Object.entries(TEXTS).map(([key, texts]) => [key, texts[place]])),
  ...Object.fromEntries(Object.entries(NOUNS).map(([noun, texts]) => [`n.${noun}_one`, texts[place * 2]])),
  ...Object.fromEntries(Object.entries(NOUNS).map(([noun, texts]) => [`n.${noun}_other`, texts[place + 1]])),
});

declare module "i18next" {
  interface CustomTypeOptions {
    keySeparator: false;
    nsSeparator: false;
    returnNull: false;
    resources: { translation: Record<TextKey, string> };
  }
}

void i18next.use(initReactI18next).init({
  resources: { en: { translation: inLanguage(0) }, ko: { translation: inLanguage(1) } },
  lng: document.documentElement.lang === "ko" ? "ko" : "en",
  fallbackLng: "en",
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false, prefix: "{", suffix: "}" },
  react: { useSuspense: false },
  initAsync: false,
  showSupportNotice: false,
});

for (const noun of Object.keys(NOUNS) as Noun[]) {
  i18next.services.formatter?.add(noun, (value: number | null | undefined, language) =>
    i18next.t(`n.${noun}` as TextKey, { count: value ?? 0, shown: count(value, language === "ko" ? "ko" : "en"), lng: language }),
  );
}

export { i18next };

export const hasText = (key: string): key is TextKey => key in TEXTS;

/** The text of a key made from data, or the data as it is. */
export const sayOr = (key: string, otherwise: string): string => (hasText(key) ? i18next.t(key) : otherwise);
