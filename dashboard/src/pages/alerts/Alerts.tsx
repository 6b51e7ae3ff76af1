// Everything about alerts, in sections that have addresses of their own.

import { useQuery } from "@tanstack/react-query";
import type { ComponentType } from "react";
import { NavLink, useParams } from "react-router";
import { reads } from "~/api/reads";
import { NotFound } from "~/pages/NotFound";
import { useTranslation } from "~/text";
import { Active } from "./Active";
import { DeadLetters } from "./DeadLetters";
import { History } from "./History";
import { OnCall } from "./OnCall";
import { Rules } from "./Rules";
import { Silences } from "./Silences";

const SECTIONS: Record<string, ComponentType> = { active: Active, silences: Silences, history: History, rules: Rules, "on-call": OnCall, "dead-letters": DeadLetters };

export function Alerts() {
  const { t } = useTranslation();
  const section = useParams()["section"] ?? "active";
  const letters = useQuery(reads.letters({ limit: 1 })).data?.total;
  const Section = SECTIONS[section];
  if (!Section) return <NotFound />;
  return (
    <>
      <h1 className="sr">{t("tab.alerts")}</h1>
      <nav className="subtabs" aria-label={t("tab.alerts")}>
        {Object.keys(SECTIONS).map((name) => (
          <NavLink key={name} to={name === "active" ? "/alerts" : `/alerts/${name}`} end className="subtab">
            {t(`alerts.${name}` as "alerts.active")}
            {name === "dead-letters" && letters ? <span className="count count-warning">{letters}</span> : null}
          </NavLink>
        ))}
      </nav>
      <Section />
    </>
  );
}
