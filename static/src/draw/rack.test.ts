import { describe, expect, test } from "vitest";
import { Picture } from "../api/picture.ts";
import type { RackDetail } from "../api/protocol.ts";
import { elevate } from "../core/elevation.ts";
import { EXAMPLE, EXAMPLE_NOW } from "../core/examples.ts";
import { NONE } from "../core/model.ts";
import { HOLLOW, inkOn, PALETTES, SILENT } from "../core/palette.ts";
import { emptyCells, Mark } from "../core/rollup.ts";
import { drawRack } from "./rack.ts";
import { hatched, type Stroke, strokesOf } from "./recorder.ts";

/** The example's rack A01, of 42 units that are numbered from the top: what stands in it, and inside of that. */
const detail = (() => {
  const picture = new Picture();
  picture.takeInventory(EXAMPLE.inventory);
  picture.take(EXAMPLE.snapshot);
  picture.watch({ rack: 3 });
  const { rack } = picture.detail(EXAMPLE_NOW);
  if (!rack) throw new Error("the example has no rack 3");
  return { ...rack, cells: emptyCells(rack.devices.length) };
})();
const index = (name: string) => detail.devices.findIndex((device) => device.name === name);

/** Draws the rack where one device shows this and all others are calm. */
function drawn(name: string, shown: Partial<Record<keyof RackDetail["cells"], number>> = {}): Stroke[] {
  const cells = emptyCells(detail.devices.length);
  for (const [part, value] of Object.entries(shown)) cells[part as keyof typeof cells][index(name)] = value;
  const elevation = elevate({ height: 42, reversed: true }, detail.devices, { width: 1400, height: 900 });
  const words = { front: "Front", rear: "Rear", beside: "Beside" };
  return strokesOf((pen) =>
    drawRack(pen, { detail: { ...detail, cells }, elevation, palette: PALETTES.heat, words }),
  );
}
const written = (strokes: readonly Stroke[]) =>
  strokes.flatMap(({ name, args }) => (name === "fillText" ? [String(args[0])] : []));
/** What is drawn otherwise than where all is calm. */
const news = (...shown: Parameters<typeof drawn>) => {
  const calm = drawn(shown[0]).map((stroke) => JSON.stringify(stroke));
  return drawn(...shown).filter((stroke) => !calm.includes(JSON.stringify(stroke)));
};

test("a rack is drawn from the front and from the rear, with the numbers of its units beside each", () => {
  const texts = written(drawn("srv-00001"));
  expect(texts).toEqual(expect.arrayContaining(["Front", "Rear", "Beside"]));
  for (let unit = 1; unit <= 42; unit++) {
    expect(texts.filter((text) => text === String(unit))).toHaveLength(2);
  }
});

test("every device has its name on it, with what it is; what is inside another says of which", () => {
  const strokes = drawn("srv-00001");
  const times = (text: string) => written(strokes).filter((one) => one === text).length;
  // One that is seen from both sides has its face on both.
  expect([times("srv-00002"), times("Dell R640")]).toEqual([2, 4]);
  expect([times("pdu-a01-l"), times("vm-0001 · srv-00002")]).toEqual([1, 1]);
});

describe("what a device means is drawn", () => {
  const HIGH = PALETTES.heat[4] ?? "";
  const name = "srv-00002";
  const styles = (strokes: readonly Stroke[], kind: string) =>
    strokes.flatMap((stroke) => (stroke.name === kind ? [stroke.fillStyle ?? stroke.strokeStyle] : []));

  test("its colour, its number and the ink to read both", () => {
    const strokes = news(name, { fill: 4, count: 12 });
    expect(styles(strokes, "fillRect")).toEqual([HIGH, HIGH]);
    expect(written(strokes)).toEqual(expect.arrayContaining(["12", name]));
    expect(new Set(styles(strokes, "fillText"))).toEqual(new Set([inkOn(HIGH)]));
  });

  test("that nobody watches it, that it is silent, and that somebody handles it", () => {
    expect(styles(news(name, { marks: Mark.unwatched }), "strokeRect")).toEqual([HOLLOW, HOLLOW]);
    expect(styles(news(name, { marks: Mark.silent }), "fillRect")).toContain(hatched(SILENT));
    const handled = styles(news(name, { hatch: 4 }), "fillRect");
    expect(handled).toContain(hatched(HIGH));
    expect(handled).not.toContain(HIGH);
  });

  test("that it is new: a white outline within it, wherever it is seen", () => {
    const outlines = styles(news(name, { fill: 4, marks: Mark.fresh }), "strokeRect");
    expect(outlines).toEqual(["#ffffff", "#ffffff"]);
  });

  test("that it is old: its colour stays, under a hatch that is none", () => {
    const [below, above] = styles(news(name, { fill: 4, marks: Mark.silent }), "fillRect");
    expect(below).toBe(HIGH);
    expect(above).toMatch(/^hatch of rgba\(0,0,0,/);
  });

  test("maintenance: a wrench; that it depends on another problem: a chain", () => {
    const glyph = (marks: number) => news(name, { fill: NONE, total: 1, marks }).map((stroke) => stroke.name);
    expect(glyph(Mark.suppressed)).toContain("arc");
    expect(glyph(Mark.dependent)).toContain("roundRect");
    expect(glyph(0)).toEqual([]);
  });

  test("that it passes no filter: its colour and its name at 15 %, from either side", () => {
    const strokes = news(name, { fill: 4, count: 1, marks: Mark.filteredOut });
    const body = strokes.filter(({ fillStyle }) => fillStyle === HIGH);
    expect(body.map(({ globalAlpha }) => globalAlpha)).toEqual([0.15, 0.15]);
    const label = strokes.filter(({ args }) => args[0] === name);
    expect(label.map(({ globalAlpha }) => globalAlpha)).toEqual([0.15, 0.15]);
    for (const { globalAlpha = 0 } of strokes) expect(globalAlpha).toBeLessThanOrEqual(0.15);
  });
});
