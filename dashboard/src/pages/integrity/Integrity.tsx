// Projects, the ones with problems first, and repair plans.

import type { ComponentType } from "react";
import { NavLink, useParams } from "react-router";
import { NotFound } from "~/pages/NotFound";
import { useTranslation } from "~/text";
import { Plans } from "./Plans";
import { Projects } from "./Projects";

const SECTIONS: Record<string, ComponentType> = { projects: Projects, repairs: Plans };

export function Integrity() {
  const { t } = useTranslation();
  const section = useParams()["section"] ?? "projects";
  const Section = SECTIONS[section];
  if (!Section) return <NotFound />;
  return (
    <>
      <h1 className="sr">{t("tab.integrity")}</h1>
      <nav className="subtabs" aria-label={t("tab.integrity")}>
        {Object.keys(SECTIONS).map((name) => <NavLink key={name} to={name === "projects" ? "/integrity" : `/integrity/${name}`} end className="subtab">{t(`integrity.${name}` as "integrity.projects")}</NavLink>)}
      </nav>
      <Section />
    </>
  );
}
