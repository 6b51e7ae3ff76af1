// The last 24 hours of the fleet, an hour a cell.

import { useQuery } from "@tanstack/react-query";
import { memo, useMemo } from "react";
import { reads } from "~/api/reads";
import { useNow } from "~/app/refresh";
import { useFormat } from "~/app/use-format";
import { heartbeat, type Beat } from "~/logic/heartbeat";
import { Answer } from "~/parts/Answer";
import { Panel } from "~/parts/Panel";
import { limitsOf } from "~/logic/rules";
import { useTranslation } from "~/text";

const HOUR_MS = 3_600_000;

const Cell = memo(function Cell({ beat, most }: { beat: Beat; most: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { point } = beat;
  const hour = `${format.minute(beat.startsAt)}–${format.minute(beat.startsAt + HOUR_MS)}`;
  const text = point
    ? t("heartbeat.cell", { hour, operations: point.attempted_operations, failure: format.percent(point.failure_rate_percentage), conflict: format.percent(point.conflict_rate_percentage), fired: beat.fired })
    : t("heartbeat.gap", { hour });
  const share = point && most ? Math.max(0.12, point.attempted_operations / most) : 1;
  return (
    <li className={`beat beat-${beat.tone}`} title={text}>
      <span className="sr">{text}</span>
      <span className="beat-bar" aria-hidden="true" style={{ height: `${Math.round(share * 100)}%` }} />
      {beat.fired ? <span className="beat-mark" aria-hidden="true" /> : null}
      <span className="beat-hour" aria-hidden="true">{format.minute(beat.startsAt).slice(0, 2)}</span>
    </li>
  );
});

export function Heartbeat() {
  const { t } = useTranslation();
  const now = useNow();
  const trend = useQuery(reads.trend(24));
  const since = new Date(Math.floor(now / HOUR_MS) * HOUR_MS - 23 * HOUR_MS).toISOString();
  const history = useQuery(reads.history({ status: "firing", since, limit: 1000 }));
  const rules = useQuery(reads.rules());
  const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
  const beats = useMemo(() => heartbeat(trend.data?.points ?? [], history.data?.transitions ?? [], hour, limitsOf(rules.data?.rules ?? [])), [trend.data, history.data, rules.data, hour]);
  return (
    <Panel title={t("heartbeat.title")} tools={
      <span className="row note legend">
        {(["good", "warning", "critical", "empty"] as const).map((tone) => <span key={tone} className="row"><i className={`swatch beat-${tone}`} />{t(`heartbeat.${tone}`)}</span>)}
      </span>
    }>
      <Answer of={trend} lines={3}>
        {() => {
          const most = Math.max(0, ...beats.map((beat) => beat.point?.attempted_operations ?? 0));
          return <ol className="beats">{beats.map((beat) => <Cell key={beat.startsAt} beat={beat} most={most} />)}</ol>;
        }}
      </Answer>
    </Panel>
  );
}
