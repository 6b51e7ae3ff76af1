import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { reads } from "~/api/reads";
import { PreferencesProvider } from "~/app/preferences";
import { RefreshProvider } from "~/app/refresh";
import { ApiError } from "~/api/client";
import { ActProblem } from "~/parts/ActDialog";
import { Answer } from "~/parts/Answer";
import "~/text";

const ONCALL = "*/monitoring/episodes/oncall";
const server = setupServer();
beforeAll(() => {
  Object.assign(window, { matchMedia: () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }) });
  server.listen({ onUnhandledRequest: "error" });
});
afterEach(() => {
  cleanup();
  server.resetHandlers();
});
afterAll(() => server.close());

const problem = (status: number, code: string, detail: string) => HttpResponse.json({ code, detail, status }, { status });

function Shown() {
  return <Answer of={useQuery(reads.onCall())}>{(data) => <p>schedules: {data.schedules.length}</p>}</Answer>;
}

function show(client = new QueryClient({ defaultOptions: { queries: { retry: false } } })) {
  render(
    <MantineProvider withCssVariables={false}>
      <QueryClientProvider client={client}>
        <PreferencesProvider>
          <RefreshProvider>
            <Shown />
          </RefreshProvider>
        </PreferencesProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return client;
}

test.each([
  ["recovering tables", () => problem(503, "recovering", "x"), "Numbers appear when recovery is complete."],
  ["a part that is not set up, in the words of the monitor", () => problem(501, "not_available", "Set ONCALL_FILE."), "Set ONCALL_FILE."],
  ["a monitor that does not answer", () => HttpResponse.error(), "The monitor does not respond"],
  ["an unknown problem, in the words of the monitor", () => problem(500, "internal_error", "See the log."), "See the log."],
])("a state of its own for %s", async (_, answer, said) => {
  server.use(http.get(ONCALL, answer));
  show();
  expect(screen.getByRole("status").getAttribute("aria-label")).toBe("Loading …");
  expect(await screen.findByText(said)).toBeTruthy();
});

test("a token that the monitor does not know is another fault than none, and a refused repair names the box to tick", () => {
  const said = (error: ApiError, sent = "") => {
    render(<ActProblem error={error} sent={sent} />);
    const text = screen.getByRole("alert").textContent;
    cleanup();
    return text;
  };
  const unknown = new ApiError(401, "unauthorized", "x");
  expect(said(unknown)).toContain("This needs an operator's token");
  expect(said(unknown, "secret")).toContain("The monitor does not know this token");
  expect(said(new ApiError(409, "data_moved", "Nothing was changed. Say with_newer (--with-newer)."))).toContain("tick “Also renumber episodes created since the plan was made”");
  expect(said(new ApiError(409, "data_moved", "Nothing was changed: episode e7 has been changed. Make a new plan."))).toContain("episode e7");
});

test("old data stays when a later request fails, marked with its time", async () => {
  server.use(http.get(ONCALL, () => HttpResponse.json({ at: "", schedules: [] })));
  const client = show();
  await screen.findByText("schedules: 0");
  server.use(http.get(ONCALL, () => problem(503, "recovering", "x")));
  await client.invalidateQueries();
  expect(await screen.findByText(/Tables are recovering\. What is shown is from \d\d:\d\d:\d\d\./)).toBeTruthy();
  expect(screen.getByText("schedules: 0")).toBeTruthy();
});
