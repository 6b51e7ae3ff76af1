// The projects whose rates and latencies have alerts now, worst first.

import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import { FLEET, toAlert, toPerformance } from "~/logic/address";
import { worstFirst } from "~/logic/alerts";
import { Answer } from "~/parts/Answer";
import { ProjectName } from "~/parts/ProjectName";
import { Panel } from "~/parts/Panel";
import { SeverityTag } from "~/parts/Severity";
import { useTranslation } from "~/text";
import { Measured } from "../alerts/AlertTable";

const MOST = 10;

export function Worst() {
  const { t } = useTranslation();
  const query = useQuery(reads.alerts());
  return (
    <Panel title={t("perf.worst")}>
      <Answer of={query} lines={3}>
        {({ alerts }) => {
          const found = worstFirst(alerts.filter((alert) => alert.window_minutes !== null)).slice(0, MOST);
          if (!found.length) return <p className="panel-body note">{t("perf.worst.none")}</p>;
          return (
            <table className="table table-fold">
              <thead><tr><th>{t("alerts.severity")}</th><th>{t("alert.project")}</th><th>{t("alert.rule")}</th><th className="num">{t("alerts.value")}</th></tr></thead>
              <tbody>
                {found.map((alert) => (
                  <tr key={alert.alert_key}>
                    <td className="shrink"><SeverityTag severity={alert.severity} /></td>
                    <td className="main-cell"><Link className="name strong" to={toPerformance({ project: alert.project_id === FLEET ? undefined : alert.project_id, hours: "2" })}><ProjectName id={alert.project_id} /></Link></td>
                    <td><Link className="name" to={toAlert(alert.alert_key)}>{alert.rule_id}</Link></td>
                    <td className="num"><Measured alert={alert} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          );
        }}
      </Answer>
    </Panel>
  );
}
