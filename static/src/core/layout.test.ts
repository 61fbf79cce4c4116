import { describe, expect, test } from "vitest";
import { arbitrary } from "./arbitrary.ts";
import { ACROSS, FINE, layOut, neighbour, rackAt } from "./layout.ts";
import type { Inventory } from "./model.ts";
import { siteOf } from "./plan.ts";

/** `racks` racks in rows of 15 to 27, in four data centres. */
function large(racks: number): Inventory {
  const locations = [1, 2, 3, 4].map((id) => ({ id, name: `DC${id}` }));
  const rows: { id: number; name: string; location_id: number }[] = [];
  const out: { id: number; name: string; row_id: number; height: number; position: number }[] = [];
  while (out.length < racks) {
    const row = { id: rows.length + 1, name: `row ${rows.length + 1}`, location_id: 1 + (rows.length % 4) };
    rows.push(row);
    const length = Math.min(racks - out.length, 15 + ((rows.length * 7) % 13));
    for (let i = 1; i <= length; i++) {
      out.push({ id: out.length + 1, name: String(i), row_id: row.id, height: 42, position: i });
    }
  }
  return { format: 1, version: "large", locations, rows, racks: out };
}

const AREA = { width: 1600, height: 960 };
const { plan } = siteOf(large(2000));

describe("zoom 0", () => {
  const layout = layOut(plan, undefined, AREA);

  test("shows 2,000 racks on 1600 by 960 without scrolling, each large enough to tell and to click", () => {
    expect(layout.width).toBeLessThanOrEqual(AREA.width);
    expect(layout.height).toBeLessThanOrEqual(AREA.height);
    expect(layout.x.some(Number.isNaN)).toBe(false);
    expect(Math.min(...layout.cell)).toBeGreaterThanOrEqual(15);
  });

  test("gives every rack a place of its own, and finds it there", () => {
    for (let i = 0; i < plan.racks.length; i++) {
      expect(rackAt(layout, (layout.x[i] ?? 0) + 1, (layout.y[i] ?? 0) + 1)).toBe(i);
    }
    expect(rackAt(layout, -5, -5)).toBeUndefined();
  });

  test("depends on the plan and the area alone", () => {
    expect(layOut(plan, undefined, AREA)).toEqual(layout);
  });

  test("shows one data centre larger, and only that", () => {
    const one = layOut(plan, 0, AREA);
    expect(one.pitch[0]).toBeGreaterThan(layout.pitch[0]);
    const shown = one.strips.flatMap((strip) => strip.racks);
    expect(shown.every((rack) => plan.rows[plan.racks[rack]?.row ?? -1]?.tab === 0)).toBe(true);
    expect(one.x.filter((x) => !Number.isNaN(x))).toHaveLength(shown.length);
  });
});

test("any site fits any area, or grows downwards, and no two racks overlap", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const place = siteOf(arbitrary(seed).inventory).plan;
    const area = { width: 200 + ((seed * 37) % 1500), height: 100 + ((seed * 53) % 900) };
    const layout = layOut(place, undefined, area);
    const corners = new Set(place.racks.map((_, i) => `${layout.x[i]} ${layout.y[i]}`));
    expect(corners.size).toBe(place.racks.length);
    expect(layout.width).toBeLessThanOrEqual(Math.max(area.width, 250));
    expect(layout.strips.flatMap((strip) => strip.racks)).toHaveLength(place.racks.length);
  }
});

describe("arrows", () => {
  const layout = layOut(plan, undefined, AREA);

  test("go along the strip and come back", () => {
    const first = layout.strips[0]?.racks[0] as number;
    const second = neighbour(layout, first, "right");
    expect(second).toBe(layout.strips[0]?.racks[1]);
    expect(neighbour(layout, second, "left")).toBe(first);
  });

  test("reach every rack from any other", () => {
    const seen = new Set([0]);
    for (const rack of seen) {
      for (const direction of ["left", "right", "up", "down"] as const)
        seen.add(neighbour(layout, rack, direction));
    }
    expect(seen.size).toBe(plan.racks.length);
  });

  test("stay where they are at the edge", () => {
    const first = layout.strips[0]?.racks[0] as number;
    expect(neighbour(layout, first, "left")).toBe(first);
    expect(neighbour(layout, first, "up")).toBe(first);
  });
});

describe("zoom 1", () => {
  test("shows each rack large enough for its devices, and scrolls rather than shrink", () => {
    const one = layOut(plan, 0, AREA, FINE);
    expect(one.cell[0]).toBeGreaterThanOrEqual(18);
    expect(one.cell[1]).toBeGreaterThanOrEqual(44);
    expect(one.width).toBeLessThanOrEqual(AREA.width);
    const shown = one.strips.flatMap((strip) => strip.racks);
    expect(new Set(shown).size).toBe(shown.length);
    expect(shown.length).toBe(plan.tabs[0]?.rows.flatMap((row) => plan.rows[row]?.slots ?? []).length);
  });

  test("shows one row alone", () => {
    const row = layOut(plan, undefined, AREA, FINE, 3);
    expect(row.strips.flatMap((strip) => strip.racks)).toEqual(plan.rows[3]?.slots);
    expect(row.height).toBeLessThanOrEqual(AREA.height);
  });

  test("does not lose a rack, whatever the area", () => {
    for (const [width, height] of [
      [200, 100],
      [390, 500],
      [900, 4000],
      [3800, 2000],
    ] as const) {
      const { x } = layOut(plan, undefined, { width, height }, FINE);
      expect(x.some(Number.isNaN), `${width}`).toBe(false);
    }
  });
});

test("a wall shows a data centre larger than a desk does", () => {
  const wall = { width: 3800, height: 2000 };
  expect(layOut(plan, 0, wall, ACROSS).cell[0]).toBeGreaterThan(layOut(plan, 0, wall).cell[0]);
});

test("a wall of four times the pixels is read from as far: all on it is twice as large", () => {
  const usual = layOut(plan, undefined, { width: 1900, height: 1000 }, ACROSS);
  const large = layOut(plan, undefined, { width: 3800, height: 2000 }, ACROSS);
  expect(large.headings[0]?.height).toBe(2 * (usual.headings[0]?.height ?? 0));
  expect(large.labels[0]?.width).toBeGreaterThan(1.9 * (usual.labels[0]?.width ?? 0));
  expect(large.cell[0]).toBeGreaterThan(1.9 * usual.cell[0]);
  expect([usual.scale, large.scale]).toEqual([1, 2]);
  // Before a screen one sits as near as before, and sees more.
  expect(layOut(plan, undefined, { width: 3800, height: 2000 }).scale).toBe(1);
});
