// Language, theme, time zone and the person's name: kept in the browser. Only the token is forgotten with the session.

import { useMantineColorScheme } from "@mantine/core";
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import type { Language, Zone } from "~/logic/format";
import { type t, words, written, WrittenIn } from "~/text";

export type Theme = "system" | "light" | "dark";

interface Preferences {
  language: Language;
  theme: Theme;
  zone: Zone;
  intervalSeconds: number; // 0: off
  name: string;
}

const KEY = "episode-monitor";
const DEFAULTS: Preferences = { language: "en", theme: "system", zone: "local", intervalSeconds: 30, name: "" };

function stored(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>;
  } catch {
    return {};
  }
}

function store(change: Partial<Preferences>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...stored(), ...change }));
  } catch {
    // a browser that keeps nothing: the choice lasts as long as the page
  }
}

const Context = createContext<{ now: Preferences; change: (change: Partial<Preferences>) => void } | null>(null);
const Reads = createContext<Pick<Preferences, "language" | "zone"> | null>(null); // apart: a theme changes no text

export function PreferencesProvider({ children }: { children: ReactNode }) {
  const [now, setNow] = useState<Preferences>(() => ({ ...DEFAULTS, language: words.language, ...stored() }));
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const change = useCallback((changed: Partial<Preferences>) => {
    store(changed);
    if (changed.language) words.language = changed.language; // with the state below: everything is drawn once
    setNow((before) => ({ ...before, ...changed }));
  }, []);
  useEffect(() => {
    words.language = now.language;
    document.documentElement.lang = now.language;
  }, [now.language]);
  useEffect(() => void setColorScheme(now.theme === "system" ? "auto" : now.theme), [now.theme, setColorScheme]);
  const reads = useMemo(() => ({ language: now.language, zone: now.zone }), [now.language, now.zone]);
  const texts = useMemo(() => ({ t: written.bind(null, now.language) as typeof t }), [now.language]);
  const chosen = useMemo(() => ({ now, change }), [now, change]);
  return <WrittenIn value={texts}><Reads value={reads}><Context value={chosen}>{children}</Context></Reads></WrittenIn>;
}

function found<T>(value: T | null): T {
  if (!value) throw new Error("outside PreferencesProvider");
  return value;
}

export const usePreferences = () => found(use(Context));

/** How texts, numbers and moments are written. */
export const useReads = () => found(use(Reads));
