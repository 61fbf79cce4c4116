import { expect, test } from "vitest";
import { arbitrary } from "./arbitrary.ts";
import { EXAMPLE } from "./examples.ts";
import { GAP, pathOf, siteOf, slotsOf, tabByKey } from "./plan.ts";

const site = siteOf(EXAMPLE.inventory);
const { plan } = site;

test("tabs are the shallowest locations with more than one; rows without one come last", () => {
  expect(plan.tabs.map((tab) => tab.name)).toEqual(["SAS", "VLA", ""]);
  expect(plan.tabs.map((tab) => tab.key)).toEqual(["sas", "vla", "none"]);
});

test("the site may say which level becomes tabs", () => {
  expect(siteOf(EXAMPLE.inventory, 0).plan.tabs.map((tab) => tab.name)).toEqual(["Europe", ""]);
});

test("without locations there is one tab", () => {
  const bare = siteOf({
    format: 1,
    rows: [{ id: 1, name: "r" }],
    racks: [{ id: 1, name: "a", row_id: 1, height: 1 }],
  });
  expect(bare.plan.tabs).toHaveLength(1);
});

test("racks stand in physical order, a missing position is a gap", () => {
  const names = plan.rows[0]?.slots.map((slot) => (slot === GAP ? "" : plan.racks[slot]?.name));
  expect(names).toEqual(["A01", "A02", "", "A04"]);
});

test("racks without a position follow by name, and a typing error costs no more than a dozen slots", () => {
  const slots = slotsOf([
    { index: 0, position: 5000, name: "far" },
    { index: 1, position: undefined, name: "rack 10" },
    { index: 2, position: undefined, name: "rack 9" },
    { index: 3, position: 1, name: "one" },
  ]);
  expect(slots.filter((slot) => slot !== GAP)).toEqual([3, 0, 2, 1]);
  expect(slots.length).toBeLessThan(20);
});

test("a device stands where its container stands, and in the rack with the smallest id", () => {
  expect(site.standsIn.get(515)).toBe(site.rackOf.get(4));
  expect(site.standsIn.get(518)).toBe(site.rackOf.get(3));
  expect(site.standsIn.get(517)).toBe(site.rackOf.get(4));
  expect(site.passing[site.rackOf.get(5) as number]?.map((device) => device.id)).toEqual([517]);
  expect(site.standsIn.has(520)).toBe(false);
});

test("damaged inventories lose no rack: loops, missing rows and missing parents", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { inventory } = arbitrary(seed);
    const found = siteOf(inventory).plan;
    const slots = found.rows.flatMap((row) => row.slots.filter((slot) => slot !== GAP));
    expect(slots.toSorted((a, b) => a - b)).toEqual(found.racks.map((_, i) => i));
    expect(found.racks).toHaveLength(inventory.racks?.length ?? 0);
    expect(found.tabs.flatMap((tab) => tab.rows).toSorted((a, b) => a - b)).toEqual(
      found.rows.map((_, i) => i),
    );
  }
});

test("a rack in no row is seen, and what lies between tab and row is named", () => {
  const found = siteOf({
    format: 1,
    locations: [
      { id: 1, name: "SAS" },
      { id: 2, name: "hall 2", parent_id: 1 },
      { id: 3, name: "VLA" },
    ],
    rows: [
      { id: 1, name: "A", location_id: 2 },
      { id: 2, name: "A", location_id: 3 },
    ],
    racks: [
      { id: 1, name: "one", row_id: 1, height: 42 },
      { id: 2, name: "two", row_id: 2, height: 42 },
      { id: 3, name: "lost", height: 42 },
    ],
  });
  expect(found.plan.racks.map((_, i) => pathOf(found.plan, i).join(" / "))).toEqual([
    "SAS / hall 2 / A / one",
    "VLA / A / two",
    "– / lost",
  ]);
});

test("places are named from the data centre down", () => {
  expect(pathOf(plan, site.rackOf.get(3) as number)).toEqual(["SAS", "SAS-A", "A01"]);
  expect(tabByKey(plan, "SAS")).toBe(0);
  expect(tabByKey(plan, "nowhere")).toBeUndefined();
});
