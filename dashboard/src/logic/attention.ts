// What needs a person now, worst first, each with its next step. Pure.

import type { ActiveAlert, ProjectRow, Readiness, Summary } from "~/api/types";
import type { FirstKey } from "~/text/first";
import { toAlert, toIntegrity, toProject } from "./address";
import { isSilenced, shortTitle, worstFirst } from "./alerts";
import type { Said, Told } from "./say";

export interface Item {
  id: string;
  tone: "critical" | "warning" | "info";
  title: Said;
  name?: string; // the project, as the data has it
  detail: Said;
  since?: string;
  step: FirstKey;
  to: string;
}

export const MOST = 12; // are shown

export interface Known {
  alerts?: readonly ActiveAlert[];
  summary?: Summary;
  projects?: readonly ProjectRow[];
  readiness?: Readiness;
  letters?: number;
}

export function attention({ alerts = [], summary, projects = [], readiness, letters = 0 }: Known): Item[] {
  const open = worstFirst(alerts).filter((alert) => alert.status === "firing" && !alert.acknowledged_by && !isSilenced(alert));
  const told = new Set(alerts.map((alert) => alert.project_id));
  return [
    ...monitorItems(readiness, summary),
    ...open.map((alert) => new AlertItem(alert)),
    ...projects.filter((project) => !project.is_healthy && !told.has(project.project_id)).map(projectItem),
    ...(letters ? [letterItem(letters)] : []),
  ];
}

/** All in one sentence, in the tone of the worst; `known`: the answers that it needs have come. */
export function verdict(items: readonly Item[], known: boolean): { says: Told; tone: "critical" | "warning" | "good" | "" } {
  const worst = (["critical", "warning"] as const).find((tone) => items.some((item) => item.tone === tone));
  const many = items.filter((item) => item.tone !== "info").length;
  if (many) return { says: { key: "attention.some", given: { many } }, tone: worst ?? "" };
  if (items.length) return { says: { key: "monitor.recovering" }, tone: "" };
  return known ? { says: { key: "attention.none" }, tone: "good" } : { says: { key: "attention.title" }, tone: "" };
}

/** Of a thousand alerts a dozen are shown: only their lines are made. */
class AlertItem implements Item {
  constructor(private readonly alert: ActiveAlert) {}
  get id() {
    return this.alert.alert_key;
  }
  get tone() {
    return this.alert.severity === "critical" ? "critical" : "warning";
  }
  get name() {
    return this.alert.project_id;
  }
  get title() {
    return shortTitle(this.alert);
  }
  get detail() {
    return this.alert.description;
  }
  get since() {
    return this.alert.starts_at;
  }
  get step() {
    return this.isOfNumbers ? "step.repair" : "step.alert";
  }
  get to() {
    return this.isOfNumbers ? toProject(this.alert.project_id) : toAlert(this.alert.alert_key);
  }
  private get isOfNumbers() {
    return this.alert.alert_type === "INTEGRITY_VIOLATION";
  }
}

function projectItem(project: ProjectRow): Item {
  return {
    id: `project ${project.project_id}`,
    tone: "warning",
    title: { key: "attention.project" },
    name: project.project_id,
    detail: { key: "attention.project.detail", given: { gaps: project.gaps_total, duplicates: project.duplicates_total } },
    step: "step.project",
    to: toProject(project.project_id),
  };
}

const letterItem = (letters: number): Item => ({
  id: "letters",
  tone: "warning",
  title: { key: "attention.letters", given: { letters } },
  detail: { key: "attention.letters.detail" },
  step: "step.letters",
  to: "/alerts/dead-letters",
});

/** A start is no fault: what is not there yet because tables are being restored is one line. */
export const isRecovering = (readiness: Pick<Readiness, "parts" | "recovery"> | undefined): boolean =>
  readiness !== undefined && readiness.recovery["complete"] === false && readiness.parts["tables"] !== "ok";

const STARTING = ["tables", "events", "fleet", "partitioning", "dispatcher", "audit"];

const recoveringItem = ({ recovery, parts }: Readiness): Item => ({
  id: "recovering",
  tone: "info",
  title: { key: "attention.recovering" },
  detail: parts["broker"] === "ok" ? { key: "monitor.recovery.value", given: { live: Number(recovery["partitions_live"]), partitions: Number(recovery["partitions"]) } } : (parts["broker"] ?? ""),
  step: "step.monitor",
  to: "#monitor",
});

function monitorItems(readiness?: Readiness, summary?: Summary): Item[] {
  if (readiness && isRecovering(readiness)) {
    const others = Object.entries(readiness.parts).filter(([part, state]) => state !== "ok" && part !== "broker" && !STARTING.includes(part));
    return [recoveringItem(readiness), ...others.map(([part, state]) => partItem(part, state, true))];
  }
  const stale = summary?.stale_partitions ?? [];
  const parts = Object.entries(readiness?.parts ?? {}).filter(([, state]) => state !== "ok");
  return [
    ...(stale.length ? [{ id: "stale", tone: "critical" as const, title: { key: "attention.stale" as const }, detail: { key: "attention.stale.detail" as const, given: { partitions: stale.join(", ") } }, step: "step.monitor" as const, to: "#monitor" }] : []),
    ...(summary?.split_projects ? [{ id: "split", tone: "warning" as const, title: { key: "attention.split" as const, given: { projects: summary.split_projects } }, detail: { key: "attention.split.detail" as const }, step: "step.project" as const, to: toIntegrity({ status: "split" }) }] : []),
    ...parts.map(([part, state]) => partItem(part, state, readiness?.ready ?? false)),
  ];
}

const partItem = (part: string, state: string, isReady: boolean): Item => ({ id: `part ${part}`, tone: isReady ? "warning" : "critical", title: { part }, detail: { part, state }, step: "step.monitor", to: "#monitor" });
