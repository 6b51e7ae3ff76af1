// Elements without a library: texts are text, never markup.

import { PATHS, type IconName } from "~/parts/icon-paths";

type Child = Node | string | null | false | undefined;

export function element(tag: string, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child): child is Node | string => Boolean(child)));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";
const STROKE = { fill: "none", stroke: "currentColor", "stroke-width": "1.5", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false" };

export function icon(name: IconName, size = 16): SVGElement {
  const made = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ width: String(size), height: String(size), viewBox: "0 0 16 16", ...STROKE })) made.setAttribute(key, value);
  made.append(document.createElementNS(SVG, "path"));
  (made.firstChild as SVGElement).setAttribute("d", PATHS[name]);
  return made;
}

/** As `Bones` of `parts/Answer.tsx`. */
export function bones(lines: number, label: string): HTMLElement {
  const each = Array.from({ length: lines }, (_, line) => {
    const bone = element("div", { class: "bone" });
    bone.style.width = `${92 - ((line * 17) % 40)}%`;
    return bone;
  });
  return element("div", { class: "bones", role: "status", "aria-label": label }, ...each);
}
