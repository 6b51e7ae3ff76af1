// When the page asks again: every half minute, but not while it is hidden, a dialog is open, or text is selected.

import { useIsFetching, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, use, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { isPassing } from "~/api/client";
import { isLate, oldest } from "~/logic/freshness";
import { usePreferences } from "./preferences";

const TICK_OF_REFRESH_MS = 500;
const FAILED_MS = 5000;
const GATHER_MS = 50; // answers that come together are one news

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
  updatedAt: number | null; // of the oldest answer on the page
  isLate: boolean;
  waits: Waits;
  isFetching: boolean;
}

const Context = createContext<Refresh | null>(null);
const Again = createContext<{ again: () => void; soon: () => void } | null>(null);

export function RefreshProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const { intervalSeconds } = usePreferences().now;
  const [waits, setWaits] = useState<Waits>(null);
  const [late, setLate] = useState(false);
  const askedAt = useRef(Date.now());
  const isFetching = useIsFetching() > 0;
  const updatedAt = useUpdatedAt(client);
  const asks = useMemo(
    () => ({
      again: () => {
        askedAt.current = Date.now();
        void client.invalidateQueries();
      },
      soon: () => void (askedAt.current = -Infinity),
    }),
    [client],
  );
  const { again } = asks;
  useEffect(() => {
    const timer = setInterval(() => {
      const reason = waitsFor(intervalSeconds, document);
      setWaits(reason);
      setLate(isLate(updatedAt, intervalSeconds, Date.now()));
      if (reason !== null) return;
      if (Date.now() - askedAt.current >= intervalSeconds * 1000) again();
      else askAgainForWhatFailed(client, Date.now());
    }, TICK_OF_REFRESH_MS);
    return () => clearInterval(timer);
  }, [intervalSeconds, again, updatedAt, client]);
  useEffect(() => {
    const shown = () => !document.hidden && intervalSeconds && Date.now() - askedAt.current >= intervalSeconds * 1000 && again();
    document.addEventListener("visibilitychange", shown);
    return () => document.removeEventListener("visibilitychange", shown);
  }, [again, intervalSeconds]);
  const refresh = useMemo(() => ({ again, updatedAt, isLate: late, waits, isFetching }), [again, updatedAt, late, waits, isFetching]);
  return <Again value={asks}><Context value={refresh}>{children}</Context></Again>;
}

/** What a monitor could not answer for the moment is asked for sooner than all the rest. */
function askAgainForWhatFailed(client: QueryClient, now: number): void {
  const failed = client.getQueryCache().findAll({ type: "active", fetchStatus: "idle", predicate: ({ state }) => isPassing(state.error) && now - state.errorUpdatedAt >= FAILED_MS });
  for (const query of failed) void client.invalidateQueries({ queryKey: query.queryKey, exact: true });
}

/** Follows what the page shows now; a part that was asked for alone does not make all of it newer. */
function useUpdatedAt(client: QueryClient): number | null {
  const [updatedAt, setUpdatedAt] = useState<number | null>(null);
  useEffect(() => {
    const cache = client.getQueryCache();
    let planned = false;
    const look = () => {
      planned = false;
      setUpdatedAt(oldest(cache.findAll({ type: "active" }).map((query) => query.state)));
    };
    const stop = cache.subscribe((event) => {
      const matters = (event.type === "updated" && event.action.type === "success") || event.type === "observerAdded" || event.type === "observerRemoved";
      if (!matters || planned) return;
      planned = true;
      setTimeout(look, GATHER_MS);
    });
    return stop;
  }, [client]);
  return updatedAt;
}

function found<T>(value: T | null): T {
  if (!value) throw new Error("outside RefreshProvider");
  return value;
}

export const useRefresh = (): Refresh => found(use(Context));

/** `again` asks for everything now; `soon`, as soon as nothing waits. They never change. */
export const useAgain = () => found(use(Again));

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
