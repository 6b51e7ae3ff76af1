// What the monitor says in English, by the key of its translation. A sentence of a part has one translation a part.

import type { TextKey } from "~/text";

const PHRASES: [RegExp, TextKey][] = [
  [/^notification to (.+)$/s, "phrase.notification"],
  [/^end of an earlier firing to (.+)$/s, "phrase.earlier_end"],
  [/^only the end of an earlier firing is to come/, "phrase.only_earlier_end"],
  [/^repetition to (.+)$/s, "phrase.repetition"],
  [/^escalation to who is on call in (.+)$/s, "phrase.escalation.schedule"],
  [/^escalation to (.+)$/s, "phrase.escalation"],
  [/^the escalation chain goes on if/, "phrase.goes_on"],
  [/^silence \S+ expires$/, "phrase.silence_expires"],
  [/^the alert is dropped$/, "phrase.dropped"],
  [/^the acknowledgement expires$/, "phrase.expires"],
  [/^silenced by (.+)$/s, "phrase.silenced"],
  [/^inhibited by (.+)$/s, "phrase.inhibited"],
  [/^acknowledged by (.+)$/s, "phrase.acknowledged"],
  [/^muted until/, "phrase.muted"],
  [/^rate limited until/, "phrase.rate_limited"],
  [/^grouped until/, "phrase.grouped"],
  [/^behind the events$/, "phrase.behind"],
  [/^never notified of its beginning$/, "phrase.never"],
  [/^no receiver$/, "phrase.no_receiver"],
  [/^nobody on call$/, "phrase.nobody"],
  [/^nothing new$/, "phrase.nothing_new"],
];

/** The key and what it names; null for a phrase of another version, which is shown as it came. */
export function phraseOf(text: string): { key: TextKey; name: string } | null {
  for (const [pattern, key] of PHRASES) {
    const found = pattern.exec(text);
    if (found) return { key, name: found[1] ?? "" };
  }
  return null;
}
