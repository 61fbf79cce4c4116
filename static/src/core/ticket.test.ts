import { describe, expect, test } from "vitest";
import type { HeatEvent, TicketRef } from "./model.ts";
import {
  BLANK,
  coverOf,
  editsOf,
  handOpened,
  idsOf,
  pageOf,
  requestOf,
  templatesInOrder,
  wantsTicket,
  wayOf,
  waysOf,
} from "./ticket.ts";

const event = (id: string, more: Partial<HeatEvent> = {}): HeatEvent => ({
  id,
  key: id,
  source: "zabbix",
  severity: 4,
  name: "Power supply failed",
  since: "2026-11-24T00:00:00Z",
  ...more,
});
const under = (id: string, ticket: number, state: TicketRef["state"] = "created") =>
  event(id, { handled: "ticketed", ticket: { id: ticket, key: `NOC-${ticket}`, state } });

describe("where tickets cover some of the events", () => {
  test("adding the others to the one that has the most comes first, then a new one for them, then one for all", () => {
    const cover = coverOf([under("a", 1), under("b", 2), under("c", 2), event("d")]);
    expect(waysOf(cover)).toEqual([
      { kind: "add", to: 2 },
      { kind: "add", to: 1 },
      { kind: "others" },
      { kind: "all" },
    ]);
    expect(wayOf(cover, undefined)).toEqual({ kind: "add", to: 2 });
    expect(idsOf(cover, { kind: "add", to: 2 })).toEqual(["d"]);
    expect(idsOf(cover, { kind: "others" })).toEqual(["d"]);
    expect(idsOf(cover, { kind: "all" })).toEqual(["a", "b", "c", "d"]);
  });

  test("nothing is to choose while no open one covers any: a closed or failed one does not", () => {
    const cover = coverOf([event("a"), under("b", 1, "closed"), under("c", 2, "failed")]);
    expect(waysOf(cover)).toEqual([]);
    expect(idsOf(cover, wayOf(cover, undefined))).toEqual(["a", "b", "c"]);
  });

  test("one that a source opened itself covers nothing: Heat cannot add to it", () => {
    const foreign = event("a", { handled: "ticketed", ticket: { key: "OPS-1", state: "created" } });
    expect(coverOf([foreign])).toEqual({ takers: [], free: ["a"] });
  });

  test("taking all of them from their tickets is offered and never the default", () => {
    const cover = coverOf([under("a", 1), under("b", 1, "pending")]);
    expect(waysOf(cover)).toEqual([{ kind: "all" }]);
    expect(wayOf(cover, undefined)).toBeUndefined();
    expect(idsOf(cover, undefined)).toEqual([]);
    expect(wayOf(cover, { kind: "all" })).toEqual({ kind: "all" });
  });

  test("what was picked holds only while it is offered", () => {
    const picked = { kind: "add", to: 1 } as const;
    expect(wayOf(coverOf([under("a", 1), under("b", 2), under("c", 2), event("d")]), picked)).toEqual(picked);
    expect(wayOf(coverOf([under("a", 1, "closed"), event("d")]), picked)).toBeUndefined();
  });

  test("the server's refusal counts before the picture shows the same", () => {
    const told = [{ id: "a", ticket: { id: 7, key: null, state: "pending" } }] as const;
    const cover = coverOf([event("a"), event("b")], told);
    expect(cover).toEqual({ takers: [{ id: 7, ids: ["a"] }], free: ["b"] });
    expect(waysOf(cover)[0]).toEqual({ kind: "add", to: 7 });
  });
});

test("a ticket is for what somebody must act on and for what only a ticket handles", () => {
  expect(wantsTicket(event("a"))).toBe(true);
  expect(wantsTicket(under("a", 1))).toBe(true);
  expect(wantsTicket(event("a", { handled: "acknowledged" }))).toBe(false);
  expect(wantsTicket(event("a", { handled: "suppressed" }))).toBe(false);
});

test("only what differs from the template is sent, also when it is now empty", () => {
  const draft = { queue: "NOC", summary: "PSU failed", description: "Go and see", priority: "critical" };
  expect(editsOf(draft, {})).toEqual({});
  expect(editsOf(draft, { summary: "PSU failed", queue: "NOC", type: "" })).toEqual({});
  expect(editsOf(draft, { summary: "Both PSUs failed", description: "", type: "incident" })).toEqual({
    summary: "Both PSUs failed",
    description: "",
    type: "incident",
  });
});

describe("the request", () => {
  const cover = coverOf([event("a"), under("b", 1)]);
  const typed = { summary: "Mine" };

  test("names the template and what was changed of it", () => {
    const means = { kind: "template", name: "power" } as const;
    expect(requestOf({ ...BLANK, typed }, means, { summary: "Its" }, cover, { kind: "others" })).toEqual({
      ids: ["a"],
      template: "power",
      edits: typed,
    });
    expect(requestOf(BLANK, means, { summary: "Its" }, cover, { kind: "all" })).toEqual({
      ids: ["a", "b"],
      template: "power",
      force: true,
    });
  });

  test("has all the words without a template, and none for a ticket that is there already", () => {
    const form = { ...BLANK, typed, existing: " NOC-77 " };
    expect(requestOf({ ...form, existing: "" }, { kind: "own" }, {}, cover, { kind: "others" })).toEqual({
      ids: ["a"],
      edits: typed,
    });
    expect(requestOf(form, { kind: "existing" }, {}, cover, { kind: "others" })).toEqual({
      ids: ["a"],
      existing: "NOC-77",
    });
  });
});

test("a tracker's page is filled in, whatever the words hold, and must be a page", () => {
  const draft = { queue: "NOC", summary: "a&b {queue}", description: "Питание?" };
  expect(handOpened("https://t.example/new?q={queue}&s={summary}&d={description}&x={other}", draft)).toBe(
    `https://t.example/new?q=NOC&s=a%26b%20%7Bqueue%7D&d=${encodeURIComponent("Питание?")}&x={other}`,
  );
  expect(handOpened("javascript:alert('{summary}')", draft)).toBeUndefined();
  expect(handOpened(undefined, draft)).toBeUndefined();
  expect(pageOf("javascript:alert(1)")).toBeUndefined();
});

test("templates that fit come first, in the server's order", () => {
  expect(templatesInOrder(["a", "b", "c"], ["c", "gone", "a"])).toEqual({
    names: ["c", "a", "b"],
    fitting: 2,
  });
});
