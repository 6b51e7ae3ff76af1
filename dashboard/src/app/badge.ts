// What the window's title names: how many alerts fire, and the page. The number is in the icon too.

import { hasText, t as translate, type TextKey } from "~/text";

const MOST = 99;

/** What has an id of its own, and the list it is from. */
const ONE: Record<string, TextKey> = { alert: "tab.alerts", project: "tab.integrity", plan: "integrity.repairs" };

/** What is at an address, the particular first: tabs of a browser are narrow. */
function names(pathname: string, search: string, t: typeof translate): string[] {
  const [page = "", section = ""] = pathname.slice(1).split("/");
  const list = ONE[page];
  if (list) {
    const given = new URLSearchParams(search);
    return [given.get("key") ?? given.get("id") ?? "", t(list)];
  }
  const [tab, part] = [`tab.${page || "overview"}`, `${page}.${section}`];
  return hasText(tab) ? [...(section && hasText(part) ? [t(part)] : []), t(tab)] : [t("missing.title")];
}

export function windowTitle(firing: number, { pathname, search }: { pathname: string; search: string }, t: typeof translate): string {
  const title = [...names(pathname, search, t), t("title")].filter(Boolean).join(" · ");
  return firing ? `(${firing > MOST ? `${MOST}+` : firing}) ${title}` : title;
}

export function badge(firing: number, critical: boolean): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  const tile = '<rect width="32" height="32" rx="7" fill="#1559b3"/><path d="M7 22v-6M13 22V10M25 22V8" stroke="#fff" stroke-width="3.4" stroke-linecap="round"/>';
  const text = firing > MOST ? `${MOST}+` : String(firing);
  const mark = firing
    ? `<rect y="13" x="${text.length > 1 ? 8 : 14}" width="${text.length > 1 ? 24 : 18}" height="19" rx="6" fill="${critical ? "#c81e28" : "#b66a00"}"/><text x="${text.length > 1 ? 20 : 23}" y="28" font-family="sans-serif" font-weight="700" font-size="${text.length > 2 ? 12 : 15}" text-anchor="middle" fill="#fff">${text}</text>`
    : "";
  link.href = firing ? `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${tile}${mark}</svg>`)}` : "./static/favicon.svg";
}
