// Rows of alerts, with a line above each group.

import { Fragment, memo, useDeferredValue, useRef, useState } from "react";
import { Link } from "react-router";
import type { AlertVerb } from "~/api/acts";
import type { ActiveAlert } from "~/api/types";
import { toAlert } from "~/logic/address";
import { measured, shortTitle, standing, type Group } from "~/logic/alerts";
import { useFormat } from "~/app/use-format";
import { limitWith, withUnit } from "~/logic/units";
import { ProjectLink } from "~/parts/ProjectName";
import { Ago } from "~/parts/Moment";
import { SeverityTag, StatusTag } from "~/parts/Severity";
import { useTranslation } from "~/text";

type Chosen = ReadonlySet<string>;

interface Props {
  groups: Group[];
  showGroups: boolean;
  chosen: Chosen;
  choose: (change: (before: Chosen) => Chosen) => void;
  act: (verb: AlertVerb, alert: ActiveAlert) => void;
}

export function Measured({ alert }: { alert: Pick<ActiveAlert, "alert_type" | "value" | "threshold"> }) {
  const { t } = useTranslation();
  const { language } = useFormat();
  const { value, threshold } = measured(alert);
  const said = (number: string) => withUnit(alert.alert_type, number, language);
  return <span className="nowrap"><strong>{said(value)}</strong> <span className="sub">{t("alerts.over", { threshold: limitWith(alert.alert_type, threshold, language) })}</span></span>;
}

/** All of a row but its check box: drawn again only when the alert changes, so that 200 of them do not delay a click. */
const Cells = memo(function Cells({ alert, act }: { alert: ActiveAlert; act: Props["act"] }) {
  const { t } = useTranslation();
  const stands = standing(alert);
  const label = (text: string) => `${text}: ${alert.alert_key}`;
  return (
    <>
      <td className="shrink"><SeverityTag severity={alert.severity} /></td>
      <td className="main-cell">
        <Link to={toAlert(alert.alert_key)} className="name strong">{shortTitle(alert)}</Link>
        <div className="sub"><ProjectLink id={alert.project_id} className="quiet-link" /></div>
      </td>
      <td className="num" data-label={t("alerts.value")}><Measured alert={alert} /></td>
      <td className="shrink">
        <StatusTag status={stands} />
        {alert.acknowledged_by ? <span className="sub name"> {alert.acknowledged_by}</span> : null}
        {alert.escalation_level > 0 ? <span className="sub critical"> {t("alerts.escalated", { level: alert.escalation_level })}</span> : null}
      </td>
      <td className="num sub" data-label={t("alerts.since")}><Ago at={alert.starts_at} /></td>
      <td className="acts">
        {alert.acknowledged_by ? (
          <button type="button" className="plain" onClick={() => act("unacknowledge", alert)} aria-label={label(t("act.unacknowledge"))}>{t("act.unacknowledge")}</button>
        ) : (
          <button type="button" className="plain" onClick={() => act("acknowledge", alert)} aria-label={label(t("act.acknowledge"))}>{t("act.acknowledge")}</button>
        )}
        <button type="button" className="plain" onClick={() => act("silence", alert)} aria-label={label(t("act.silence"))}>{t("act.silence")}</button>
        <button type="button" className="plain" onClick={() => act("resolve", alert)} aria-label={label(t("act.resolve"))}>{t("act.resolve")}</button>
      </td>
    </>
  );
});

const toggled = (key: string) => (before: Chosen) => {
  const after = new Set(before);
  if (!after.delete(key)) after.add(key);
  return after;
};

/** Drawn again only when it is chosen or not any more, or its alert changes; `choose` and `act` never do. */
const Row = memo(function Row({ alert, isChosen, label, choose, act }: { alert: ActiveAlert; isChosen: boolean; label: string } & Pick<Props, "choose" | "act">) {
  return (
    <tr data-alert={alert.alert_key}>
      <td className="shrink"><input type="checkbox" checked={isChosen} onChange={() => choose(toggled(alert.alert_key))} aria-label={`${label}: ${alert.alert_key}`} /></td>
      <Cells alert={alert} act={act} />
    </tr>
  );
});

export function AlertTable({ groups, showGroups, chosen, choose, act }: Props) {
  const { t } = useTranslation();
  const latest = useRef(act);
  latest.current = act;
  const [stable] = useState(() => (...given: Parameters<Props["act"]>) => latest.current(...given));
  const keys = groups.flatMap((group) => group.alerts.map((alert) => alert.alert_key));
  const all = keys.every((key) => chosen.has(key));
  const before = useDeferredValue(chosen);
  // Of many at once the rows follow a paint later: the click is answered first. A box of its own must not flicker.
  const drawn = Math.abs(chosen.size - before.size) > 1 ? before : chosen;
  return (
    <div className="table-wrap">
      <table className="table table-fold">
        <thead>
          <tr>
            <th className="shrink"><input type="checkbox" checked={all} onChange={() => choose(() => new Set(all ? [] : keys))} aria-label={t("alerts.choose_all")} /></th>
            <th>{t("alerts.severity")}</th>
            <th>{t("alerts.what")}</th>
            <th className="num">{t("alerts.value")}</th>
            <th>{t("alerts.standing")}</th>
            <th className="num">{t("alerts.since")}</th>
            <th><span className="sr">{t("alerts.acts")}</span></th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <Fragment key={group.name}>
              {showGroups ? <tr className="group"><td colSpan={7}><span className="name">{group.name}</span> <span className="count">{group.alerts.length}</span></td></tr> : null}
              {group.alerts.map((alert) => <Row key={alert.alert_key} alert={alert} isChosen={drawn.has(alert.alert_key)} label={t("alerts.choose")} choose={choose} act={stable} />)}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}
