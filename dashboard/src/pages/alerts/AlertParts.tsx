// The lists of one alert's page.

import type { AlertDetails } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { happened } from "~/logic/alerts";
import { phraseOf } from "~/logic/phrases";
import { State } from "~/parts/Answer";
import { Ago } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { StatusTag, Tag } from "~/parts/Severity";
import { sayOr, useTranslation } from "~/text";

function Phrase({ text }: { text: string }) {
  const { t } = useTranslation();
  const found = phraseOf(text);
  return <span className="name">{found ? t(found.key, { name: found.name }) : text}</span>;
}

export function Timeline({ lines }: { lines: AlertDetails["timeline"] }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Panel title={t("alert.timeline")}>
      <ol className="panel-body steps">
        {[...lines].reverse().map((line, place) => (
          <li key={`${line.at} ${place}`}>
            <time dateTime={line.at} className="note nowrap" title={format.full(line.at)}>{format.day(line.at)}</time>
            <div>
              <StatusTag status={happened(line.reason, line.status)} /> {sayOr(`reason.${line.reason}`, line.reason.replaceAll("_", " "))}
              {line.by ? <> · <strong className="name">{line.by}</strong></> : null}
              {line.comment ? <p className="note name">{line.comment}</p> : null}
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

export function NextSteps({ alert }: { alert: AlertDetails }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Panel title={t("alert.next")}>
      {alert.next.length ? (
        <ol className="panel-body steps">
          {alert.next.map((step) => (
            <li key={`${step.at} ${step.what}`}>
              <time dateTime={step.at} className="note nowrap" title={format.full(step.at)}>{format.clock(step.at)}</time>
              <span><strong className="nowrap"><Ago at={step.at} /></strong> · <Phrase text={step.what} /></span>
            </li>
          ))}
        </ol>
      ) : (
        <p className="panel-body note">{t(alert.status === "resolved" ? "alert.next.over" : "alert.next.none")}</p>
      )}
    </Panel>
  );
}

export function NotTold({ alert }: { alert: AlertDetails }) {
  const { t } = useTranslation();
  const format = useFormat();
  const told = [...new Set((alert.deliveries ?? []).filter((one) => one.status === "delivered").map((one) => one.receiver))];
  return (
    <Panel title={t("alert.told")}>
      <ul className="panel-body stack-tight">
        {told.map((receiver) => {
          const still = alert.not_told.find((one) => one.receiver === receiver);
          return (
            <li key={receiver}>
              <Tag tone="good" icon="check">{t("alert.told.yes")}</Tag> <strong className="name">{receiver}</strong>
              {still ? <span className="note block name"><Phrase text={still.reason} />{still.until ? ` · ${t("alert.until", { until: format.day(still.until) })}` : ""}</span> : null}
            </li>
          );
        })}
        {alert.not_told.filter((one) => !told.includes(one.receiver)).map((one) => (
          <li key={one.receiver}>
            <Tag icon="silence">{t("alert.told.no")}</Tag> <strong className="name">{one.receiver}</strong>
            <span className="note block name"><Phrase text={one.reason} />{one.until ? ` · ${t("alert.until", { until: format.day(one.until) })}` : ""}</span>
          </li>
        ))}
        {told.length + alert.not_told.length === 0 ? <li className="note">{t("alert.told.nobody")}</li> : null}
      </ul>
    </Panel>
  );
}

export function Deliveries({ deliveries }: { deliveries: AlertDetails["deliveries"] }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("alert.deliveries")}>
      {deliveries === null ? (
        <State icon="away" title={t("alert.deliveries.away")}>{t("alert.deliveries.away.detail")}</State>
      ) : deliveries.length === 0 ? (
        <p className="panel-body note">{t("alert.deliveries.none")}</p>
      ) : (
        <div className="table-wrap">
          <table className="table">
            <thead><tr><th>{t("alert.receiver")}</th><th>{t("alert.result")}</th><th className="num">{t("alert.attempts")}</th><th className="num">{t("alert.at")}</th></tr></thead>
            <tbody>
              {deliveries.map((one, place) => (
                <tr key={`${one.at} ${place}`}>
                  <td><span className="name">{one.receiver}</span> <span className="sub name">{one.sink}</span></td>
                  <td><Tag tone={one.status === "delivered" ? "good" : "critical"}>{sayOr(`delivery.${one.status}`, one.status)}</Tag>{one.last_error ? <span className="sub block name">{one.last_error}</span> : null}</td>
                  <td className="num">{one.attempts}</td>
                  <td className="num sub"><Ago at={one.at} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
