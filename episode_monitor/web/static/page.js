// The built-in page: asks every two seconds, draws what changed, and says so when the numbers cannot be trusted.

import { drawAlerts, drawOverview, drawPerformance, drawProject, drawProjects, drawReadiness, make, replace } from "./page-draw.js";
import { currentLanguage, hasText, moment, store, stored, text, toggleLanguage } from "./page-text.js";

const ROOT = "./monitoring/episodes"; // relative, so that the page works below any path of a proxy
const REFRESH_MS = 2000;
const TIMEOUT_MS = 8000; // longer than a worker waits for another one
const MOST_PROJECTS = 20;

const at = (id) => document.getElementById(id);
const answers = {}; // the last good answer of each question
const drawn = {}; // what each part of the page was last drawn from, so that it is drawn only when that changed
let freshAt = null; // when all questions were last answered
let connection = { state: "connecting", detail: "" };
let openedProject = null;
let pendingAct = null;
let timer;
let asking = false;
let again = false; // something was chosen while a round was under way, so another follows at once

/** Ask for JSON. Gives {ok, status, body}; throws only where no answer came. */
async function ask(path, options = {}) {
  const response = await fetch(path, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  return { ok: response.ok, status: response.status, body: await response.json() };
}

function questions() {
  const found = at("search").value.trim();
  const projects = found ? `status=all&q=${encodeURIComponent(found)}` : "status=unhealthy";
  const all = {
    readiness: "./readyz",
    summary: `${ROOT}/integrity/summary`,
    alerts: `${ROOT}/alerts/active`,
    stats: `${ROOT}/performance/stats?window_minutes=${at("window").value}`,
    projects: `${ROOT}/integrity/projects?${projects}&limit=${MOST_PROJECTS}`,
  };
  if (openedProject !== null) all.project = `${ROOT}/integrity/project?project_id=${encodeURIComponent(openedProject)}`;
  return all;
}

/** One round: ask everything, keep what came, and work out how far to trust it. */
async function refresh() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  again = false;
  clearTimeout(timer);
  const asked = Object.entries(questions());
  const project = openedProject;
  const outcomes = await Promise.allSettled(asked.map(([, path]) => ask(path)));
  const failures = [];
  asked.forEach(([name], place) => {
    const { status, value } = outcomes[place];
    if (status === "rejected") failures.push({ lost: true });
    else if (name === "project" && project !== openedProject) return; // another one was opened meanwhile
    else if (name === "readiness" && value.body.parts) answers.readiness = value.body;
    else if (value.ok) answers[name] = value.body;
    else if (name === "project" && value.status === 404) answers.project = null;
    else failures.push(value.body);
  });
  connection = judge(failures, asked.length);
  if (!failures.length) freshAt = new Date().toISOString();
  asking = false;
  draw();
  if (!document.hidden) timer = setTimeout(refresh, again ? 0 : REFRESH_MS);
}

function judge(failures, asked) {
  if (!failures.length) return { state: "live", detail: "" };
  if (failures.filter((failure) => failure.lost).length === asked) return { state: "lost", detail: "" };
  if (failures.some((failure) => failure.code === "recovering")) return { state: "recovering", detail: "" };
  const told = failures.find((failure) => failure.detail);
  return { state: "trouble", detail: told ? told.detail : text("networkError") };
}

const TONES = { live: "good", recovering: "warn", trouble: "warn", lost: "bad", connecting: "faint" };

function drawConnection() {
  const { state, detail } = connection;
  const pill = at("state");
  const words = state === "live" ? `${text("live")} · ${moment(freshAt)}` : text(state);
  if (pill.textContent !== words) pill.textContent = words;
  pill.dataset.tone = TONES[state];
  pill.setAttribute("aria-live", state === "live" ? "off" : "polite"); // a clock read aloud every two seconds helps nobody
  const name = { lost: "bannerLost", recovering: "bannerRecovering" }[state];
  const told = name ? text(freshAt ? name : `${name}Empty`, freshAt && moment(freshAt)) : "";
  const notice = state === "trouble" ? text("bannerTrouble", detail) : told;
  const banner = at("banner");
  if (banner.textContent !== notice) banner.textContent = notice;
  banner.hidden = !notice;
  banner.dataset.tone = TONES[state];
  at("main").classList.toggle("old", state === "lost" || state === "recovering");
}

/** Draw a part if anything it shows has changed; a part that is left alone keeps its focus and selection. */
function part(id, sources, drawIt) {
  const key = JSON.stringify([currentLanguage(), sources]);
  if (drawn[id] === key) return;
  drawn[id] = key;
  replace(at(id), drawIt());
}

function draw() {
  drawConnection();
  const { summary, alerts, stats, projects, readiness } = answers;
  const searching = at("search").value.trim() !== "";
  at("h-projects").textContent = text(searching ? "projectsFound" : "projects");
  part("overview", [summary, alerts, stats], () => drawOverview(summary, alerts, stats));
  part("alerts", [alerts], () => drawAlerts(alerts, { act: openAct, openProject }));
  part("performance", [stats], () => drawPerformance(stats));
  part("projects", [projects, searching], () => drawProjects(projects, searching, openProject));
  part("ready", [readiness], () => drawReadiness(readiness));
  if (openedProject !== null && answers.project !== undefined) {
    const view = answers.project;
    part("project-body", [view], () => (view ? drawProject(view) : [make("p", {}, text("unknownProject"))]));
  }
}

/** Show one project; its id is in the address, so that it can be linked to. */
function openProject(id) {
  openedProject = id;
  delete answers.project;
  at("project-title").textContent = id;
  replace(at("project-body"), make("p", { class: "note" }, text("connecting")));
  delete drawn["project-body"];
  history.replaceState(null, "", `#project=${encodeURIComponent(id)}`);
  if (!at("project").open) at("project").showModal();
  refresh();
}

function openAct(kind, alert) {
  pendingAct = { kind, alert };
  const form = at("act-form");
  form.elements.by.value = stored("name") ?? "";
  form.elements.comment.value = "";
  form.elements.token.value = stored("token", "sessionStorage") ?? "";
  at("act-token").hidden = !form.elements.token.value;
  at("act-error").hidden = true;
  nameAct();
  at("act").showModal();
}

function nameAct() {
  if (!pendingAct) return;
  at("act-title").textContent = text(`${pendingAct.kind}Title`);
  at("act-what").textContent = text("onAlert", pendingAct.alert.project_id, pendingAct.alert.title);
  at("act-send").textContent = text(pendingAct.kind);
}

async function sendAct(event) {
  event.preventDefault();
  const { by, comment, token } = Object.fromEntries(new FormData(at("act-form")));
  const path = `${ROOT}/alerts/${encodeURIComponent(pendingAct.alert.alert_key)}/${pendingAct.kind}`;
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  at("act-send").disabled = true;
  try {
    const { ok, status, body } = await ask(path, { method: "POST", headers, body: JSON.stringify({ by, comment }) });
    if (ok) {
      store("name", by);
      if (token) store("token", token, "sessionStorage");
      at("act").close();
      refresh();
      return;
    }
    if (status === 401 || body.code === "loopback_only") at("act-token").hidden = false;
    showActError(hasText(`code_${body.code}`) ? text(`code_${body.code}`) : body.detail);
  } catch {
    showActError(text("networkError"));
  } finally {
    at("act-send").disabled = false;
  }
}

function showActError(words) {
  at("act-error").textContent = words;
  at("act-error").hidden = false;
}

function speak() {
  document.documentElement.lang = currentLanguage();
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  at("language").textContent = text("otherLanguage");
  at("language").lang = currentLanguage() === "en" ? "ko" : "en";
  nameAct();
  draw();
}

function projectOfAddress() {
  const found = /^#project=(.+)$/.exec(location.hash);
  try { return found && decodeURIComponent(found[1]); } catch { return null; }
}

at("language").addEventListener("click", () => { toggleLanguage(); speak(); });
at("window").addEventListener("change", refresh);
at("search").addEventListener("input", refresh);
at("act-form").addEventListener("submit", sendAct);
at("project").addEventListener("close", () => {
  openedProject = null;
  history.replaceState(null, "", location.pathname);
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
window.addEventListener("hashchange", () => { const id = projectOfAddress(); if (id) openProject(id); });

speak();
const linked = projectOfAddress();
if (linked) openProject(linked);
else refresh();
