// The overview as its components draw it, without what they alone have: a test holds the two against each other.

import { attention, MOST, verdict, type Item, type Known } from "~/logic/attention";
import { FLEET } from "~/logic/address";
import { figures, type Figure } from "~/logic/figures";
import { count, relative, type Language } from "~/logic/format";
import { said, say } from "~/logic/say";
import type { FirstKey } from "~/text/first";
import type { Answers } from "./answers";
import { bones, element, icon } from "./element";

type Say = (key: FirstKey, given?: Record<string, string>) => string;

export function overview(answers: Partial<Answers>, language: Language, now: number): HTMLElement {
  const words: Say = (key, given) => say(language, key, given);
  return element(
    "div", { class: "stack" },
    element("h1", { class: "sr" }, words("tab.overview")),
    element("div", { class: "figures panel" }, ...figures(answers, language).map(figure)),
    element(
      "div", { class: "overview" },
      needs(answers, language, now),
      element("div", { class: "stack side" }, empty(words, "oncall.title", 2), empty(words, "monitor.title", 4, "monitor")),
    ),
    empty(words, "heartbeat.title", 3),
  );
}

const empty = (words: Say, title: FirstKey, lines: number, id?: string) =>
  element("section", { class: "panel", ...(id ? { id } : {}) }, element("div", { class: "panel-head" }, element("h2", {}, words(title))), bones(lines, words("state.loading")));

function figure({ label, value, note, tone, to, stale }: Figure): HTMLElement {
  const mark = value !== null && element("span", { class: tone }, icon(tone));
  return element(
    "a", { class: `figure${stale ? " panel-old" : ""}`, href: `#${to}` },
    element("span", { class: "figure-label" }, mark, label),
    element("strong", { class: `figure-value${value !== null && tone !== "good" ? ` ${tone}` : ""}` }, value ?? element("span", { class: "bone figure-bone" })),
    element("span", { class: "figure-note" }, ...(stale ? [icon("pending", 11), ` ${stale} · `] : []), note || "\u00a0"),
  );
}

function knownOf({ alerts, summary, projects, readiness }: Partial<Answers>): Known {
  return { alerts: alerts?.alerts, summary: summary && summary.total_projects !== null ? summary : undefined, projects: projects?.projects, readiness };
}

function needs(answers: Partial<Answers>, language: Language, now: number): HTMLElement {
  const items = attention(knownOf(answers));
  const known = Boolean(answers.alerts && answers.summary);
  const { says, tone } = verdict(items, known);
  const rows = items.slice(0, MOST).map((item) => row(item, language, now));
  const more = items.length > MOST && element("li", { class: "pager" }, element("a", { href: "#/alerts" }, say(language, "attention.more", { more: count(items.length - MOST) })));
  const body = items.length ? element("ul", {}, ...rows, more) : known ? calm(language) : bones(5, say(language, "state.loading"));
  return element(
    "section", { class: "panel attention", "aria-labelledby": "attention" },
    element("div", { class: "panel-head" }, element("h2", { id: "attention", class: tone }, said(says, language)), element("a", { class: "push plain", href: "#/alerts" }, say(language, "attention.all"))),
    body,
  );
}

const calm = (language: Language) =>
  element("div", { class: "state" }, icon("good", 20), element("div", {}, element("strong", {}, say(language, "attention.calm")), say(language, "attention.calm.detail")));

function row(item: Item, language: Language, now: number): HTMLElement {
  const project = item.name && [element("span", { class: "name strong" }, item.name === FLEET ? say(language, "project.all") : item.name), " ", element("span", { class: "muted" }, "·"), " "];
  const step = element("a", { class: "plain outlined", href: item.to.startsWith("#") ? item.to : `#${item.to}` }, say(language, item.step), icon("right", 12));
  if (item.to.startsWith("#")) step.addEventListener("click", (event) => (event.preventDefault(), document.getElementById("monitor")?.scrollIntoView({ block: "center" })));
  return element(
    "li", { class: `need need-${item.tone}` },
    element("span", { class: `tag tag-${item.tone}` }, icon(item.tone, 13), say(language, `severity.${item.tone}`)),
    element("div", { class: "need-text" }, element("p", {}, ...(project || []), element("span", {}, said(item.title, language))), element("p", { class: "note name" }, said(item.detail, language))),
    element("span", { class: "note need-since" }, item.since && element("time", { datetime: item.since, class: "nowrap" }, relative(new Date(item.since).getTime(), now, language))),
    step,
  );
}
