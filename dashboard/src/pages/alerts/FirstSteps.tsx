// What to do first about an alert of this type, with the way there and the runbook of its rule.

import { Link } from "react-router";
import type { AlertDetails } from "~/api/types";
import { FLEET, toPerformance, toProject, webAddress } from "~/logic/address";
import { Icon } from "~/parts/Icon";
import { Panel } from "~/parts/Panel";
import { hasText, type TextKey, useTranslation } from "~/text";

const MOST_STEPS = 3;

/** Keys of the texts; none for a type that this page does not know. */
export const firstSteps = (alertType: string): TextKey[] =>
  Array.from({ length: MOST_STEPS }, (_, place) => `first.${alertType}.${place + 1}`).filter(hasText);

function Ways({ alert }: { alert: AlertDetails }) {
  const { t } = useTranslation();
  const project = alert.project_id === FLEET ? undefined : alert.project_id;
  if (alert.window_minutes !== null) return <Link className="plain outlined" to={toPerformance({ project, hours: "2" })}>{t("first.performance")}<Icon name="right" size={12} /></Link>;
  return (
    <>
      <Link className="plain outlined" to={toProject(alert.project_id)}>{t("first.project")}<Icon name="right" size={12} /></Link>
      <Link className="plain outlined" to="/alerts/dead-letters?kind=event">{t("first.letters")}<Icon name="right" size={12} /></Link>
    </>
  );
}

export function FirstSteps({ alert }: { alert: AlertDetails }) {
  const { t } = useTranslation();
  const runbook = webAddress(alert.runbook_url);
  return (
    <Panel title={t("first.title")}>
      <div className="panel-body stack-tight">
        <ol className="first-steps">{firstSteps(alert.alert_type).map((key) => <li key={key}>{t(key)}</li>)}</ol>
        <div className="row">
          <Ways alert={alert} />
          {runbook ? <a className="plain outlined primary" href={runbook} rel="noreferrer" target="_blank">{t("first.runbook")}<Icon name="right" size={12} /></a> : <span className="note">{t("first.no_runbook")}</span>}
        </div>
      </div>
    </Panel>
  );
}
