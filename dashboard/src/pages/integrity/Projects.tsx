// The list of projects: searched, filtered, sorted and paged by the server.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { reads, type ProjectsAsked } from "~/api/reads";
import type { ProjectRow } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toProject } from "~/logic/address";
import { command } from "~/logic/export";
import { Answer, State } from "~/parts/Answer";
import { Export } from "~/parts/Export";
import { Choice, Pager, Search, useParameter } from "~/parts/Filters";
import { Icon } from "~/parts/Icon";
import { Tag } from "~/parts/Severity";
import { useTranslation } from "~/text";

const SORTS = ["worst", "project_id", "gaps", "duplicates", "episodes"] as const;

function Row({ project }: { project: ProjectRow }) {
  const { t } = useTranslation();
  const format = useFormat();
  const bad = (value: number) => <span className={value ? "critical strong-num" : "muted"}>{format.count(value)}</span>;
  return (
    <tr>
      <td className="shrink">{project.is_split ? <Tag tone="warning" icon="warning">{t("project.split")}</Tag> : project.is_healthy ? <Tag tone="good" icon="good">{t("project.healthy")}</Tag> : <Tag tone="critical" icon="critical">{t("project.unhealthy")}</Tag>}</td>
      <td className="main-cell main-inline"><Link to={toProject(project.project_id)} className="name strong">{project.project_id}</Link></td>
      <td className="num" data-label={t("project.gaps")}>{bad(project.gaps_total)}</td>
      <td className="num" data-label={t("project.duplicates")}>{bad(project.duplicates_total)}</td>
      <td className="num is-detail" data-label={t("project.score")}>{project.health_score.toFixed(1)}</td>
      <td className="num is-detail" data-label={t("project.episodes")}>{format.count(project.total_episodes)}</td>
      <td className="num is-detail" data-label={t("project.max")}>{format.count(project.max_number)}</td>
      <td className="acts acts-inline">{project.is_healthy ? null : <Link to={toProject(project.project_id)} className="plain outlined">{t("step.repair")}<Icon name="right" size={12} /></Link>}</td>
    </tr>
  );
}

function Head({ name, sort, setSort, numeric }: { name: (typeof SORTS)[number]; sort: string; setSort: (sort: string) => void; numeric?: boolean }) {
  const { t } = useTranslation();
  return (
    <th className={numeric ? "num" : ""} aria-sort={sort === name ? (name === "project_id" ? "ascending" : "descending") : undefined}>
      <button type="button" className="sort" onClick={() => setSort(sort === name ? "" : name)}>{t(`project.${name}` as "project.gaps")}{sort === name ? <Icon name="down" size={11} /> : null}</button>
    </th>
  );
}

export function Projects() {
  const { t } = useTranslation();
  const format = useFormat();
  const [q, setQ] = useParameter("q");
  const [status, setStatus] = useParameter("status", "all");
  const [sort, setSort] = useParameter("sort", "worst");
  const [cursor] = useParameter("cursor");
  const summary = useQuery(reads.summary()).data;
  const asked = { q: q || null, status: status as ProjectsAsked["status"], sort: (sort || "worst") as ProjectsAsked["sort"], limit: 50, cursor: cursor || null };
  const query = useQuery({ ...reads.projects(asked), placeholderData: keepPreviousData });
  const counts: Record<string, number | null | undefined> = { all: summary?.total_projects, unhealthy: summary?.unhealthy_projects, healthy: summary?.healthy_projects, split: summary && "split_projects" in summary ? summary.split_projects : undefined };
  const shown = ["all", "unhealthy", "healthy", ...(counts["split"] || status === "split" ? ["split"] : [])];
  return (
    <section className="panel">
      <div className="panel-head">
        <div className="filters">
          <Search label={t("project.search")} value={q} onChange={setQ} />
          <Choice label={t("project.status")} value={status} onChange={setStatus} options={shown.map((value) => ({ value, label: `${t(`projects.${value}` as "projects.all")} ${counts[value] === undefined ? "" : format.count(counts[value])}` }))} />
        </div>
        <span className="push">{query.data ? <Export path="/monitoring/episodes/integrity/projects" asked={{ status, sort: sort || "worst", q }} command={command(["check", "--deep"])} /> : null}</span>
      </div>
      <Answer of={query} lines={10}>
        {({ projects, total, next_cursor }) =>
          projects.length ? (
            <>
              <div className="table-wrap">
                <table className="table table-fold">
                  <thead>
                    <tr>
                      <th>{t("project.status")}</th>
                      <Head name="project_id" sort={sort} setSort={setSort} />
                      <Head name="gaps" sort={sort} setSort={setSort} numeric />
                      <Head name="duplicates" sort={sort} setSort={setSort} numeric />
                      <th className="num">{t("project.score")}</th>
                      <Head name="episodes" sort={sort} setSort={setSort} numeric />
                      <th className="num">{t("project.max")}</th>
                      <th><span className="sr">{t("alerts.acts")}</span></th>
                    </tr>
                  </thead>
                  <tbody>{projects.map((project) => <Row key={project.project_id} project={project} />)}</tbody>
                </table>
              </div>
              <Pager shown={projects.length} total={total} next={next_cursor} format={format.count} />
            </>
          ) : q ? (
            <State icon="search" title={t("filter.none")}>{t("project.none.q")}</State>
          ) : (
            <State icon="good" title={t("project.none")}>{t("project.none.detail")}</State>
          )
        }
      </Answer>
    </section>
  );
}
