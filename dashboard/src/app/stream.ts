// Server-sent events: they only say what to ask again. The page is right without them.

import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { usePreferences } from "./preferences";
import { waitsFor } from "./refresh";

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

/** Listens while the page is seen and refreshes by itself. */
export function useStream(): void {
  const client = useQueryClient();
  const { intervalSeconds } = usePreferences().now;
  useEffect(() => {
    if (!intervalSeconds || typeof EventSource === "undefined") return;
    const known = new Map<string, string>();
    let source: EventSource | null = null;
    const listen = () => {
      if (document.hidden) {
        source?.close();
        source = null;
      } else if (source === null) {
        source = new EventSource("./monitoring/episodes/stream");
        source.onmessage = ({ data }) => note(String(data), known, client, waitsFor(intervalSeconds, document) !== null);
      }
    };
    listen();
    document.addEventListener("visibilitychange", listen);
    return () => {
      document.removeEventListener("visibilitychange", listen);
      source?.close();
    };
  }, [client, intervalSeconds]);
}
