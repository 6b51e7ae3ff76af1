// Who is on call now, and who is next.

import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads } from "~/api/reads";
import { useFormat } from "~/app/use-format";
import { Answer, State } from "~/parts/Answer";
import { Icon } from "~/parts/Icon";
import { Panel } from "~/parts/Panel";
import { useTranslation } from "~/text";

export function OnCallNow() {
  const { t } = useTranslation();
  const format = useFormat();
  const onCall = useQuery(reads.onCall());
  return (
    <Panel title={t("oncall.title")} tools={<Link className="plain" to="/alerts/on-call">{t("oncall.open")}</Link>}>
      <Answer of={onCall} lines={2}>
        {({ schedules }) =>
          schedules.length ? (
            <ul className="panel-body stack-tight">
              {schedules.map((shift) => (
                <li key={shift.schedule} className="shift">
                  <span className={shift.person ? "" : "warning"}><Icon name={shift.person ? "person" : "warning"} /></span>
                  <span>
                    <strong className="name">{shift.person ?? t("oncall.nobody")}</strong> <span className="note name">{shift.schedule}</span>
                    <span className="note block">
                      {shift.until ? t("oncall.until", { until: format.day(shift.until) }) : ""}
                      {shift.next ? ` · ${shift.next.person === shift.person ? t("oncall.stays") : t("oncall.next", { person: shift.next.person ?? t("oncall.nobody") })}` : ""}
                    </span>
                  </span>
                </li>
              ))}
            </ul>
          ) : (
            <State icon="person" title={t("oncall.empty")}>{t("oncall.empty.detail")}</State>
          )
        }
      </Answer>
    </Panel>
  );
}
