// Server-sent events: they only say what to ask again. The page is right without them.

import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { usePreferences } from "./preferences";
import { useAgain, waitsFor } from "./refresh";

const REFUSED_MS = 10_000; // after an answer that is no stream

/** The questions whose answers a resource is in. Rates change with every event: they keep to the interval. */
export const ASKED: Record<string, readonly string[]> = {
  alerts: ["alerts", "alert", "silences", "silence", "history"],
  integrity: ["summary", "projects", "project", "findings"],
  jobs: ["jobs", "replays", "replay"],
};

/** Notes where a resource stands. Asks again when that has changed, but not of what stands there at first. */
export function note(text: string, known: Map<string, string>, client: Pick<QueryClient, "invalidateQueries">, waits: boolean): void {
  let news: { resource?: string; version?: string };
  try {
    news = JSON.parse(text) as typeof news;
  } catch {
    return; // of another version
  }
  const { resource = "", version = "" } = news ?? {};
  const before = known.get(resource);
  if (before !== undefined && before !== version && waits) return; // stays unknown: the next refresh asks for all
  known.set(resource, version);
  if (before === undefined || before === version) return;
  for (const name of ASKED[resource] ?? []) void client.invalidateQueries({ queryKey: [name] });
}

/** What a connection does to the page: the loss of it may be an outage, and what was missed meanwhile is unknown. */
export interface Connected {
  note: (text: string) => void;
  lost: () => void; // once for each loss
  back: () => void;
}

/** Listens, and connects again where the browser would not; the function it returns ends that. */
export function listen(address: string, { note, lost, back }: Connected): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isLost = false;
  const connect = () => {
    const made = new EventSource(address);
    source = made;
    made.onmessage = ({ data }) => note(String(data));
    made.onopen = () => {
      if (isLost) back();
      isLost = false;
    };
    made.onerror = () => {
      if (!isLost) lost();
      isLost = true;
      if (made.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
      timer = setTimeout(connect, REFUSED_MS);
    };
  };
  connect();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}

/** Listens while the page is seen. Without automatic refresh it only learns of an outage. */
export function useStream(): void {
  const client = useQueryClient();
  const { again, soon } = useAgain();
  const { intervalSeconds } = usePreferences().now;
  useEffect(() => {
    if (typeof EventSource === "undefined") return;
    const known = new Map<string, string>();
    const waits = () => waitsFor(intervalSeconds, document) !== null;
    let end: (() => void) | null = null;
    const lost = () => (waits() ? void client.invalidateQueries({ queryKey: ["summary"] }) : again());
    const follow = () => {
      if (document.hidden) {
        end?.();
        end = null;
      } else end ??= listen("./monitoring/episodes/stream", { note: (text) => intervalSeconds && note(text, known, client, waits()), lost, back: () => (intervalSeconds ? soon() : lost()) });
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      end?.();
    };
  }, [client, intervalSeconds, again, soon]);
}
