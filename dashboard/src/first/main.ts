// What is painted first: a frame at once, and on the overview its figures and the worst things as soon as their answers
// are there. Only then the page itself is loaded, whose start takes most of a second of a slow processor.

import "@mantine/core/styles/baseline.css";
import "@mantine/core/styles/default-css-variables.css";
import "@mantine/core/styles/global.css";
import "@mantine/core/styles/UnstyledButton.css";
import "@mantine/core/styles/VisuallyHidden.css";
import "@mantine/core/styles/Paper.css";
import "@mantine/core/styles/Popover.css";
import "@mantine/core/styles/Overlay.css";
import "@mantine/core/styles/ModalBase.css";
import "@mantine/core/styles/Modal.css";
import "@mantine/core/styles/CloseButton.css";
import "@mantine/core/styles/Input.css";
import "@mantine/core/styles/Menu.css";
import "../styles/tokens.css";
import "../styles/base.css";
import "../styles/shell.css";
import "../styles/parts.css";
import "../styles/table.css";
import "../styles/pages.css";

import { afterPaint } from "~/app/after-paint";
import type { Language } from "~/logic/format";
import { take, type Answers } from "./answers";
import { bones } from "./element";
import { frame, tabBar } from "./frame";
import { overview } from "./overview";
import { say } from "~/logic/say";

const PATIENCE_MS = 1000; // then the page is loaded without waiting for the answers
const SOON_MS = 200; // until then the HTML's own bones are enough: laying out two frames takes a slow processor longer than one
const language: Language = document.documentElement.lang === "ko" ? "ko" : "en";
const root = document.getElementById("root") as HTMLElement;
let loading = false;
let begun = false;

function frameAlone(): void {
  begun = true;
  root.replaceChildren(...frame(language, location.hash));
}

function begin(): void {
  if (begun) return;
  frameAlone();
  fetchAhead();
  if (window.episodeMonitorAsked && isOverview()) drawOverview({});
}

/** While there is nothing else to do; where the answers come soon, their paint is first. */
const fetchAhead = () => document.getElementById("ahead")?.setAttribute("rel", "preload");

function load(): void {
  if (loading) return;
  loading = true;
  begin();
  void import("../main");
}

const isOverview = () => /^#?\/?$/.test(location.hash);

const ours = () => root.querySelector("main[data-first]"); // until the page takes over

function draw(known: Partial<Answers>, content: HTMLElement): void {
  const main = ours();
  if (!main) return;
  root.querySelector(".tabs")?.replaceWith(tabBar(known, language, location.hash));
  main.replaceChildren(content);
}

const drawOverview = (known: Partial<Answers>) => draw(known, overview(known, language, Date.now()));

if (window.episodeMonitorAsked) {
  const drawn = (answers: Answers) => {
    if (!begun) frameAlone();
    if (isOverview()) drawOverview(answers);
    afterPaint(load);
  };
  setTimeout(begin, SOON_MS);
  take(language, () => begun && !ours()).then(drawn, load);
} else {
  begin();
  afterPaint(load);
}
setTimeout(load, PATIENCE_MS); // a hidden page paints nothing
addEventListener("hashchange", () => draw({}, bones(8, say(language, "state.loading")))); // a link was followed
