// The monitor's English sentences about repairs, replays and split projects in the words of the page, by what they look like. What no pattern knows,
// such as a sentence of another version, is shown as it came.

import type { components } from "~/api/schema";
import { hasText, sayOr, t, type TextKey } from "~/text";

type SplitView = Pick<components["schemas"]["SplitView"], "cause" | "detail" | "partitions">;

const SENTENCES: [RegExp, TextKey][] = [
  [/^(\d+) changes?$/, "sentence.changes"],
  [/^(\d+) numbers? changed$/, "sentence.changed"],
  [/^(\d+) numbers? changed, and of newer episodes: (\d+)$/, "sentence.changed.newer"],
  [/^(\d+) numbers? changed; newer episodes that keep their numbers, above a gap: (\d+)$/, "sentence.changed.left"],
  [/^(\d+) numbers? changed, and of newer episodes: (\d+); newer episodes that keep their numbers, above a gap: (\d+)$/, "sentence.changed.both"],
  [/^The stream shows the new numbers\.$/, "sentence.passed"],
  [/^The stream has not processed the events yet\.$/, "sentence.waits"],
  [/^The stream does not know this project/, "sentence.skipped"],
  [/^Number (\d+) was derived from the old highest number/, "sentence.derived"],
  [/^Numbers that the stream still reports as missing or duplicate and are not: (\d+)\.$/, "sentence.failed"],
  [/^the worker stopped during the transaction, which was rolled back$/, "sentence.interrupted"],
  [/^Nothing was changed: (an|\d+) episodes? (?:was|were) created since the plan was made\./, "sentence.newer"],
  [/^Nothing was changed: episodes of the project were created, deleted or renumbered/, "sentence.moved"],
  [/^Nothing was changed: episode (\S+) has been changed since the plan was made/, "sentence.moved.one"],
  [/^Concurrent changes of /, "sentence.contended"],
  [/^compact changes (\d+) of (\d+) episodes; the strategy duplicates_to_end would end the duplicates with (\d+)\.$/, "sentence.smaller"],
  [/^compact changes (\d+) of (\d+) episodes; the strategy duplicates_to_end would end the duplicates with (\d+) and leave (\d+) missing numbers?\.$/, "sentence.smaller.gaps"],
  [/^(\d+) episodes have numbers outside 1 to (\d+): (.+)\.$/s, "sentence.odd"],
  [/^(\d+) episodes have ids that are not valid in events/, "sentence.silent"],
  [/^The range leaves out what lies before it \((.+)\), so its gaps/, "sentence.cut"],
  [/^(\S+) is compacted, which keeps only the last record/, "sentence.compacted"],
  [/^Projects that opted in are repaired automatically\.$/, "sentence.auto.on"],
  [/^layer (.+)$/s, "sentence.layer"],
  [/^override$/, "oncall.source.override"],
  [/^nobody$/, "oncall.nobody"],
  [/^AUTO_FIX_ENABLED is false/, "sentence.auto.fix_off"],
  [/^AUTO_REPAIR_PROJECTS is empty/, "sentence.auto.empty"],
  [/^AUTO_REPAIR_PAUSED is true/, "sentence.auto.paused"],
  [/^(.+) has paused it: only manual repairs are possible\.$/s, "sentence.auto.paused_by"],
];

const valueOf = (text: string): string | number => (text === "an" ? 1 : /^\d+$/.test(text) ? Number(text) : text);

export function inWords(text: string): string {
  for (const [pattern, key] of SENTENCES) {
    const found = pattern.exec(text);
    if (!found) continue;
    const [a, b, c, d] = found.slice(1).map(valueOf);
    return t(key, { a, b, c, d });
  }
  return original(text);
}

/** Words that neither this page nor the monitor has in Korean are marked there as the original text. */
export const original = (text: string): string => (text && !/[가-힣]/.test(text) ? t("sentence.original", { text }) : text);

/** Why a project is in several partitions and what to do: by the monitor's code, and in its own sentence where that is newer. */
export function splitText({ cause, detail, partitions }: SplitView): string {
  const key = `split.${cause}`;
  const where = partitions.map(({ partition, placed_by }) => t("split.part", { partition, placed: sayOr(`split.placed.${placed_by}`, placed_by) }));
  return hasText(key) ? `${t("split.where", { where: where.join("; ") })} ${t(key)}` : detail;
}

/** Who acted: a person's own name, or a word where the monitor acted by itself. */
export const actorText = (by: string): string => sayOr(`actor.${by}`, by);
