// When the page asks again: every half minute, but not while it is hidden, a dialog is open, or text is selected.

import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import { createContext, use, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { usePreferences } from "./preferences";

export type Waits = "off" | "hidden" | "dialog" | "selection" | null;

/** Why no automatic refresh happens now; null: it does. */
export function waitsFor(intervalSeconds: number, page: Pick<Document, "hidden" | "querySelector" | "getSelection">): Waits {
  if (!intervalSeconds) return "off";
  if (page.hidden) return "hidden";
  if (page.querySelector('[role="dialog"]')) return "dialog";
  const selection = page.getSelection();
  return selection && !selection.isCollapsed && selection.toString().trim() ? "selection" : null;
}

interface Refresh {
  again: () => void;
  updatedAt: number | null;
  waits: Waits;
  isFetching: boolean;
}

const Context = createContext<Refresh | null>(null);

export function RefreshProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const { intervalSeconds } = usePreferences().now;
  const [updatedAt, setUpdatedAt] = useState<number | null>(null);
  const [waits, setWaits] = useState<Waits>(null);
  const askedAt = useRef(Date.now());
  const isFetching = useIsFetching() > 0;
  const again = useCallback(() => {
    askedAt.current = Date.now();
    void client.invalidateQueries();
  }, [client]);
  useEffect(() => {
    const timer = setInterval(() => {
      const reason = waitsFor(intervalSeconds, document);
      setWaits(reason);
      if (reason === null && Date.now() - askedAt.current >= intervalSeconds * 1000) again();
    }, 500);
    return () => clearInterval(timer);
  }, [intervalSeconds, again]);
  useEffect(() => {
    const shown = () => !document.hidden && intervalSeconds && Date.now() - askedAt.current >= intervalSeconds * 1000 && again();
    document.addEventListener("visibilitychange", shown);
    return () => document.removeEventListener("visibilitychange", shown);
  }, [again, intervalSeconds]);
  useEffect(() => {
    const cache = client.getQueryCache();
    return cache.subscribe((event) => {
      if (event.type === "updated" && event.action.type === "success" && !event.action.manual) setUpdatedAt(Date.now());
    });
  }, [client]);
  return <Context value={useMemo(() => ({ again, updatedAt, waits, isFetching }), [again, updatedAt, waits, isFetching])}>{children}</Context>;
}

export function useRefresh(): Refresh {
  const found = use(Context);
  if (!found) throw new Error("outside RefreshProvider");
  return found;
}

// One clock for all texts such as "5 min ago": a table of 200 rows has one timer.
const TICK_MS = 10_000;
const FRESH_MS = 1000;
const watchers = new Set<() => void>();
let present = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  present = Date.now();
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  if (Date.now() - present > FRESH_MS) tick();
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    watchers.delete(watcher);
    if (watchers.size) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The present; moves every ten seconds. */
export const useNow = (): number => useSyncExternalStore(watch, () => present);
