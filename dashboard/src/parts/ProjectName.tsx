// A project by its id, or "all projects" where an alert is about all of them.

import { Link } from "react-router";
import { FLEET, toProject } from "~/logic/address";
import { useTranslation } from "~/text";

export function ProjectName({ id, className = "" }: { id: string; className?: string }) {
  const { t } = useTranslation();
  return <span className={`name ${className}`}>{id === FLEET ? t("project.all") : id}</span>;
}

export const ProjectLink = ({ id, className = "" }: { id: string; className?: string }) => (
  <Link to={toProject(id)} className={`name ${className}`}>
    <ProjectName id={id} />
  </Link>
);
