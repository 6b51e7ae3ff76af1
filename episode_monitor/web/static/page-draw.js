// Turns answers into elements. Nothing here asks the network, and no text of an answer is ever read as HTML.

import { UNITS } from "./alert-types.js";
import { apart, chosen, count, hasText, moment, percent, seconds, text } from "./page-text.js";

const MOST_ALERTS = 50;
const MOST_RANGES = 80;

/** An element; properties starting with "on" are listeners, "data" is a map, null children are left out. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Put new children in; what had the focus gets it back if something with the same data-key is there. */
export function replace(holder, ...children) {
  const key = holder.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  holder.replaceChildren(...children.flat());
  if (key) [...holder.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key)?.focus();
}

const card = (label, value, note, tone) => make("div", { class: "card", data: tone ? { tone } : {} },
  make("p", { class: "label" }, label), make("p", { class: "value" }, value),
  note === undefined ? null : make("p", { class: "note" }, note));

const nothingYet = () => [make("p", { class: "calm" }, text("nothingYet"))];

const openButton = (id, key, openProject) =>
  make("button", { type: "button", class: "link", data: { key }, onclick: () => openProject(id) }, id);

/** The cards on top; each answer may be missing still. */
export function drawOverview(summary, alerts, stats) {
  if (!summary) return nothingYet();
  if (summary.monitoring_enabled === false) return [make("p", { class: "notice" }, text("switchedOff"))]; // no number is known
  const critical = alerts?.alerts.filter((alert) => alert.severity === "critical").length;
  const cards = [
    card(text("health"), percent(summary.health_percentage),
      text("ofProjects", count(summary.healthy_projects), count(summary.total_projects)), summary.unhealthy_projects ? "bad" : "good"),
    card(text("gaps"), count(summary.total_gaps), text("gapsNote"), summary.total_gaps ? "bad" : "good"),
    card(text("duplicates"), count(summary.total_duplicates), text("duplicatesNote"), summary.total_duplicates ? "bad" : "good"),
  ];
  if (alerts) cards.push(card(text("activeAlerts"), count(alerts.total), text("criticalOf", count(critical)), critical ? "bad" : alerts.total ? "warn" : "good"));
  if (stats) cards.push(card(text("successRate"), percent(stats.success_rate_percentage), text("lastMinutes", count(stats.window_minutes))));
  if (summary.stale_partitions.length) cards.push(make("p", { class: "notice" }, text("stale", summary.stale_partitions.join(", "))));
  return cards;
}

/** Rates, latencies and the day's totals. */
export function drawPerformance(stats) {
  if (!stats) return nothingYet();
  const rate = (name, part, whole) =>
    card(text(name), percent(stats[`${part}_rate_percentage`]), text("ofAttempted", count(stats[`${whole[0]}_operations`]), count(stats[`${whole[1]}_operations`])));
  return [
    rate("failureRate", "failure", ["failed", "ended"]),
    rate("conflictRate", "conflict", ["conflicted", "attempted"]),
    rate("retryRate", "retry", ["retried", "ended"]),
    card(text("average"), seconds(stats.average_duration_seconds), text("creationTime")),
    card(text("p95"), seconds(stats.p95_duration_seconds), text("creationTime")),
    card(text("p99"), seconds(stats.p99_duration_seconds), text("creationTime")),
    card(text("today"), count(stats.total_operations_today), text("failedToday", count(stats.failed_operations_today))),
  ];
}

/** A number of an alert with its unit, in as many digits as tell it from the other one. */
function measured(alert, value, other) {
  if (value === null) return "–";
  return chosen(UNITS[alert.alert_type] ?? ["{0}", "{0}"]).replace("{0}", apart(value, other));
}

const webAddress = (address) => /^https?:\/\//.test(address ?? "") ? address : null;

function drawAlert(alert, actions) {
  const button = (kind) => make("button", { type: "button", class: kind === "resolve" ? "" : "quiet",
    data: { key: `${kind} ${alert.alert_key}` }, "aria-label": `${text(kind)}: ${alert.title}`,
    onclick: () => actions.act(kind, alert) }, text(kind));
  const facts = [
    text(`status_${alert.status}`), text("since", moment(alert.starts_at)),
    text("valueOver", measured(alert, alert.value, alert.threshold), measured(alert, alert.threshold, alert.value)),
    alert.acknowledged_by ? text("acknowledgedBy", alert.acknowledged_by) : null,
    alert.silenced_until ? text("silencedUntil", moment(alert.silenced_until)) : null,
    alert.escalation_level > 0 ? text("escalated") : null,
  ].filter(Boolean);
  const runbook = webAddress(alert.runbook_url);
  return make("li", { class: "alert", data: { tone: alert.severity } },
    make("div", { class: "alert-text" },
      make("p", {}, make("span", { class: "badge" }, text(`severity_${alert.severity}`)), " ", make("strong", {}, alert.title)),
      make("p", {}, alert.description),
      make("p", { class: "note" }, openButton(alert.project_id, `open ${alert.alert_key}`, actions.openProject), " · ", facts.join(" · "),
        runbook ? " · " : null, runbook ? make("a", { href: runbook, rel: "noreferrer" }, text("runbook")) : null)),
    make("div", { class: "buttons" }, alert.acknowledged_by ? null : button("acknowledge"), button("resolve")));
}

/** The active alerts with what can be done about each. */
export function drawAlerts(answer, actions) {
  if (!answer) return nothingYet();
  if (!answer.total) return [make("p", { class: "calm" }, text("noAlerts"))];
  const rest = answer.alerts.length - MOST_ALERTS;
  return [
    make("ul", { class: "list" }, answer.alerts.slice(0, MOST_ALERTS).map((alert) => drawAlert(alert, actions))),
    ...(rest > 0 ? [make("p", { class: "note" }, text("moreAlerts", count(rest)))] : []),
  ];
}

/** The table of projects; on a narrow screen each row becomes a block, labelled by data-label. */
export function drawProjects(page, searching, openProject) {
  if (!page) return nothingYet();
  if (!page.projects.length) return [make("p", { class: "calm" }, text(searching ? "noMatch" : "noFindings"))];
  const heads = ["project", "score", "gaps", "duplicates", "episodes", "highest"].map((name) => text(name));
  const rows = page.projects.map((project) => {
    const cells = [project.health_score.toFixed(1), count(project.gaps_total), count(project.duplicates_total), count(project.total_episodes), count(project.max_number)];
    return make("tr", { data: project.is_healthy ? {} : { tone: "bad" } },
      make("th", { scope: "row" }, openButton(project.project_id, `row ${project.project_id}`, openProject)),
      cells.map((cell, place) => make("td", { data: { label: heads[place + 1] } }, cell)));
  });
  return [
    make("table", {}, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows)),
    make("p", { class: "note" }, text("shownOf", count(page.projects.length), count(page.total))),
  ];
}

const range = (first, last) => first === last ? count(first) : `${count(first)}–${count(last)}`;
const chips = (items) => items.length ? make("ul", { class: "chips" }, items.map((item) => make("li", {}, item))) : make("p", { class: "calm" }, text("none"));

/** The command that plans a repair, quoted for a shell whatever the project is called. */
function planCommand(projectId) {
  const word = /^[\w][\w.@:+-]*$/.test(projectId) ? projectId : `'${projectId.replaceAll("'", `'\\''`)}'`;
  return make("p", { class: "note" }, text("mend"), " ", make("code", {}, `episode-monitor repair plan ${projectId.startsWith("-") ? "-- " : ""}${word}`));
}

/** One project: what is missing, what is held twice and by whom, what has not settled. */
export function drawProject(view) {
  const shown = view.gap_ranges.slice(0, MOST_RANGES);
  const numbers = shown.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const gaps = shown.map(([first, last]) => range(first, last));
  if (view.gaps_total > numbers) gaps.push(text("andMore", count(view.gaps_total - numbers)));
  const owners = Object.entries(view.duplicate_owners).map(([number, episodes]) =>
    make("li", {}, text("heldBy", count(Number(number)), episodes.join(", "))));
  const suspects = view.suspects.map((suspect) => make("li", {},
    text(`suspect_${suspect.kind}`, range(suspect.first_number, suspect.last_number)),
    suspect.settles_at ? ` · ${text("settles", moment(suspect.settles_at))}` : ""));
  return [
    view.capped ? make("p", { class: "notice" }, text("capped")) : "",
    make("div", { class: "cards small" },
      card(text("score"), view.health_score.toFixed(1), undefined, view.is_healthy ? "good" : "bad"),
      card(text("episodes"), count(view.total_episodes)), card(text("highest"), count(view.max_number)),
      card(text("gaps"), count(view.gaps_total)), card(text("duplicates"), count(view.duplicates.length))),
    make("h3", {}, text("gapNumbers")), chips(gaps),
    make("h3", {}, text("duplicateNumbers")), owners.length ? make("ul", { class: "list plain" }, owners) : chips([]),
    make("h3", {}, text("suspects")), suspects.length ? make("ul", { class: "list plain" }, suspects) : chips([]),
    view.is_healthy ? "" : planCommand(view.project_id),
    make("p", { class: "note" }, text("appliedAt", view.applied.partition, count(view.applied.offset), moment(view.as_of))),
  ];
}

/** Readiness, part by part, in the words of the worker. */
export function drawReadiness(readiness) {
  if (!readiness) return nothingYet();
  const parts = Object.entries(readiness.parts).map(([name, state]) => make("li", { data: { tone: state === "ok" ? "good" : "bad" } },
    make("strong", {}, hasText(`part_${name}`) ? text(`part_${name}`) : name), ` ${state === "ok" ? text("ok") : state}`));
  return [
    make("ul", { class: "chips" },
      make("li", { data: { tone: readiness.ready ? "good" : "bad" } }, make("strong", {}, text(readiness.ready ? "ready" : "notReady"))),
      parts, make("li", {}, make("strong", {}, text("lag")), ` ${readiness.lag === null ? "?" : count(readiness.lag)}`)),
  ];
}
