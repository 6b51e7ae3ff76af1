import { act, cleanup, fireEvent, screen } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { useState } from "react";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { NewSilence } from "~/pages/alerts/NewSilence";
import "~/text";
import { fillDom } from "./dom";
import { rendered } from "./rendered";

const server = setupServer(
  http.post("*/silences/preview", () => HttpResponse.json({ matches: [], total: 0 })),
  http.get("*/whoami", () => HttpResponse.json({ role: "operator", may_change: true })),
);
beforeAll(() => {
  fillDom();
  server.listen();
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});
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

/** Opens at once. Nothing here waits for a clock, and no role is looked for, which computes the style of every element: a busy machine changes nothing. */
function opened(): HTMLElement {
  rendered(<Page />);
  const button = screen.getByText("open");
  button.focus();
  fireEvent.click(button);
  return button;
}

test("focus comes back to the button of a dialog that was closed", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame"] });
  const button = opened();
  act(() => void vi.runOnlyPendingTimers());
  screen.getByLabelText(/Your name/).focus();
  fireEvent.click(screen.getByText("Cancel"));
  expect(screen.queryByText("Cancel")).toBeNull();
  act(() => void vi.runOnlyPendingTimers());
  expect(document.activeElement).toBe(button);
});

test("a silence with a line that is no matcher, or without one, cannot be sent: the rest would hide more than was meant", () => {
  opened();
  const fill = (label: RegExp, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });
  const send = () => screen.getByText<HTMLButtonElement>("Silence", { selector: "button" });
  fill(/Your name/, "mina");
  fill(/Reason/, "deployment");
  expect(send().disabled).toBe(true);
  fill(/^Matchers/, "severity=warning\nproject_id proj_1");
  expect(send().disabled).toBe(true);
  fill(/^Matchers/, "severity=warning\nproject_id=proj_1");
  expect(send().disabled).toBe(false);
});
