// What happened to a finding, as a sentence in the language of the page. The monitor's own sentence is English.

import type { Finding, FindingEntry } from "~/api/types";
import { t } from "~/text";

export interface Formats {
  count: (value: number) => string;
  day: (at: string) => string;
}

const numbersOf = ({ first_number: first, last_number: last }: { first_number: number; last_number: number }, { count }: Formats): string =>
  first === last ? count(first) : `${count(first)}–${count(last)}`;

export function entryText(entry: FindingEntry, format: Formats): string {
  const numbers = numbersOf(entry, format);
  const rest = (entry.lives_on_as ?? []).map((one) => numbersOf(one, format)).join(", ");
  const episode = entry.episode_id ?? "–";
  const joined = rest && !entry.what.startsWith("filled") && entry.what !== "split" ? ` ${t("history.joined", { numbers: rest })}` : "";
  switch (entry.what) {
    case "opened":
      return t(entry.kind === "duplicate" ? "history.opened.duplicate" : "history.opened.gap", { numbers, since: entry.since ? format.day(entry.since) : "–" }) + joined;
    case "filled":
    case "filled_in_part":
    case "split":
      return t(rest ? "history.filled.part" : "history.filled", { episode, number: format.count(entry.number ?? entry.first_number), rest });
    case "waived":
      return t("finding.waiver", { by: entry.by ?? "–", reason: entry.reason ?? "", until: entry.until ? format.day(entry.until) : "–" });
    case "reopened":
      return t("history.reopened", { numbers }) + joined;
    case "healed":
      return t(entry.how === "deleted" ? "history.healed.deleted" : entry.how === "top_lowered" ? "history.healed.lowered" : "history.healed.renumbered", { numbers, episode });
    default:
      return entry.text; // of another version
  }
}

/** Since when a finding is there: its own field, or what its history says. */
export const openSince = (finding: Pick<Finding, "finding_id" | "since">, history: readonly FindingEntry[]): string | null =>
  finding.since ?? history.findLast((entry) => entry.finding_id === finding.finding_id && entry.what === "opened")?.since ?? null;
