import { cleanup, fireEvent, screen } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { acts } from "~/api/acts";
import { useAlertActs } from "~/pages/alerts/alert-acts";
import { useAct, type Act } from "~/parts/ActDialog";
import "~/text";
import { fillDom } from "./dom";
import { rendered, until } from "./rendered";

type Sent = { path: string; key: string | null };
let sent: Sent[] = [];
let answers: (() => Response)[] = [];
const done = () => HttpResponse.json({ id: "s1" });
const refused = () => HttpResponse.json({ code: "silence_matches_all", detail: "x", status: 422 }, { status: 422 });
const runs = () => HttpResponse.json({ code: "request_in_flight", detail: "x", status: 409 }, { status: 409 });
const lost = () => HttpResponse.error();
const badGateway = () => new HttpResponse("<html>", { status: 502 });

const server = setupServer(
  http.get("*/whoami", () => HttpResponse.json({ role: "operator", may_change: true })),
  http.post("*/monitoring/episodes/*", ({ request }) => {
    sent.push({ path: new URL(request.url).pathname.split("/episodes/")[1] ?? "", key: request.headers.get("idempotency-key") });
    return (answers.shift() ?? done)();
  }),
);
beforeAll(() => {
  fillDom();
  localStorage.setItem("episode-monitor", JSON.stringify({ name: "mina" }));
  server.listen();
});
beforeEach(() => {
  sent = [];
  answers = [];
});
afterEach(cleanup);
afterAll(() => server.close());

const silence: Act = {
  title: "Silence", submit: "Send", comment: "optional",
  run: ({ by, comment, headers }) => acts.silence({ by, comment, matchers: [], starts_at: null, minutes: 5, ends_at: null } as never, headers),
};

function Page({ verb }: { verb?: string[] }) {
  const [dialog, open] = useAct();
  const of = useAlertActs();
  return <>{dialog}<button type="button" onClick={() => open(verb ? { ...of("acknowledge", verb.map((name) => ({ alert_key: name, project_id: name }))), submit: "Send" } : silence)}>open</button></>;
}

function show(verb?: string[]): void {
  rendered(<Page verb={verb} />);
  fireEvent.click(screen.getByText("open"));
}

/** Presses the button and waits until so many requests were sent and the last was answered. */
async function send(many: number): Promise<void> {
  fireEvent.click(screen.getByText("Send"));
  await until(() => sent.length === many && screen.queryByText("Send")?.getAttribute("aria-busy") !== "true");
}

const keys = () => sent.map(({ key }) => key);

test.each([["no answer came", lost], ["a proxy answered for the monitor", badGateway], ["the first request still ran", runs]])("what is sent again because %s has the same key, and the next act another", async (_, answer) => {
  answers = [answer, done, done];
  show();
  await send(1);
  await send(2);
  await until(() => screen.queryByText("Send") === null);
  fireEvent.click(screen.getByText("open"));
  await send(3);
  const [first, again, next] = keys();
  expect(first).toMatch(/^[\x21-\x7e]{8,255}$/);
  expect(again).toBe(first);
  expect(next).not.toBe(first);
});

test("what was refused, or is not the same any more, is sent under another key", async () => {
  answers = [refused, lost, done];
  show();
  await send(1);
  await send(2);
  fireEvent.change(screen.getByLabelText(/Comment/), { target: { value: "deployment" } });
  await send(3);
  expect(new Set(keys()).size).toBe(3);
});

test("an act on several alerts has a key for each; sent again, they are the same, and one that still runs has not ended", async () => {
  answers = [done, runs, done, done];
  show(["a", "b"]);
  await send(2);
  expect(screen.getByRole("alert").textContent).toContain("It is still being carried out");
  await send(4);
  const [a, b, again, b2] = keys();
  expect(a).not.toBe(b);
  expect([again, b2]).toEqual([a, b]);
});
