// The bar on top and the empty page below it, as `app/Header.tsx` and `app/Shell.tsx` draw them. What needs the page's own
// script, such as the settings, comes with it.

import type { Language } from "~/logic/format";
import { say } from "~/logic/say";
import { tabs, type Tab } from "~/logic/tabs";
import { bones, element } from "./element";

const BONES = 8;

export function tabBar(known: Parameters<typeof tabs>[0], language: Language, hash: string): HTMLElement {
  const path = /^#?(\/?[^?]*)/.exec(hash)?.[1] || "/";
  const isHere = (to: string) => (to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`));
  const drawn = tabs(known).map((tab) => element("a", { ...(isHere(tab.to) ? { "aria-current": "page", class: "tab active" } : { class: "tab" }), href: `#${tab.to}` }, ...label(tab, language)));
  return element("nav", { class: "tabs", "aria-label": say(language, "tab.all") }, ...drawn);
}

const inBoth = (long: string, short: string) => [element("span", { class: "wide" }, long), element("span", { class: "narrow" }, short)];

const label = ({ label: long, short, count }: Tab, language: Language) => [
  ...(short ? inBoth(say(language, long), say(language, short)) : [say(language, long)]),
  count && element("span", { class: `count count-${count.tone}` }, ...inBoth(count.long, count.short)),
];

export function frame(language: Language, hash: string): HTMLElement[] {
  const title = say(language, "title");
  const brand = element("a", { class: "brand", href: "#/", "aria-label": title }, element("span", { class: "logo" }), element("span", { class: "brand-word" }, title));
  const line = element("div", { class: "top-line" }, brand, tabBar({}, language, hash), element("div", { class: "tools" }));
  return [
    element("header", { class: "top" }, line),
    element("main", { id: "main", class: "main", tabindex: "-1", "data-first": "" }, bones(BONES, say(language, "state.loading"))),
  ];
}
