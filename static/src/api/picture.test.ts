import { describe, expect, test } from "vitest";
import { EXAMPLE, EXAMPLE_NOW } from "../core/examples.ts";
import { Mark } from "../core/rollup.ts";
import { Picture } from "./picture.ts";
import type { Watched } from "./protocol.ts";

function picture(watched: Watched = {}): Picture {
  const made = new Picture();
  made.takeInventory(EXAMPLE.inventory);
  made.takeCoverage(EXAMPLE.coverage);
  made.take(EXAMPLE.snapshot);
  made.watch(watched);
  return made;
}

const keys = (watched: Watched) =>
  picture(watched)
    .detail(EXAMPLE_NOW)
    .list.items.map((item) => item.event.key);

test("an older snapshot than the one at hand is not taken", () => {
  const made = picture();
  expect(made.take({ ...EXAMPLE.snapshot, revision: EXAMPLE.snapshot.revision - 1 })).toBe(false);
  expect(made.take({ ...EXAMPLE.snapshot, revision: EXAMPLE.snapshot.revision + 1 })).toBe(true);
});

test("it knows which documents the snapshot wants", () => {
  const made = picture();
  expect(made.missing()).toEqual({});
  made.take({ ...EXAMPLE.snapshot, revision: EXAMPLE.snapshot.revision + 1, inventory_version: "new" });
  expect(made.missing()).toEqual({ inventory: "new" });
  expect(made.frame(EXAMPLE_NOW)?.inventory).toBe("coming");
  expect(new Picture().missing()).toEqual({});
});

test("time alone makes cells outdated: a source goes stale, a new event ages", () => {
  const made = picture();
  made.frame(EXAMPLE_NOW);
  expect(made.outdated(EXAMPLE_NOW)).toBe(false);
  expect(made.outdated(EXAMPLE_NOW + 300_000)).toBe(true);
});

describe("the panel lists", () => {
  test("what somebody must act on, worst first, when nothing is selected", () => {
    expect(keys({})).toEqual([
      "zabbix:30117:srv-00001",
      "zabbix:31177:",
      "juggler:http%3A8080/p100%25:sas-sw1",
      "zabbix:31100:db",
    ]);
    expect(keys({ dc: "sas" })).toEqual(["zabbix:30117:srv-00001", "juggler:http%3A8080/p100%25:sas-sw1"]);
  });

  test("the tray, each with its reason", () => {
    const { list } = picture({ selection: { kind: "tray" } }).detail(EXAMPLE_NOW);
    expect(list.items.map((item) => item.reason)).toEqual([
      "host_pending",
      "ambiguous",
      "unknown_host",
      "no_rack",
    ]);
  });

  test("a rack, with what is mounted there too but stands elsewhere", () => {
    expect(keys({ selection: { kind: "rack", id: 3 } })).toHaveLength(3);
    expect(keys({ rack: 3 })).toHaveLength(3);
    expect(keys({ selection: { kind: "rack", id: 5 } })).toEqual(["juggler:http%3A8080/p100%25:sas-sw1"]);
  });

  test("a device with what is inside it", () => {
    expect(keys({ selection: { kind: "device", id: 514 } })).toEqual([
      "zabbix:30118:srv-00002",
      "zabbix:30410:vm-0001",
    ]);
    expect(keys({ selection: { kind: "device", id: 77 } })).toEqual(["zabbix:30230:blade-0001"]);
  });

  test("only what the filter lets pass", () => {
    expect(keys({ filter: "sev:disaster" })).toEqual(["zabbix:30117:srv-00001"]);
    expect(keys({ filter: "dc:sas u>40" })).toEqual(["juggler:http%3A8080/p100%25:sas-sw1"]);
  });

  test("everything while the filter has a mistake", () => {
    expect(keys({ filter: "hots:x" })).toEqual(keys({}));
    expect(picture({ filter: "hots:x" }).frame(EXAMPLE_NOW)?.passed).toBeUndefined();
  });
});

test("a selected rack has its incident with it, however it was selected, and no other one", () => {
  const incident = (watched: Watched) => picture(watched).detail(EXAMPLE_NOW).incident?.reason;
  expect(incident({ selection: { kind: "rack", id: 3 } })).toBe("5 of 6 devices unreachable");
  expect(incident({ rack: 3 })).toBe("5 of 6 devices unreachable");
  expect(incident({ selection: { kind: "rack", id: 5 } })).toBeUndefined();
  expect(incident({})).toBeUndefined();
});

describe("a filter", () => {
  const dimmed = (filter: string, now = EXAMPLE_NOW) => {
    const marks = picture({ filter }).frame(now)?.cells.marks ?? [];
    return [...marks].map((mark) => Boolean(mark & Mark.filteredOut));
  };

  test("dims the racks without an event that passes, and counts those that do", () => {
    expect(dimmed("dc:vla").filter((dim) => !dim)).toHaveLength(1);
    expect(picture({ filter: "dc:vla" }).frame(EXAMPLE_NOW)?.passed).toBe(1);
    expect(dimmed("").some((dim) => dim)).toBe(false);
  });

  test("is what the numbers are of; the counters still tell of severities that it does not choose", () => {
    const counted = (filter: string) =>
      picture({ filter })
        .frame(EXAMPLE_NOW)
        ?.counters.map(({ all }) => all);
    const all = counted("");
    expect(counted("dc:vla")?.reduce((sum, one) => sum + one, 0)).toBe(1);
    expect(counted("sev:disaster")).toEqual(all);
    expect(picture({ filter: "sev:disaster" }).frame(EXAMPLE_NOW)?.whole.worst).toBe(5);
    expect(picture({ filter: "dc:vla" }).frame(EXAMPLE_NOW)?.tray).toEqual({
      unknown_host: 0,
      ambiguous: 0,
      no_rack: 0,
      host_pending: 0,
      elsewhere: 0,
    });
  });

  test("about ages makes cells outdated when an event comes to that age", () => {
    const made = picture({ filter: "age<1m" });
    // Without sources, which would grow late meanwhile.
    made.take({ ...EXAMPLE.snapshot, sources: [] });
    // The youngest event began seven seconds before the picture was made.
    made.frame(EXAMPLE_NOW);
    expect(made.outdated(EXAMPLE_NOW + 52_000)).toBe(false);
    expect(made.outdated(EXAMPLE_NOW + 53_000)).toBe(true);
    expect(made.frame(EXAMPLE_NOW + 53_000)?.passed).toBe(0);
  });

  test("knows where things stand as soon as there is an inventory", () => {
    const made = new Picture();
    made.take(EXAMPLE.snapshot);
    made.watch({ filter: "dc:vla" });
    expect(made.frame(EXAMPLE_NOW)?.passed).toBe(0);
    made.takeInventory(EXAMPLE.inventory);
    expect(made.frame(EXAMPLE_NOW)?.passed).toBe(1);
  });
});

test("the search box is answered with names and with how many events pass", () => {
  expect(picture().find("srv-00001", EXAMPLE_NOW)).toMatchObject({ found: [{ id: 513 }], passed: 1 });
  expect(picture().find("sev>=high", EXAMPLE_NOW)).toEqual({ text: "sev>=high", found: [], passed: 5 });
  expect(picture().find("sev>=", EXAMPLE_NOW)).toEqual({ text: "sev>=", found: [] });
});

test("the open rack shows its devices with their state, what passes through it marked", () => {
  const { rack } = picture({ rack: 5 }).detail(EXAMPLE_NOW);
  expect(rack?.devices.map((device) => [device.name, device.elsewhere])).toEqual([["sas-sw1", true]]);
  expect(rack?.cells.fill[0]).toBe(4);
  expect(picture({ rack: 999 }).detail(EXAMPLE_NOW).rack).toBeUndefined();
});

test("the open event is found wherever it is, with its link", () => {
  const key = "zabbix:30117:srv-00001";
  const { event } = picture({ event: key }).detail(EXAMPLE_NOW);
  expect(event?.link).toBe("http://zabbix.example.net/tr_events.php?triggerid=30117&eventid=81204");
  expect(picture({ event: "gone" }).detail(EXAMPLE_NOW).event).toBeUndefined();
});

describe("for a ticket it gathers", () => {
  const ids = (watched: Watched) =>
    picture({ ...watched, acting: "ticket" })
      .detail(EXAMPLE_NOW)
      .about?.map((event) => event.id);

  test("the open event alone, even if somebody has acknowledged it", () => {
    expect(ids({ event: "zabbix:30118:srv-00002" })).toEqual(["zabbix:81207:srv-00002"]);
  });

  test("of a selection what somebody must act on, and what has a ticket, but nothing without a host", () => {
    expect(ids({ selection: { kind: "rack", id: 3 } })).toEqual(["zabbix:81204:srv-00001"]);
    expect(ids({ selection: { kind: "rack", id: 30 } })).toEqual(["zabbix:79002:vla-db1"]);
    expect(ids({ selection: { kind: "tray" } })).toEqual([
      "zabbix:81301:db",
      "zabbix:81300:old-gw",
      "zabbix:81302:spare-01",
    ]);
  });

  test("nothing without a selection, and nothing unasked", () => {
    expect(ids({})).toEqual([]);
    expect(picture({ event: "zabbix:30117:srv-00001" }).detail(EXAMPLE_NOW).about).toBeUndefined();
  });
});

test("a site's own settings change what is painted", () => {
  const made = picture();
  made.configure({ map_severity: 5, timezone: "Europe/Moscow" });
  expect(made.frame(EXAMPLE_NOW)?.tabs.map((tab) => tab.count)).toEqual([1, 0, 0]);
});

test("the level of locations that the site is set to makes other tabs; told again it changes nothing", () => {
  const settings = { map_severity: 2, timezone: "Europe/Moscow" };
  const made = picture();
  const tabs = () => made.site?.plan.tabs.map(({ name }) => name);
  expect(tabs()).toEqual(["SAS", "VLA", ""]);
  expect(made.configure({ ...settings, location_level: 0 })).toBe(true);
  expect(tabs()).toEqual(["Europe", ""]);
  expect(made.configure({ ...settings, location_level: 0 })).toBe(false);
  expect(made.frame(EXAMPLE_NOW)?.tabs).toHaveLength(2);
});

/** The example, a second later, with other events. */
const later = (events: NonNullable<typeof EXAMPLE.snapshot.events>, revision = 1) => ({
  ...EXAMPLE.snapshot,
  revision: EXAMPLE.snapshot.revision + revision,
  events,
});

describe("a picture that is held", () => {
  const events = EXAMPLE.snapshot.events ?? [];

  test("stays as it is, counts the newer ones, is not dead, and goes on with the newest", () => {
    const made = picture();
    made.freeze(true, EXAMPLE_NOW);
    made.take(later(events.slice(1)));
    made.take(later(events.slice(1)));
    made.take({ ...later(events.slice(2), 2), generated_at: "2030-01-01T00:00:00Z" });
    const held = made.frame(EXAMPLE_NOW + 200_000);
    expect(held?.events).toBe(events.length);
    expect(held?.frozen).toEqual({ at: EXAMPLE_NOW, newer: 2 });
    expect(held?.newestAt).toBe(Date.parse("2030-01-01T00:00:00Z"));
    expect(made.outdated(EXAMPLE_NOW + 200_000)).toBe(false);
    made.freeze(false, EXAMPLE_NOW + 200_000);
    expect(made.frame(EXAMPLE_NOW)?.events).toBe(events.length - 2);
    expect(made.frame(EXAMPLE_NOW)?.frozen).toBeUndefined();
  });

  test("is held for five minutes at most", () => {
    const made = picture();
    expect(made.heldTooLong(EXAMPLE_NOW)).toBe(false);
    made.freeze(true, EXAMPLE_NOW);
    expect(made.heldTooLong(EXAMPLE_NOW + 300_000)).toBe(false);
    expect(made.heldTooLong(EXAMPLE_NOW + 300_001)).toBe(true);
  });
});

describe("it rings", () => {
  const [first] = EXAMPLE.snapshot.events ?? [];
  if (!first) throw new Error("the example has no events");
  const event = (n: number, fields: Partial<typeof first> = {}) => {
    const { handled: _, incident: __, last_time: ___, ...rest } = first;
    return { ...rest, id: `zabbix:${n}:srv-00001`, key: `zabbix:${n}:srv-00001`, ...fields };
  };
  const rings = (...steps: ReturnType<typeof event>[][]) => {
    const made = new Picture();
    made.takeInventory(EXAMPLE.inventory);
    return steps.map((events, i) => {
      made.take(later(events, i));
      return made.rings(EXAMPLE_NOW).map(({ key }) => key.split(":")[1]);
    });
  };

  test("once for what begins to need somebody, and not for what was there first", () => {
    expect(rings([event(1)], [event(1), event(2)], [event(1), event(2)])).toEqual([[], ["2"], []]);
  });

  test("again when what was taken care of needs somebody again", () => {
    const taken = event(1, { handled: "acknowledged" });
    expect(rings([event(1)], [taken], [event(1)])).toEqual([[], [], ["1"]]);
  });

  test("once for an incident, however many fall", () => {
    const fall = (n: number) => event(n, { incident: "rack:3@1" });
    expect(rings([], [fall(1), fall(2)], [fall(1), fall(2), fall(3)]).map((one) => one.length)).toEqual([
      0, 1, 0,
    ]);
  });

  test("not for what maintenance or another problem explains, nor for what somebody has taken on", () => {
    for (const handled of ["suppressed", "dependent", "acknowledged", "ticketed", "note"] as const) {
      expect(rings([], [event(1, { handled })]), handled).toEqual([[], []]);
      const incident = "rack:3@1";
      expect(rings([], [event(1, { handled, incident })]), `${handled} incident`).toEqual([[], []]);
    }
  });

  test("not for what only came back, nor before its host is known", () => {
    const back = event(1, { last_time: { cleared_at: first.since } });
    expect(rings([], [back, event(2, { unplaced: "host_pending" })])).toEqual([[], []]);
  });

  test("not for what another filter shows", () => {
    const made = new Picture();
    made.watch({ filter: "host:nobody" });
    made.take(later([event(1)]));
    expect(made.rings(EXAMPLE_NOW)).toEqual([]);
    made.watch({});
    made.settle(EXAMPLE_NOW);
    made.take(later([event(1), event(2)], 2));
    expect(made.rings(EXAMPLE_NOW).map(({ key }) => key)).toEqual(["zabbix:2:srv-00001"]);
  });

  test("nothing less because a saved view is told again", () => {
    const made = new Picture();
    made.limit({ filter: "" });
    made.take(later([event(1)]));
    made.rings(EXAMPLE_NOW);
    made.limit({ filter: "" });
    made.take(later([event(1), event(2)], 2));
    expect(made.rings(EXAMPLE_NOW)).toHaveLength(1);
  });
});

describe("the list", () => {
  const list = (watched: Watched, part = {}) =>
    picture({ ...watched, list: { sort: "-severity", all: true, from: 0, count: 100, ...part } }).detail(
      EXAMPLE_NOW,
    ).page;
  const cleared = EXAMPLE.snapshot.cleared?.length ?? 0;

  test("has every event and what has just cleared, of which a part is sent", () => {
    const total = (EXAMPLE.snapshot.events?.length ?? 0) + cleared;
    expect(list({})?.total).toBe(total);
    expect(list({})?.over).toBe(cleared);
    const over = list({})?.items.filter(({ clearedAt }) => clearedAt);
    expect(over?.length).toBe(cleared);
    expect(over?.every((item) => item.reason === undefined)).toBe(true);
    expect(list({}, { from: 1, count: 2 })?.items.map(({ event }) => event.id)).toEqual(
      list({})
        ?.items.slice(1, 3)
        .map(({ event }) => event.id),
    );
    const shown = list({}, { all: false });
    expect((shown?.total ?? 0) + (shown?.hidden ?? 0)).toBe(total);
  });

  test("is of the tab, the tray or the source that is looked at", () => {
    const racks = (watched: Watched) => new Set(list(watched)?.items.map(({ rack }) => rack >= 0));
    expect(racks({ selection: { kind: "tray" } })).toEqual(new Set([false]));
    expect(racks({ dc: "sas" })).toEqual(new Set([true]));
    const sources = list({ selection: { kind: "source", name: "zabbix" } })?.items.map(
      ({ event }) => event.source,
    );
    expect(new Set(sources)).toEqual(new Set(["zabbix"]));
  });
});

test("what was picked goes before what is open or selected", () => {
  const id = "zabbix:81204:srv-00001";
  const about = (watched: Watched) =>
    picture({ ...watched, acting: "acknowledge" })
      .detail(EXAMPLE_NOW)
      .about?.map((event) => event.id);
  expect(
    about({ picked: [id], event: "zabbix:30118:srv-00002", selection: { kind: "rack", id: 30 } }),
  ).toEqual([id]);
});

test("a saved view dims what is neither in its racks nor on its devices, and what its filter does not mean", () => {
  const made = picture();
  const dimmed = () => made.frame(EXAMPLE_NOW)?.passed;
  expect(dimmed()).toBeUndefined();
  made.limit({ filter: "", racks: [3], devices: [] });
  const inRack = (EXAMPLE.snapshot.events ?? []).filter(({ rack_id }) => rack_id === 3).length;
  expect(dimmed()).toBe(inRack);
  const shown = () =>
    [...(made.frame(EXAMPLE_NOW)?.cells.marks ?? [])].filter((marks) => !(marks & Mark.filteredOut)).length;
  expect(shown()).toBe(1);
  // Its racks are seen though nothing happens in them.
  made.limit({ filter: "", racks: [3, 5], devices: [] });
  expect(shown()).toBe(2);
  made.limit({ filter: "", racks: [], devices: [] });
  expect(dimmed()).toBe(0);
  expect(shown()).toBe(0);
  made.limit({ filter: "sev>=0" });
  expect(dimmed()).toBe(EXAMPLE.snapshot.events?.length);
  made.limit(undefined);
  expect(dimmed()).toBeUndefined();
});

test("places around what is looked at are offered for notes, the nearest first", () => {
  const places = (watched: Watched) =>
    picture(watched)
      .detail(EXAMPLE_NOW)
      .places.map(({ place }) => place.split(":")[0]);
  expect(places({})).toEqual([]);
  expect(places({ dc: "sas" })).toEqual(["location"]);
  expect(places({ selection: { kind: "rack", id: 3 } }).slice(0, 2)).toEqual(["rack", "row"]);
  expect(places({ event: "zabbix:30117:srv-00001" }).slice(0, 3)).toEqual(["device", "rack", "row"]);
});

test("notes are those of the places around what is looked at; of the whole site all", () => {
  const notes = [3, 30].map((id) => ({
    id,
    place: `rack:${id}`,
    author: "a",
    at: EXAMPLE.snapshot.generated_at,
    text: "x",
  }));
  const shown = (watched: Watched) => {
    const made = picture(watched);
    made.take({ ...later(EXAMPLE.snapshot.events ?? []), notes });
    return made.detail(EXAMPLE_NOW).notes.map(({ id }) => id);
  };
  expect(shown({})).toEqual([3, 30]);
  expect(shown({ selection: { kind: "rack", id: 3 } })).toEqual([3]);
  expect(shown({ event: "zabbix:30117:srv-00001" })).toEqual([3]);
  expect(shown({ selection: { kind: "tray" } })).toEqual([]);
});
