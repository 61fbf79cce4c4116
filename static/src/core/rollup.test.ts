import { describe, expect, test } from "vitest";
import { arbitrary, NOW } from "./arbitrary.ts";
import { EXAMPLE, EXAMPLE_NOW } from "./examples.ts";
import { type HeatEvent, NONE, type Snapshot } from "./model.ts";
import { siteOf } from "./plan.ts";
import { barsOf, Mark, problemOf, rollUp, watchingOf } from "./rollup.ts";

const settings = { now: EXAMPLE_NOW, mapSeverity: 2 };
const site = siteOf(EXAMPLE.inventory);
const watching = watchingOf(EXAMPLE.coverage);
const example = rollUp(site, watching, EXAMPLE.snapshot, settings);

/** Index of a rack of the example. */
const rack = (id: number) => site.rackOf.get(id) as number;
const marksOf = (rolled: typeof example, id: number) => rolled.cells.marks[rack(id)] as number;

const event = (fields: Partial<HeatEvent>): HeatEvent => ({
  id: "zabbix:1:h",
  key: "zabbix:1:h",
  source: "zabbix",
  host: "h",
  rack_id: 5,
  severity: 4,
  name: "problem",
  since: "2026-11-23T20:00:00Z",
  ...fields,
});
const withEvents = (...events: HeatEvent[]): Snapshot => ({ ...EXAMPLE.snapshot, events });
const rolled = (...events: HeatEvent[]) => rollUp(site, watching, withEvents(...events), settings);

test("every event is in exactly one cell or in the tray, on 100 random sites", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { inventory, coverage, snapshot } = arbitrary(seed);
    const place = siteOf(inventory);
    // Also while the inventory is not here yet, and for one that is older than the snapshot.
    for (const known of [place, undefined, siteOf({ format: 1, racks: (inventory.racks ?? []).slice(5) })]) {
      const result = rollUp(known, watchingOf(coverage), snapshot, {
        now: NOW,
        mapSeverity: seed % 6,
      });
      const inCells = result.cells.total.reduce((sum, count) => sum + count, 0);
      const inTray = Object.values(result.tray).reduce((sum, count) => sum + count, 0);
      const active = snapshot.events?.length ?? 0;
      expect(inCells + inTray, `seed ${seed}`).toBe(active);
      expect(result.where.filter((where) => where < 0)).toHaveLength(inTray);
      // The same, counted from the assignment itself: no event is in two places.
      result.cells.total.forEach((total, i) => {
        expect(result.where.filter((where) => where === i)).toHaveLength(total);
      });
    }
  }
});

test("the filter moves nothing; a cell shows what passes, and where nothing does all there is, dimmed", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { inventory, coverage, snapshot } = arbitrary(seed);
    const place = siteOf(inventory);
    const all = rollUp(place, watchingOf(coverage), snapshot, { now: NOW, mapSeverity: 2 });
    const some = rollUp(place, watchingOf(coverage), snapshot, {
      now: NOW,
      mapSeverity: 2,
      passes: (event) => event.severity > 3,
    });
    expect(some.where).toEqual(all.where);
    // As if there were nothing else.
    const alone = rollUp(
      place,
      watchingOf(coverage),
      { ...snapshot, events: snapshot.events?.filter((event) => event.severity > 3) ?? [] },
      { now: NOW, mapSeverity: 2 },
    );
    some.cells.marks.forEach((marks, i) => {
      const { cells } = marks & Mark.filteredOut ? all : alone;
      for (const what of ["fill", "hatch", "count"] as const) {
        expect(some.cells[what][i], `seed ${seed}, ${what} of ${i}`).toBe(cells[what][i]);
      }
      expect(some.cells.total[i]).toBe(all.cells.total[i]);
    });
    for (const what of ["tabs", "unplaced", "whole", "tray", "counters", "waiting"] as const) {
      expect(some[what], `seed ${seed}, ${what}`).toEqual(alone[what]);
    }
    const dimmed = some.cells.marks.map((marks) => marks & Mark.filteredOut);
    snapshot.events?.forEach((event, i) => {
      expect(some.passed?.[i]).toBe(Number(event.severity > 3));
      if (event.severity > 3 && (some.where[i] ?? -1) >= 0) expect(dimmed[some.where[i] ?? -1]).toBe(0);
    });
    expect(all.cells.marks.some((marks) => marks & Mark.filteredOut)).toBe(false);
  }
});

describe("the colour of a cell", () => {
  test("is the worst unhandled severity", () => {
    expect(example.cells.fill[rack(3)]).toBe(5);
    expect(example.cells.fill[rack(4)]).toBe(4);
  });

  test("is not given by what somebody handles; that is hatched", () => {
    expect(example.cells.fill[rack(30)]).toBe(NONE);
    expect(example.cells.hatch[rack(30)]).toBe(4);
  });

  test("is not given below the map severity, though the event is counted above", () => {
    const low = rolled(event({ severity: 1 }));
    expect(low.cells.fill[rack(5)]).toBe(NONE);
    expect(low.cells.count[rack(5)]).toBe(0);
    expect(low.cells.total[rack(5)]).toBe(1);
    expect(low.counters[1]).toEqual({ open: 1, all: 1 });
  });

  test("stays when the source goes stale, under the hatch", () => {
    const later = { ...settings, now: EXAMPLE_NOW + 3_600_000 };
    const stale = rollUp(site, watching, EXAMPLE.snapshot, later);
    expect(stale.cells.fill).toEqual(example.cells.fill);
    expect(marksOf(stale, 3) & Mark.silent).toBeTruthy();
    expect(stale.atLeast).toBe(true);
  });

  test("is not given by maintenance or dependence: they carry a glyph", () => {
    const quiet = rolled(event({ suppressed: true, handled: "suppressed" }));
    expect(quiet.cells.fill[rack(5)]).toBe(NONE);
    expect(quiet.cells.hatch[rack(5)]).toBe(NONE);
    expect(marksOf(quiet, 5) & Mark.suppressed).toBeTruthy();
    const follows = rolled(event({ dependent: true, handled: "dependent" }));
    expect([follows.cells.fill[rack(5)], follows.cells.hatch[rack(5)]]).toEqual([NONE, NONE]);
    expect([marksOf(follows, 5) & Mark.dependent, follows.cells.count[rack(5)]]).toEqual([Mark.dependent, 0]);
  });
});

describe("the number of a cell", () => {
  test("counts a rack incident once, and events outside it one by one", () => {
    const many = rolled(
      event({ id: "zabbix:1:a", incident: "rack:5" }),
      event({ id: "zabbix:2:b", incident: "rack:5" }),
      event({ id: "zabbix:3:c" }),
    );
    expect(many.cells.count[rack(5)]).toBe(2);
    expect(many.cells.total[rack(5)]).toBe(3);
    expect(marksOf(many, 5) & Mark.incident).toBeTruthy();
  });

  test("counts an incident, and frames the cell, only while one of its events needs somebody", () => {
    const handled = { incident: "rack:5@7", handled: "ticketed" } as const;
    const all = rolled(event({ id: "zabbix:1:a", ...handled }), event({ id: "zabbix:2:b", ...handled }));
    expect(all.cells.count[rack(5)]).toBe(0);
    expect(marksOf(all, 5) & Mark.incident).toBeFalsy();
    const but = rolled(
      event({ id: "zabbix:1:a", ...handled }),
      event({ id: "zabbix:2:b", incident: "rack:5@7" }),
    );
    expect(but.cells.count[rack(5)]).toBe(1);
    expect(marksOf(but, 5) & Mark.incident).toBeTruthy();
  });
});

describe("what is not watched", () => {
  test("is hollow where no source watches any device", () => {
    const zabbixAlone = { format: 1 as const, sources: [{ name: "zabbix", devices: [513] }] };
    const alone = rollUp(site, watchingOf(zabbixAlone), withEvents(), settings);
    expect(marksOf(alone, 30) & Mark.unwatched).toBeTruthy();
    expect(marksOf(alone, 3) & Mark.unwatched).toBeFalsy();
  });

  test("is hatched where the monitoring of its devices is silent", () => {
    const coverage = { format: 1 as const, sources: [{ name: "zabbix", devices: [513, 514, 519] }] };
    const silent = rollUp(site, watchingOf(coverage), { ...withEvents(), no_data: [519, 514] }, settings);
    expect(marksOf(silent, 30) & Mark.silent).toBeTruthy();
    expect(marksOf(silent, 3) & Mark.partlySilent).toBeTruthy();
  });

  test("has a lower bound for a number where a source that watches it may hide problems, and nowhere else", () => {
    const source = (name: string, status: "ok" | "partial") => ({
      name,
      kind: "zabbix" as const,
      status,
      fetched_at: new Date(EXAMPLE_NOW).toISOString(),
    });
    const elsewhere = site.standing.flat().find(({ id }) => site.standsIn.get(id) !== site.standsIn.get(519));
    const coverage = {
      format: 1 as const,
      sources: [
        { name: "whole", devices: [519] },
        { name: "part", devices: [elsewhere?.id ?? -1] },
      ],
    };
    const snapshot = {
      ...withEvents(),
      sources: [source("whole", "ok"), source("part", "partial")],
      no_data: [],
    };
    const { cells } = rollUp(site, watchingOf(coverage), snapshot, settings);
    const bound = site.plan.racks.filter((_, i) => (cells.marks[i] ?? 0) & Mark.atLeast);
    expect(bound).toEqual([site.plan.racks[site.standsIn.get(elsewhere?.id ?? -1) ?? -1]]);
  });

  test("is hatched only when every source that watches it is stale", () => {
    const old = { late_after_s: 15, stale_after_s: 120, status: "ok" } as const;
    const read = (name: string, secondsAgo: number) => ({
      ...old,
      name,
      kind: "zabbix" as const,
      fetched_at: new Date(EXAMPLE_NOW - secondsAgo * 1000).toISOString(),
    });
    const marks = (first: number, second: number) => {
      const coverage = {
        format: 1 as const,
        sources: [
          { name: "one", devices: [519] },
          { name: "other", devices: [519] },
        ],
      };
      const snapshot = { ...withEvents(), sources: [read("one", first), read("other", second)], no_data: [] };
      return marksOf(rollUp(site, watchingOf(coverage), snapshot, settings), 30);
    };
    const hatches = Mark.silent | Mark.partlySilent;
    expect([marks(1, 1), marks(300, 1), marks(1, 300)].map((one) => one & hatches)).toEqual([0, 0, 0]);
    expect(marks(300, 300) & hatches).toBe(Mark.silent);
  });

  test("is hatched, never calm, while nobody knows who watches what", () => {
    const blind = rollUp(site, undefined, withEvents(), settings);
    expect(marksOf(blind, 5) & Mark.silent).toBeTruthy();
  });

  test("is hatched when the only source that watches it has never been read", () => {
    const coverage = { format: 1 as const, sources: [{ name: "zabbix", devices: [513] }] };
    const snapshot: Snapshot = {
      ...withEvents(),
      sources: [{ name: "zabbix", kind: "zabbix", status: "unknown" }],
    };
    const unread = rollUp(site, watchingOf(coverage), snapshot, settings);
    expect(marksOf(unread, 3) & Mark.silent).toBeTruthy();
    expect(unread.atLeast).toBe(true);
  });
});

test("counters count a trigger over several hosts as one problem", () => {
  const two = rolled(event({ id: "zabbix:9:a" }), event({ id: "zabbix:9:b" }), event({ id: "zabbix:10:a" }));
  expect(two.counters[4]).toEqual({ open: 2, all: 2 });
  expect(problemOf(event({ id: "juggler:http%3A80@2026:h" }))).toBe("juggler:http%3A80@2026");
});

test("an event is new for two minutes, unless it only came back", () => {
  const fresh = event({ since: "2026-11-23T21:07:00Z" });
  const back = { ...fresh, last_time: { cleared_at: "2026-11-23T21:03:00Z" } };
  expect(marksOf(rolled(fresh), 5) & Mark.fresh).toBeTruthy();
  expect(rolled(fresh).freshUntil).toBe(Date.parse("2026-11-23T21:09:00Z"));
  expect(marksOf(rolled(back), 5) & Mark.fresh).toBeFalsy();
});

test("an event whose rack this page does not know stands in the tray until the inventory comes", () => {
  expect(rolled(event({ rack_id: 999_999 })).tray.elsewhere).toBe(1);
  expect(example.tray).toEqual({ unknown_host: 1, ambiguous: 1, no_rack: 1, host_pending: 1, elsewhere: 0 });
});

test("what stands on no rack is counted as the counters count: to act on, and in all, each problem once", () => {
  const nowhere = (id: string, fields: Partial<HeatEvent>) => {
    const { rack_id: _, ...unplaced } = event({ id, unplaced: "unknown_host", ...fields });
    return unplaced;
  };
  const made = rolled(
    nowhere("zabbix:1:a", { severity: 4 }),
    nowhere("zabbix:1:b", { severity: 4 }),
    nowhere("zabbix:2:a", { severity: 5, handled: "acknowledged" }),
    nowhere("zabbix:3:a", { severity: 1 }),
    event({ id: "zabbix:4:a", severity: 5 }),
  );
  expect(made.unplaced).toEqual({ worst: 4, count: 1, all: 3 });
  expect(made.tray.unknown_host).toBe(4);
});

test("the parts of the site tell what is to act on as the counters do, and what stands on no rack with them", () => {
  const { rack_id: _, ...nowhere } = event({ id: "zabbix:7:x", severity: 5 });
  const made = rolled(
    event({ id: "zabbix:1:a" }),
    event({ id: "zabbix:1:b" }),
    event({ id: "zabbix:2:a", incident: "rack:5@1" }),
    event({ id: "zabbix:3:a", incident: "rack:5@1" }),
    event({ id: "zabbix:4:a", handled: "acknowledged" }),
    nowhere,
  );
  expect(made.unplaced).toEqual({ worst: 5, count: 1, all: 1 });
  expect(made.whole).toEqual({ worst: 5, count: 3 });
  expect(made.tabs.filter(({ count }) => count > 0)).toEqual([{ worst: 4, count: 2 }]);
  expect(made.counters.reduce((sum, { open }) => sum + open, 0)).toBe(3);
});

describe("the counters", () => {
  const [rackId] = [5];
  const fallen = (n: number, fields: Partial<HeatEvent> = {}) =>
    event({ id: `zabbix:${n}:h${n}`, key: `zabbix:${n}:h${n}`, incident: `rack:${rackId}@1`, ...fields });

  test("count an incident once, at its worst, and all of its problems as the source does", () => {
    const { counters, waiting } = rolled(
      fallen(1),
      fallen(2, { severity: 5 }),
      fallen(3),
      event({ id: "zabbix:9:h" }),
    );
    expect(counters.map(({ open, all }) => `${open}/${all}`)).toEqual([
      "0/0",
      "0/0",
      "0/0",
      "0/0",
      "1/3",
      "1/1",
    ]);
    expect(waiting).toEqual([0, 0, 0, 0, 1, 1]);
  });

  test("do not count what is handled as to act on, nor wait for what the filter leaves out", () => {
    const events = [fallen(1, { handled: "ticketed" }), fallen(2), event({ id: "zabbix:9:h", severity: 3 })];
    const { counters, waiting } = rollUp(site, watching, withEvents(...events), {
      ...settings,
      passes: ({ severity }) => severity === 3,
    });
    expect(counters.map(({ open, all }) => `${open}/${all}`)).toEqual([
      "0/0",
      "0/0",
      "0/0",
      "1/1",
      "0/0",
      "0/0",
    ]);
    expect(waiting).toEqual([0, 0, 0, 1, 0, 0]);
  });

  test("tell what is unhandled for more than a week", () => {
    const since = (days: number) => ({
      since: new Date(EXAMPLE_NOW - days * 86_400_000).toISOString().replace(".000", ""),
    });
    expect(
      rolled(event(since(8)), event({ ...since(9), handled: "acknowledged" }), event(since(6))).old,
    ).toBe(1);
  });
});

describe("the devices of a rack as bars", () => {
  const bars = (...events: HeatEvent[]) => barsOf(site, new Set([rack(3)]), withEvents(...events), settings);
  const device = site.standing[rack(3)]?.find(({ mounts }) => mounts?.some(({ unit }) => unit !== undefined));
  if (!device) throw new Error("the example's rack 3 has no device with a unit");

  test("are those of the racks that are looked at, where they are mounted", () => {
    const { from, low, high } = bars();
    const [begin, end] = [from[rack(3)] ?? 0, from[rack(3) + 1] ?? 0];
    expect(end).toBeGreaterThan(begin);
    expect(from.at(-1)).toBe(end);
    for (let bar = begin; bar < end; bar++) expect(high[bar]).toBeGreaterThanOrEqual(low[bar] ?? 99);
  });

  test("take the worst colour of what nobody handles, and a hatch for what somebody does", () => {
    const own = { device_id: device.id, rack_id: 3 };
    const shown = (...events: HeatEvent[]) => {
      const { fill, hatch } = bars(...events);
      return [...new Set(fill), ...new Set(hatch)].filter((severity) => severity !== NONE);
    };
    expect(shown(event({ ...own, severity: 3 }), event({ ...own, severity: 4 }))).toEqual([4]);
    expect(shown(event({ ...own, severity: 4, handled: "acknowledged" }))).toEqual([4]);
    expect(
      shown(event({ ...own, severity: 4, handled: "suppressed" }), event({ ...own, severity: 1 })),
    ).toEqual([]);
  });
});

test("a note on a rack or on a device marks the rack", () => {
  const device = site.standing[rack(5)]?.[0] ?? site.standing[rack(3)]?.[0];
  const home = site.standsIn.get(device?.id ?? -1) ?? -1;
  const note = { id: 1, author: "a", at: "2026-11-23T20:00:00Z", text: "x" };
  const noted = rollUp(
    site,
    watching,
    { ...withEvents(), notes: [{ ...note, place: `device:${device?.id}` }] },
    settings,
  );
  expect((noted.cells.marks[home] ?? 0) & Mark.noted).toBeTruthy();
});
