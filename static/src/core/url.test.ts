import { expect, test } from "vitest";
import { randomOf } from "./arbitrary.ts";
import { HOME, readPicked, readView, up, type View, writeView } from "./url.ts";

test("what is written reads back the same", () => {
  const random = randomOf(7);
  const some = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  for (let i = 0; i < 500; i++) {
    const dc = some([undefined, "sas", "дц-1", "a b&c=d"]);
    const rack = some([undefined, 0, 3, 9_007_199_254_740]);
    const selection = some([
      undefined,
      { kind: "tray" },
      { kind: "rack", id: 3 },
      { kind: "device", id: 513 },
      { kind: "source", name: "my:source & co" },
    ] as const);
    const event = some([undefined, "zabbix:30117:srv-00001", "juggler:http%3A8080/p100%25:хост?#"]);
    const filter = some([undefined, "sev>=high -ticket", '"a+b & c=d" or стойка', "hots:wrong ("]);
    const view: View = {
      ...(dc ? { dc } : {}),
      ...(rack === undefined ? {} : { rack }),
      ...(selection ? { selection } : {}),
      ...(event ? { event } : {}),
      ...(filter ? { filter } : {}),
      ...some<Partial<View>>([{}, { list: "drawer" }, { list: "page", sort: "-since", all: true }]),
      ...some<Partial<View>>([{}, { row: 12, saved: 3 }, { changes: true }]),
      ...some<Partial<View>>([{}, { kiosk: true, rotate: ["sas", "vla"], every: 30 }]),
      pinned: some([true, false]),
    };
    expect(readView(writeView(view))).toEqual(view);
  }
});

test("what was picked reads back the same, beside the view", () => {
  const picked = ["zabbix:30117:srv-00001", "juggler:a,b&c=d+e:хост 1?#", "zabbix:30118:srv-00002"];
  const address = writeView({ ...HOME, dc: "sas" }, picked);
  expect(readPicked(address)).toEqual(picked);
  expect(readView(address)).toEqual({ ...HOME, dc: "sas" });
  expect(readPicked(writeView(HOME))).toEqual([]);
});

test("more picks than a server takes in an address are left out all together", () => {
  const picked = Array.from({ length: 1000 }, (_, i) => `zabbix:${30_000 + i}:srv-${i}`);
  expect(writeView({ ...HOME, dc: "sas" }, picked)).toBe("?dc=sas");
  expect(readPicked(writeView(HOME, picked.slice(0, 100)))).toEqual(picked.slice(0, 100));
});

test("the address is one that people can read and type", () => {
  const view: View = {
    dc: "sas",
    rack: 3,
    selection: { kind: "device", id: 513 },
    filter: "dc:sas sev>=high -ticket",
    pinned: true,
  };
  expect(writeView(view)).toBe("?dc=sas&rack=3&sel=device:513&filter=dc:sas+sev%3E%3Dhigh+-ticket");
  expect(writeView(HOME)).toBe("");
});

test("what is not understood is left out", () => {
  expect(readView("?rack=x&sel=what:ever&sev=9,a&dc=&event=&panel=2&new=1")).toEqual(HOME);
  expect(readView("?dc=SAS").dc).toBe("sas");
});

test("one step up at a time leads to the whole site, then away from the filter; the list stays", () => {
  let view = readView("?dc=sas&row=5&rack=3&sel=device:513&event=k&filter=ack&list=drawer");
  const steps = [];
  for (; writeView(view) !== "?list=drawer"; view = up(view)) steps.push(writeView(view));
  expect(steps).toEqual([
    "?dc=sas&row=5&rack=3&sel=device:513&event=k&filter=ack&list=drawer",
    "?dc=sas&row=5&rack=3&sel=device:513&filter=ack&list=drawer",
    "?dc=sas&row=5&rack=3&filter=ack&list=drawer",
    "?dc=sas&row=5&sel=rack:3&filter=ack&list=drawer",
    "?dc=sas&row=5&filter=ack&list=drawer",
    "?dc=sas&filter=ack&list=drawer",
    "?filter=ack&list=drawer",
  ]);
  expect(up(view)).toEqual(view);
});
