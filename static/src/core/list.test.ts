import { expect, test } from "vitest";
import { isBackground, type Row, sorted } from "./list.ts";

const row = (id: string, fields: object = {}, rack = 0): Row => ({
  rack,
  event: { id, key: id, source: "zabbix", severity: 3, name: "x", since: "2026-11-24T03:00:00Z", ...fields },
});
const ids = (rows: readonly Row[]) => rows.map(({ event }) => event.id).join("");

test("the worst come first, of those the newest, of those by id", () => {
  const rows = [row("b"), row("d", { since: "2026-11-24T04:00:00Z" }), row("c", { severity: 5 }), row("a")];
  expect(ids(sorted(rows, "-severity"))).toBe("cdab");
  expect(ids(sorted(rows, "severity"))).toBe("dabc");
});

test("places are sorted as they stand, what has none comes last", () => {
  expect(ids(sorted([row("a", {}, -1), row("b", {}, 7), row("c", {}, 2)], "place"))).toBe("cba");
});

test("every column sorts by what it shows", () => {
  const rows = [
    row("a", { host: "B", name: "z", source: "s2", ticket: { key: "NOC-1" } }),
    row("b", { host: "a", name: "Y", source: "s1", comments: [{ at: "2026-11-24T03:00:00Z" }] }),
  ];
  const orders = ["host", "name", "source", "ticket", "-comment"].map((by) => ids(sorted(rows, by)));
  expect(orders).toEqual(["ba", "ba", "ba", "ba", "ba"]);
});

test("by age the newest come first or last, whatever their severity", () => {
  const rows = [
    row("a", { since: "2026-11-24T03:00:00Z", severity: 5 }),
    row("b", { since: "2026-11-24T05:00:00Z", severity: 1 }),
    row("c", { since: "2026-11-23T23:00:00Z", severity: 3 }),
  ];
  expect(ids(sorted(rows, "since"))).toBe("cab");
  expect(ids(sorted(rows, "-since"))).toBe("bac");
});

test("maintenance and what follows from another problem are background", () => {
  const handled = ["suppressed", "dependent", "acknowledged", "ticketed", "note", undefined] as const;
  expect(handled.map((one) => isBackground({ ...row("a").event, ...(one ? { handled: one } : {}) }))).toEqual(
    [true, true, false, false, false, false],
  );
});
