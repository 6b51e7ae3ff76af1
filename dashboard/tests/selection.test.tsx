import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { MemoryRouter } from "react-router";
import { afterEach, beforeAll, expect, test } from "vitest";
import { PreferencesProvider } from "~/app/preferences";
import type { ActiveAlert } from "~/api/types";
import { AlertTable } from "~/pages/alerts/AlertTable";
import { fillDom } from "./dom";
import "~/text";

beforeAll(fillDom);
afterEach(cleanup);

const alerts = ["a", "b", "c", "d"].map(
  (id) => ({ alert_key: `rule:${id}`, alert_type: "HIGH_FAILURE_RATE", severity: "warning", status: "firing", project_id: id, title: id, value: 2, threshold: 1, starts_at: "2026-01-01T00:00:00Z", silenced_by: [], escalation_level: 0 }) as unknown as ActiveAlert,
);
const groups = [{ name: "all", alerts }] as Parameters<typeof AlertTable>[0]["groups"];

function Table() {
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set());
  return <AlertTable groups={groups} showGroups={false} chosen={chosen} choose={choose} act={() => {}} />;
}

const checked = () => screen.getAllByRole<HTMLInputElement>("checkbox").map((box) => box.checked);

test("one row is selected alone, all at once, all but one, and none", () => {
  render(<MantineProvider withCssVariables={false}><PreferencesProvider><MemoryRouter><Table /></MemoryRouter></PreferencesProvider></MantineProvider>);
  const [all, first] = screen.getAllByRole("checkbox") as [HTMLElement, HTMLElement];
  fireEvent.click(first);
  expect(checked()).toEqual([false, true, false, false, false]);
  fireEvent.click(all);
  expect(checked()).toEqual([true, true, true, true, true]);
  fireEvent.click(first);
  expect(checked()).toEqual([false, false, true, true, true]);
  fireEvent.click(all);
  fireEvent.click(all);
  expect(checked()).toEqual([false, false, false, false, false]);
});
