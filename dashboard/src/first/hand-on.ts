// The answers of the first view, put where the page looks for them: nothing is asked for twice, and nothing jumps.

import type { QueryClient } from "@tanstack/react-query";
import { reads } from "~/api/reads";
import { MOST_PROJECTS, WINDOW_MINUTES } from "~/logic/overview";
import { handedOn } from "./answers";

export function handOn(queries: QueryClient): void {
  document.querySelector("main[data-first]")?.removeAttribute("data-first"); // nothing more is drawn or taken there
  const first = handedOn();
  if (!first) return;
  const updatedAt = first.at;
  queries.setQueryData(reads.summary().queryKey, first.summary, { updatedAt });
  queries.setQueryData(reads.alerts(first.language).queryKey, first.alerts as never, { updatedAt });
  queries.setQueryData(reads.stats(WINDOW_MINUTES).queryKey, first.stats, { updatedAt });
  queries.setQueryData(reads.projects({ status: "unhealthy", sort: "worst", limit: MOST_PROJECTS }).queryKey, first.projects as never, { updatedAt });
  queries.setQueryData(reads.readiness().queryKey, first.readiness, { updatedAt });
}
