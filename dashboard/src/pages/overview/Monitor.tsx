// Is the monitor itself well: its parts, how far it is, and what it could not use.

import type { UseQueryResult } from "@tanstack/react-query";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import type { Readiness } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { isRecovering } from "~/logic/attention";
import { partName, partText } from "~/logic/say";
import { Answer } from "~/parts/Answer";
import { Panel } from "~/parts/Panel";
import { Tag } from "~/parts/Severity";
import { useTranslation } from "~/text";

export function Monitor({ readiness, letters }: { readiness: UseQueryResult<Readiness>; letters: number | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const receivers = useQuery(reads.receivers()).data?.receivers ?? [];
  const sinks = receivers.flatMap((receiver) => receiver.sinks);
  const waiting = sinks.reduce((sum, sink) => sum + sink.waiting, 0);
  return (
    <Panel id="monitor" title={t("monitor.title")} tools={isRecovering(readiness.data) ? <Tag tone="info" icon="pending">{t("monitor.recovering")}</Tag> : readiness.data ? <Tag tone={readiness.data.ready ? "good" : "critical"} icon={readiness.data.ready ? "good" : "critical"}>{t(readiness.data.ready ? "monitor.ready" : "monitor.not_ready")}</Tag> : null}>
      <Answer of={readiness} lines={4}>
        {(data) => {
          const { partitions_live: live, partitions } = data.recovery as Record<string, number>;
          const bad = Object.entries(data.parts).filter(([, state]) => state !== "ok");
          const good = Object.entries(data.parts).filter(([, state]) => state === "ok");
          return (
            <div className="panel-body stack-tight">
              <dl className="facts">
                <dt>{t("monitor.lag")}</dt>
                <dd className="num-left">{data.lag === null ? t("monitor.unknown") : t("monitor.lag.value", { events: data.lag })}</dd>
                <dt>{t("monitor.recovery")}</dt>
                <dd>
                  {t("monitor.recovery.value", { live: format.count(live), partitions: format.count(partitions) })}
                  {live !== partitions && partitions ? <progress className="progress" max={partitions} value={live} aria-label={t("monitor.recovery")} /> : null}
                </dd>
                <dt>{t("monitor.deliveries")}</dt>
                <dd>{t("monitor.deliveries.value", { waiting: format.count(waiting) })}{sinks.some((sink) => sink.switched_off) ? ` · ${t("monitor.sink_off")}` : ""}</dd>
                <dt>{t("monitor.late")}</dt>
                <dd>{t("monitor.lag.value", { events: data.late_events ?? 0 })}</dd>
                <dt>{t("monitor.letters")}</dt>
                <dd><Link to="/alerts/dead-letters">{letters === undefined ? "–" : format.count(letters)}</Link></dd>
              </dl>
              {bad.length ? (
                <ul className="stack-tight">
                  {bad.map(([part, state]) => <li key={part}><Tag tone={data.ready || isRecovering(data) ? "warning" : "critical"} icon="warning">{partName(part, format.language)}</Tag> <span className="note name">{partText(part, state, format.language)}</span></li>)}
                </ul>
              ) : null}
              <p className="note">{t("monitor.parts", { many: good.length, parts: good.map(([part]) => partName(part, format.language)).join(", ") })}</p>
            </div>
          );
        }}
      </Answer>
    </Panel>
  );
}
