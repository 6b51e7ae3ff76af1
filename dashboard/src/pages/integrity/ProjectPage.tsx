// One project: its numbers, what is wrong with them since when, and how to mend it.

import { useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { reads } from "~/api/reads";
import type { ProjectView } from "~/api/types";
import { useFormat } from "~/app/use-format";
import { toPerformance } from "~/logic/address";
import { command, curl } from "~/logic/export";
import { splitText } from "~/logic/sentences";
import { Answer } from "~/parts/Answer";
import { Copy } from "~/parts/Copy";
import { Icon } from "~/parts/Icon";
import { At } from "~/parts/Moment";
import { Panel } from "~/parts/Panel";
import { Tag } from "~/parts/Severity";
import { useTranslation } from "~/text";
import { Findings } from "./Findings";
import { NumberLine } from "./NumberLine";
import { Repair } from "./Repair";
import { Drift, Latency, ProjectAlerts } from "./ProjectSides";

function Head({ view }: { view: ProjectView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const address = new URL(`./monitoring/episodes/integrity/project?${new URLSearchParams({ project_id: view.project_id })}`, document.baseURI).href;
  return (
    <>
      <div className="page-head">
        {view.split ? <Tag tone="warning" icon="warning">{t("project.split")}</Tag> : view.is_healthy ? <Tag tone="good" icon="good">{t("project.healthy")}</Tag> : <Tag tone="critical" icon="critical">{t("project.unhealthy")}</Tag>}
        <h1 className="name">{view.project_id}</h1>
        <div className="row push">
          <Copy label={t("copy.id")} text={view.project_id} />
          <Copy label={t("export.curl")} text={curl(address)} />
          <Copy label={t("export.command")} text={command(["check"], view.project_id)} />
        </div>
      </div>
      {view.split ? <div className="notice"><Icon name="warning" /><span>{splitText(view.split)}</span></div> : null}
      {view.capped ? <div className="notice"><Icon name="warning" /><span>{t("project.capped")}</span></div> : null}
      <dl className="numbers panel">
        <div><dt>{t("project.score")}</dt><dd className={view.is_healthy ? "" : "critical"}>{view.health_score.toFixed(1)}</dd></div>
        <div><dt>{t("project.gaps")}</dt><dd className={view.gaps_total ? "critical" : ""}>{format.count(view.gaps_total)}</dd></div>
        <div><dt>{t("project.duplicates")}</dt><dd className={view.duplicates.length ? "critical" : ""}>{format.count(view.duplicates.length)}</dd></div>
        <div><dt>{t("project.suspects")}</dt><dd>{format.count(view.suspects.length)}</dd></div>
        <div><dt>{t("project.episodes")}</dt><dd>{format.count(view.total_episodes)}</dd></div>
        <div><dt>{t("project.max")}</dt><dd>{format.count(view.max_number)}</dd></div>
      </dl>
    </>
  );
}

export function ProjectPage() {
  const { t } = useTranslation();
  const format = useFormat();
  const id = useSearchParams()[0].get("id") ?? "";
  const project = useQuery({ ...reads.project(id), enabled: id !== "" });
  const findings = useQuery({ ...reads.findings(id), enabled: id !== "" });
  return (
    <>
      <p className="crumbs"><Link to="/integrity">{t("tab.integrity")}</Link> <Icon name="right" size={11} /> <span className="name">{id}</span></p>
      <Answer of={project} lines={10}>
        {(view) => (
          <div className="stack">
            <Head view={view} />
            <Panel title={t("line.title")} tools={<span className="note">{t("project.exact", { offset: format.count(view.applied.offset), partition: view.applied.partition })} · <At at={view.as_of} /></span>}>
              <NumberLine view={view} findings={findings.data?.findings ?? []} />
            </Panel>
            <div className="two">
              <Findings project={id} view={view} query={findings} />
              <div className="stack">
                <Repair project={id} healthy={view.is_healthy} />
                <ProjectAlerts project={id} />
                <Latency project={id} link={toPerformance({ project: id })} />
                <Drift project={id} />
              </div>
            </div>
          </div>
        )}
      </Answer>
    </>
  );
}
