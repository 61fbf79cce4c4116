import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { csvOf } from "./csv.ts";
import { EXAMPLE } from "./examples.ts";
import { siteOf } from "./plan.ts";

const site = siteOf(EXAMPLE.inventory);
const sources = EXAMPLE.snapshot.sources ?? [];
const events = EXAMPLE.snapshot.events ?? [];
const [event] = events;
if (!event) throw new Error("the example has events");

test("the columns are those of the server, and when an event cleared", () => {
  const server = readFileSync(new URL("../../../handlers/src/event_csv.rs", import.meta.url), "utf8");
  const [, headings = ""] = /HEADINGS: [^=]*= \[([^\]]*)\]/.exec(server) ?? [];
  const theirs = [...headings.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  expect(theirs.length).toBeGreaterThan(10);
  expect(csvOf([], site, sources)).toBe(`${[...theirs, "cleared_at"].join()}\r\n`);
});

test("a line has a cell for each heading, in the order of the rows", () => {
  const rows = events.map((one) => ({ event: one, rack: site.rackOf.get(one.rack_id ?? -1) ?? -1 }));
  const [headings = "", ...lines] = csvOf(rows, site, sources).trimEnd().split("\r\n");
  const plain = lines.filter((line) => !line.includes('"'));
  expect(plain.length).toBeGreaterThan(1);
  for (const line of plain) expect(line.split(",")).toHaveLength(headings.split(",").length);
  expect(lines).toHaveLength(events.length);
  lines.forEach((line, i) => expect(line).toContain(events[i]?.id));
});

test("what a spreadsheet would take for a formula or for two cells is text", () => {
  const odd = { ...event, host: "=cmd", name: 'disk "/", full', text: "two\nlines", source: "+1" };
  const csv = csvOf([{ event: odd, rack: -1, clearedAt: "2026-01-01T00:00:00Z" }], undefined, []);
  expect(csv).toContain("'=cmd");
  expect(csv).toContain("'+1");
  expect(csv).toContain('"disk ""/"", full","two\nlines"');
  expect(csv).toMatch(/,2026-01-01T00:00:00Z\r\n$/);
});
