// Checks, replays and backtests, and who did what.

import type { ComponentType } from "react";
import { NavLink, useParams } from "react-router";
import { NotFound } from "~/pages/NotFound";
import { useTranslation } from "~/text";
import { Audit } from "./Audit";
import { Checks } from "./Checks";
import { Replays } from "./Replays";

const SECTIONS: Record<string, ComponentType> = { checks: Checks, replays: Replays, audit: Audit };

export function Jobs() {
  const { t } = useTranslation();
  const section = useParams()["section"] ?? "checks";
  const Section = SECTIONS[section];
  if (!Section) return <NotFound />;
  return (
    <>
      <h1 className="sr">{t("tab.jobs")}</h1>
      <nav className="subtabs" aria-label={t("tab.jobs")}>
        {Object.keys(SECTIONS).map((name) => <NavLink key={name} to={name === "checks" ? "/jobs" : `/jobs/${name}`} end className="subtab">{t(`jobs.${name}` as "jobs.checks")}</NavLink>)}
      </nav>
      <Section />
    </>
  );
}
