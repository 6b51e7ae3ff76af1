import { expect, test } from "vitest";
import { windowTitle } from "~/app/badge";
import { letterOf, type Pressed } from "~/app/keyboard";
import { waitsFor } from "~/app/refresh";
import { matcherText, parseMatchers } from "~/logic/matchers";
import { TEXTS, t, words } from "~/text";
import { NOUNS } from "~/text/nouns";

const pressed = (more: Partial<Pressed>): Pressed => ({ key: "g", code: "KeyG", ctrlKey: false, metaKey: false, altKey: false, isComposing: false, target: document.body, ...more });

test("keys are places on the keyboard, so that a Korean layout works, and nothing happens while a person types", () => {
  expect(letterOf(pressed({ key: "ㅎ" }))).toBe("g");
  expect(letterOf(pressed({ key: "?", code: "Slash" }))).toBe("?");
  for (const not of [{ isComposing: true }, { ctrlKey: true }, { metaKey: true }, { target: document.createElement("input") }, { target: document.createElement("textarea") }]) expect(letterOf(pressed(not))).toBeNull();
});

test("the refresh waits for a hidden page, an open dialog and selected text, and says for which", () => {
  const page = (hidden: boolean, dialog: boolean, selected: string) => ({ hidden, querySelector: () => (dialog ? document.body : null), getSelection: () => ({ isCollapsed: !selected, toString: () => selected }) as unknown as Selection }) as unknown as Document;
  expect(waitsFor(0, page(false, false, ""))).toBe("off");
  expect(waitsFor(30, page(true, false, ""))).toBe("hidden");
  expect(waitsFor(30, page(false, true, ""))).toBe("dialog");
  expect(waitsFor(30, page(false, false, "proj_1"))).toBe("selection");
  expect(waitsFor(30, page(false, false, ""))).toBeNull();
});

test("the title counts firing alerts and names the page, the particular first, in the language of the page", () => {
  const title = (firing: number, address: string) => windowTitle(firing, { pathname: address.split("?")[0] ?? "", search: address.split("?")[1] ?? "" }, t);
  words.language = "en";
  expect([title(0, "/"), title(3, "/alerts"), title(1000, "/alerts/dead-letters"), title(1, "/alert?key=slow:p%201"), title(0, "/project?id=<b>"), title(0, "/plan?id=7"), title(0, "/jobs/nothing"), title(0, "/x")]).toEqual([
    "Overview · Episode numbering", "(3) Alerts · Episode numbering", "(99+) Dead letters · Alerts · Episode numbering", "(1) slow:p 1 · Alerts · Episode numbering",
    "<b> · Integrity · Episode numbering", "7 · Repair plans · Episode numbering", "Jobs & audit · Episode numbering", "There is no such page · Episode numbering",
  ]);
  words.language = "ko";
  expect([title(3, "/alerts"), title(0, "/jobs/audit")]).toEqual(["(3) 알림 · 에피소드 번호 모니터", "감사 · 작업·감사 · 에피소드 번호 모니터"]);
  words.language = "en";
});

test("matchers are read as Alertmanager writes them, and written so that they read back", () => {
  const [equal, regex, quoted, wrong] = parseMatchers('severity=critical\n project_id =~ "proj_.*" \nteam!="a b"\nnothing');
  expect([equal, regex, quoted, wrong]).toEqual([{ name: "severity", operator: "=", value: "critical" }, { name: "project_id", operator: "=~", value: "proj_.*" }, { name: "team", operator: "!=", value: "a b" }, null]);
  for (const one of [equal, regex, quoted]) expect(parseMatchers(matcherText(one as NonNullable<typeof one>))).toEqual([one]);
});

test("a counted thing is one or many, and a language without a plural has one form", async () => {
  const said = (many: number) => t("figure.problems.note", { gaps: many, duplicates: many });
  expect([0, 1, 2, 1234].map(said)).toEqual(["0 gaps, 0 duplicates", "1 gap, 1 duplicate", "2 gaps, 2 duplicates", "1,234 gaps, 1,234 duplicates"]);
  words.language = "ko";
  expect([1, 1234].map(said)).toEqual(["누락 1건, 중복 1건", "누락 1,234건, 중복 1,234건"]);
  words.language = "en";
});

test("no English text puts a number before a plural: it names the counted thing instead", () => {
  const plurals = Object.values(NOUNS).map(([, other]) => other.replace("{shown} ", "").split(" ")[0]).join("|");
  const wrong = new RegExp(`\\{\\w+\\} (\\w+ )?(${plurals}|alerts|things|entries|minutes|partitions)\\b`);
  expect(Object.entries(TEXTS).filter(([, [english]]) => wrong.test(english) && !/ of \{/.test(english)).map(([key]) => key)).toEqual([]);
});

test("English and Korean take the same values", () => {
  const taken = (text: string) => [...text.matchAll(/\{(\w+)[},]/g)].map((found) => found[1]).sort();
  for (const [key, [english, korean]] of Object.entries(TEXTS)) expect(taken(korean), key).toEqual(taken(english));
});
