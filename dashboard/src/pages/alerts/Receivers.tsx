// Where alerts go, how deliveries do, and a sample to try the way.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { acts } from "~/api/acts";
import { reads } from "~/api/reads";
import type { components } from "~/api/schema";
import { useFormat } from "~/app/use-format";
import { useAct } from "~/parts/ActDialog";
import { Answer } from "~/parts/Answer";
import { Icon } from "~/parts/Icon";
import { Panel } from "~/parts/Panel";
import { Tag } from "~/parts/Severity";
import { useTranslation } from "~/text";

type Trial = components["schemas"]["TrialResult"];
type Sink = components["schemas"]["SinkStatus"];

function SinkState({ sink }: { sink: Sink }) {
  const { t } = useTranslation();
  const format = useFormat();
  const tag = sink.switched_off ? <Tag tone="critical" icon="warning">{t("sink.off")}</Tag> : sink.trouble ? <Tag tone="warning" icon="warning">{t("sink.trouble")}</Tag> : <Tag tone="good" icon="check">{t("sink.ok")}</Tag>;
  return (
    <li>
      {tag} <strong className="name">{sink.sink}</strong> <span className="note">{sink.waiting ? t("monitor.deliveries.value", { waiting: format.count(sink.waiting) }) : ""}</span>
      {sink.trouble ? <span className="note block name">{sink.trouble}</span> : null}
    </li>
  );
}

export function Receivers() {
  const { t } = useTranslation();
  const [dialog, open] = useAct();
  const [trial, setTrial] = useState<Trial | null>(null);
  const query = useQuery(reads.receivers());
  const test = (name: string) => open({ title: t("receivers.test"), submit: t("receivers.test"), comment: "none", what: <p>{t("receivers.test.what")} <strong className="name">{name}</strong></p>, run: ({ by, headers }) => acts.tryReceiver(name, by, headers), done: (answer) => setTrial(answer as Trial) });
  return (
    <Panel title={t("receivers.title")}>
      {dialog}
      {trial ? (
        <div className={`notice notice-${trial.outcome === "delivered" ? "good" : "critical"}`} role="status">
          <Icon name={trial.outcome === "delivered" ? "good" : "warning"} />
          <span><strong className="name">{trial.receiver}</strong>: {t(`delivery.${trial.outcome}`)} {trial.sinks.filter((sink) => sink.reason).map((sink) => `${sink.sink}: ${sink.reason}`).join(" · ")}</span>
        </div>
      ) : null}
      <Answer of={query} lines={3}>
        {({ receivers }) => (
          <ul className="steps panel-body">
            {receivers.map((receiver) => (
              <li key={receiver.name}>
                <strong className="name receiver">{receiver.name}</strong>
                <div className="row row-between">
                  <ul className="stack-tight">{receiver.sinks.length ? receiver.sinks.map((sink) => <SinkState key={sink.sink} sink={sink} />) : <li className="note">{t("receivers.empty")}</li>}</ul>
                  {receiver.sinks.length ? <button type="button" className="plain outlined" onClick={() => test(receiver.name)}>{t("receivers.test")}</button> : null}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  );
}
