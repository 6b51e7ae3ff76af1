import { expect, test } from "vitest";
import { note } from "~/app/stream";

test("an event only says what to ask again: not of where things stand at first, not twice, and not while a person reads", () => {
  const known = new Map<string, string>();
  const asked: unknown[] = [];
  const client = { invalidateQueries: async (given?: { queryKey?: readonly unknown[] }) => void asked.push(given?.queryKey?.[0]) };
  const says = (resource: string, version: string, waits = false) => note(JSON.stringify({ resource, version }), known, client as never, waits);
  says("jobs", "1");
  says("jobs", "1");
  expect(asked).toEqual([]);
  says("jobs", "2", true);
  expect(asked).toEqual([]);
  says("jobs", "2");
  expect(asked).toEqual(["jobs", "replays", "replay"]);
  says("performance", "1");
  says("performance", "2");
  says("of another version", "1");
  note("no JSON", known, client as never, false);
  note("null", known, client as never, false);
  expect(asked).toHaveLength(3);
});
