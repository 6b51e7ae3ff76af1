// The page's words. Each key has its English and its Korean beside each other, so that none can be missing.

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { ALERTS } from "./alerts";
import { INTEGRITY } from "./integrity";
import { OVERVIEW } from "./overview";
import { SHELL } from "./shell";
import { WORK } from "./work";

export const TEXTS = { ...SHELL, ...OVERVIEW, ...ALERTS, ...INTEGRITY, ...WORK };
export type TextKey = keyof typeof TEXTS;

const inLanguage = (place: 0 | 1) => Object.fromEntries(Object.entries(TEXTS).map(([key, texts]) => [key, texts[place]]));

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

export { i18next };

export const hasText = (key: string): key is TextKey => key in TEXTS;

/** The text of a key made from data, or the data as it is. */
export const sayOr = (key: string, otherwise: string): string => (hasText(key) ? i18next.t(key) : otherwise);
