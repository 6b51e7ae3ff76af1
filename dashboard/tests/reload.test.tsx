import { cleanup, fireEvent, screen } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Rules } from "~/pages/alerts/Rules";
import "~/text";
import { fillDom } from "./dom";
import { rendered, until } from "./rendered";

const answers = [
  ["http://there:8002 has reloaded nothing: rules.yaml line 3: x. Correct it."],
  [],
].map((problems) => ({ changed: [], files: [], problems, workers: [] }));

const server = setupServer(
  http.get("*/whoami", () => HttpResponse.json({ role: "operator", may_change: true })),
  http.get("*/rules", () => HttpResponse.json({ rules: [], agree: true, disagreements: [], workers: [], version: "1", loaded_at: "2026-03-01T10:00:00.000Z", file: "" })),
  http.get("*/alerts/statistics", () => HttpResponse.json({ rules: [] })),
  http.post("*/rules/reload", () => HttpResponse.json(answers.shift())),
);
beforeAll(() => {
  fillDom();
  localStorage.setItem("episode-monitor", JSON.stringify({ name: "mina" }));
  server.listen();
});
afterEach(cleanup);
afterAll(() => server.close());

async function reload(): Promise<void> {
  fireEvent.click(screen.getByText("Reload"));
  const [, submit] = screen.getAllByText("Reload");
  fireEvent.click(submit as HTMLElement);
  await until(() => screen.getAllByText("Reload").length === 1);
}

test("a worker that could not reload is named until a reload that all workers took", async () => {
  rendered(<Rules />);
  await reload();
  await until(() => screen.queryByText(/Not every worker has reloaded/) !== null);
  expect(screen.getByText(/Not every worker has reloaded/).textContent).toContain("there:8002 has reloaded nothing: rules.yaml line 3");
  await reload();
  await until(() => screen.queryByText(/Not every worker has reloaded/) === null);
});
