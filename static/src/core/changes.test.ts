import { expect, test } from "vitest";
import { eventsOf, tell } from "./changes.ts";
import type { Change } from "./model.ts";

const change = (i: number, second: number, fields: Partial<Change> = {}): Change => ({
  kind: "opened",
  at: new Date(Date.UTC(2026, 10, 24, 3, 0, second)).toISOString(),
  key: `zabbix:${i}:srv`,
  rack_id: 3,
  ...fields,
});

test("the newest comes first, and up to twenty a minute each is told by itself", () => {
  const told = tell(Array.from({ length: 20 }, (_, i) => change(i, i)));
  expect(told.map(({ first }) => first.key)).toEqual(
    Array.from({ length: 20 }, (_, i) => `zabbix:${19 - i}:srv`),
  );
  expect(told.every(({ more }) => more.length === 0)).toBe(true);
});

test("more than twenty a minute are told by rack and kind; what stands in none stays by itself", () => {
  const storm = Array.from({ length: 30 }, (_, i) => change(i, i, { rack_id: i % 2 ? 3 : 4 }));
  const { rack_id: _, ...nowhere } = change(40, 31);
  const told = tell([...storm, change(41, 32, { kind: "cleared" }), nowhere, change(50, 70)]);
  expect(told.map(({ first, more }) => [first.kind, first.rack_id, more.length])).toEqual([
    ["opened", 3, 0],
    ["opened", undefined, 0],
    ["cleared", 3, 0],
    ["opened", 3, 14],
    ["opened", 4, 14],
  ]);
});

test("an event that changes often is one event", () => {
  const often = Array.from({ length: 24 }, (_, i) => change(i % 3, i, { kind: "acknowledged" }));
  const told = tell(often);
  expect(told.map((one) => [one.more.length, eventsOf(one)])).toEqual([[23, 3]]);
  expect(tell([change(1, 1)]).map(eventsOf)).toEqual([1]);
});
