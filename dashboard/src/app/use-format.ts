// The formats in the language and zone of this person.

import { useMemo } from "react";
import * as format from "~/logic/format";
import { useReads } from "./preferences";

export function useFormat() {
  const { language, zone } = useReads();
  return useMemo(
    () => ({
      language,
      zone,
      count: format.count,
      percent: format.percent,
      seconds: (value: number | null | undefined) => format.seconds(value, language),
      duration: (value: number) => format.duration(value, language),
      full: (at: string | number) => format.full(new Date(at).getTime(), language, zone),
      day: (at: string | number) => format.dayAndMinute(new Date(at).getTime(), language, zone),
      clock: (at: string | number) => format.clock(new Date(at).getTime(), language, zone),
      minute: (at: string | number) => format.minute(new Date(at).getTime(), language, zone),
      relative: (at: string | number, now: number) => format.relative(new Date(at).getTime(), now, language),
    }),
    [language, zone],
  );
}
