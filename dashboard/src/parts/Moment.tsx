// A moment: short to read, exact in its title, which is made when a pointer comes.

import { useNow } from "~/app/refresh";
import { useFormat } from "~/app/use-format";

export function Ago({ at }: { at: string }) {
  const format = useFormat();
  const now = useNow();
  return (
    <time dateTime={at} onPointerEnter={(event) => (event.currentTarget.title = `${format.full(at)} (${format.zone})`)} className="nowrap">
      {format.relative(at, now)}
    </time>
  );
}

export function At({ at }: { at: string }) {
  const format = useFormat();
  return (
    <time dateTime={at} title={`${format.full(at)} (${format.zone})`} className="nowrap">
      {format.day(at)}
    </time>
  );
}
