import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { useState } from "react";
import { MemoryRouter } from "react-router";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { PreferencesProvider } from "~/app/preferences";
import { RefreshProvider } from "~/app/refresh";
import { NewSilence } from "~/pages/alerts/NewSilence";
import "~/text";

const server = setupServer(
  http.post("*/silences/preview", () => HttpResponse.json({ matches: [], total: 0 })),
  http.get("*/whoami", () => HttpResponse.json({ role: "operator", may_change: true })),
);
beforeAll(() => {
  class Observer {
    observe() {}
    unobserve() {}
    disconnect() {}
  }
  Object.assign(window, { matchMedia: () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }), ResizeObserver: Observer });
  server.listen();
});
afterEach(cleanup);
afterAll(() => server.close());

function Page() {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpened(true)}>open</button>
      {opened ? <NewSilence close={() => setOpened(false)} /> : null}
    </>
  );
}

async function opened(): Promise<HTMLElement> {
  render(
    <MantineProvider withCssVariables={false} env="test">
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <PreferencesProvider>
          <RefreshProvider>
            <MemoryRouter>
              <Page />
            </MemoryRouter>
          </RefreshProvider>
        </PreferencesProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  const button = screen.getByText("open");
  button.focus();
  fireEvent.click(button);
  await screen.findByRole("dialog");
  return button;
}

test("focus comes back to the button of a dialog that was closed", async () => {
  const button = await opened();
  screen.getByLabelText(/Your name/).focus();
  fireEvent.click(screen.getByText("Cancel"));
  await waitFor(() => expect(document.activeElement).toBe(button));
});

test("a silence with a line that is no matcher, or without one, cannot be sent: the rest would hide more than was meant", async () => {
  await opened();
  const fill = (label: RegExp, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });
  const send = () => screen.getByRole<HTMLButtonElement>("button", { name: "Silence" });
  fill(/Your name/, "mina");
  fill(/Reason/, "deployment");
  expect(send().disabled).toBe(true);
  fill(/^Matchers/, "severity=warning\nproject_id proj_1");
  expect(send().disabled).toBe(true);
  fill(/^Matchers/, "severity=warning\nproject_id=proj_1");
  expect(send().disabled).toBe(false);
});
