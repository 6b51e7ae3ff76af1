// The answers of the first view, put where the page looks for them: nothing is asked for twice, and nothing jumps.

import type { QueryClient } from "@tanstack/react-query";
import { reads } from "~/api/reads";
import { MOST_PROJECTS, WINDOW_MINUTES } from "~/logic/overview";
import { handedOn } from "./answers";

const PATIENCE_MS = 3000;

/** Waits for all alerts, of which the first view has the worst alone; without it, not at all. */
export async function handOn(queries: QueryClient): Promise<void> {
  const first = handedOn();
  if (first) {
    const updatedAt = first.at;
    queries.setQueryData(reads.summary().queryKey, first.summary, { updatedAt });
    queries.setQueryData(reads.stats(WINDOW_MINUTES).queryKey, first.stats, { updatedAt });
    queries.setQueryData(reads.projects({ status: "unhealthy", sort: "worst", limit: MOST_PROJECTS }).queryKey, first.first.projects as never, { updatedAt });
    queries.setQueryData(reads.readiness().queryKey, first.readiness, { updatedAt });
    queries.setQueryData(reads.letters({ limit: 1 }).queryKey, first.letters as never, { updatedAt });
    await Promise.race([queries.prefetchQuery(reads.alerts(first.language)), new Promise((over) => setTimeout(over, PATIENCE_MS))]);
  }
  document.querySelector("main[data-first]")?.removeAttribute("data-first"); // nothing more is drawn or taken there
}
