import { describe, expect, test } from "vitest";
import { EXAMPLE } from "../core/examples.ts";
import { ACROSS, COARSE, FINE, type Grain, layOut } from "../core/layout.ts";
import { HOLLOW, inkOn, PALETTES, SILENT } from "../core/palette.ts";
import { siteOf } from "../core/plan.ts";
import { type Bars, emptyCells, Mark } from "../core/rollup.ts";
import { hatched, type Stroke, strokesOf as recorded } from "./recorder.ts";
import { drawStrips } from "./strips.ts";

const { plan } = siteOf(EXAMPLE.inventory);

/** What one rack shows, and whether its devices are drawn. */
interface Shown {
  readonly fill?: number;
  readonly hatch?: number;
  readonly count?: number;
  readonly marks?: number;
  readonly bars?: Bars;
}

/** Draws one rack so, in an area as large as so many screens beside each other, and tells each stroke. */
function strokesOf({ bars, ...shown }: Shown, grain: Grain, screens: number): Stroke[] {
  const cells = emptyCells(plan.racks.length);
  for (const [part, value] of Object.entries(shown)) cells[part as keyof typeof shown][0] = value;
  const view = {
    plan,
    layout: layOutIn(grain, screens),
    cells,
    bars,
    across: grain === ACROSS,
    palette: PALETTES.heat,
    nowhere: "Nowhere",
  };
  return recorded((pen) => drawStrips(pen, view));
}

const layOutIn = (grain: Grain, screens = 1) =>
  layOut(plan, undefined, { width: 1900 * screens, height: 1000 * screens }, grain);

const radiusOf = (grain: Grain, screens = 1) =>
  Number(strokesOf({ marks: Mark.commented }, grain, screens).find(({ name }) => name === "arc")?.args[2]);

test("a large cell has a dot for comments, a notch for a ticket and a pin for a note; a small one has none", () => {
  const signs = (marks: number, grain: Grain) =>
    strokesOf({ marks }, grain, 1).length - strokesOf({}, grain, 1).length;
  const small: Grain = { largest: 30, smallest: [9, 9], tallest: 1.8 };
  for (const mark of [Mark.commented, Mark.ticketed, Mark.noted]) {
    expect(signs(mark, COARSE)).toBeGreaterThan(0);
    expect(signs(mark, small)).toBe(0);
  }
});

test("a number that is a lower bound says so, unless its digits would become too small to read", () => {
  const written = (count: number, grain: Grain) =>
    strokesOf({ fill: 4, count, marks: Mark.atLeast }, grain, 1).flatMap(({ name, args }) =>
      name === "fillText" && /^≥?\d+$/.test(String(args[0])) ? [args[0]] : [],
    );
  expect(written(7, COARSE)).toContain("≥7");
  const small: Grain = { largest: 13, smallest: [9, 9], tallest: 1.8 };
  expect(written(7, small)).toContain("7");
  expect(written(7, small)).not.toContain("≥7");
});

test("a wall's signs are larger than a desk's, and grow with its pixels", () => {
  expect(radiusOf(ACROSS)).toBeGreaterThan(1.5 * radiusOf(COARSE));
  expect(radiusOf(ACROSS, 2)).toBeCloseTo(2 * radiusOf(ACROSS), 0);
});

describe("each thing that a cell means is drawn", () => {
  const HIGH = PALETTES.heat[4] ?? "";
  const layout = layOutIn(COARSE);
  const [x, y, [w, h]] = [layout.x[0] ?? 0, layout.y[0] ?? 0, layout.cell];
  const whole = [x, y, w, h];
  const calm = strokesOf({}, COARSE, 1).map((stroke) => JSON.stringify(stroke));
  /** What is drawn otherwise than where all is calm. */
  const drawn = (shown: Shown) =>
    strokesOf(shown, COARSE, 1).filter((stroke) => !calm.includes(JSON.stringify(stroke)));
  /** The colours of what is filled of the whole cell, from below. */
  const filled = (shown: Shown) =>
    drawn(shown).flatMap(({ name, args, fillStyle }) =>
      name === "fillRect" && String(args) === String(whole) ? [fillStyle] : [],
    );
  const framed = (shown: Shown) =>
    drawn(shown).flatMap(({ name, args, strokeStyle }) =>
      name === "strokeRect" ? [{ args, strokeStyle }] : [],
    );
  const names = (shown: Shown) => drawn(shown).map(({ name }) => name);

  test("the worst of it: its colour, and its severity again as a length", () => {
    const lengths = PALETTES.heat.map((colour, fill) => {
      expect(filled({ fill })).toEqual([colour]);
      const bar = drawn({ fill }).find(({ name, args }) => name === "fillRect" && Number(args[1]) > y);
      expect(bar?.fillStyle).toBe(inkOn(colour));
      return Number(bar?.args[2]);
    });
    expect(lengths.map((length) => Math.round((6 * length) / w))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("its number: a digit in its middle, in the ink that reads best on the colour", () => {
    const digit = drawn({ fill: 4, count: 7 }).find(({ name }) => name === "fillText");
    expect(digit).toMatchObject({ args: ["7", x + w / 2, expect.anything()], fillStyle: inkOn(HIGH) });
    expect(names({ fill: 4 })).not.toContain("fillText");
  });

  test("that nobody watches it: an outline, and nothing in it", () => {
    expect(framed({ marks: Mark.unwatched })).toMatchObject([{ strokeStyle: HOLLOW }]);
    const fills = strokesOf({ marks: Mark.unwatched }, COARSE, 1).filter(({ name }) => name === "fillRect");
    expect(fills.map(({ args }) => String(args))).not.toContain(String(whole));
  });

  test("that all of it is silent: a grey hatch", () => {
    expect(filled({ marks: Mark.silent })).toEqual([hatched(SILENT)]);
  });

  test("that some of it is silent: a grey hatch over its lower half", () => {
    const [hatch, ...more] = drawn({ marks: Mark.partlySilent });
    expect(more).toEqual([]);
    expect(hatch?.fillStyle).toBe(hatched(SILENT));
    expect(hatch?.args).toEqual([x, y + Math.round(h / 2), w, h - Math.round(h / 2)]);
  });

  test("that what is told of it is old: its colour, and a hatch over it that is no colour", () => {
    const [below, above, ...more] = filled({ fill: 4, marks: Mark.silent });
    expect([below, more]).toEqual([HIGH, []]);
    expect(above).toMatch(/^hatch of rgba\(0,0,0,/);
  });

  test("that somebody handles it: a hatch in its colour, which is not painted", () => {
    expect(filled({ hatch: 4 })).toEqual([hatched(HIGH)]);
    expect(drawn({ hatch: 4 }).map(({ fillStyle }) => fillStyle)).not.toContain(HIGH);
    // Over a colour the hatch darkens what nobody handles, and takes nothing of it away.
    expect(filled({ fill: 5, hatch: 4 })).toEqual([
      PALETTES.heat[5],
      expect.stringMatching(/^hatch of rgba\(0,/),
    ]);
  });

  test("that it is new: a white outline within it", () => {
    const [outline, ...more] = framed({ fill: 4, marks: Mark.fresh });
    expect([outline?.strokeStyle, more]).toEqual(["#ffffff", []]);
    expect(Number(outline?.args[0])).toBeGreaterThan(x);
  });

  test("that all of the rack fell: a bold frame, around it and within, instead of the outline", () => {
    const [around, within, ...more] = framed({ fill: 4, marks: Mark.incident | Mark.fresh });
    expect(around).toEqual({ args: [x - 1, y - 1, w + 2, h + 2], strokeStyle: HIGH });
    expect(within?.strokeStyle).toBe(inkOn(HIGH));
    expect(more).toEqual([]);
    const lines = drawn({ fill: 4, marks: Mark.incident }).filter(({ name }) => name === "strokeRect");
    for (const { lineWidth } of lines) expect(lineWidth).toBeGreaterThanOrEqual(2);
  });

  test("maintenance: a wrench; that it depends on another problem: a chain; no colour for either", () => {
    const glyph = (marks: number) =>
      names({ marks }).filter((name) => name === "arc" || name === "roundRect");
    expect(glyph(Mark.suppressed)).toEqual(["arc"]);
    expect(glyph(Mark.dependent)).toEqual(["roundRect", "roundRect"]);
    expect([Mark.suppressed, Mark.dependent].flatMap((marks) => filled({ marks }))).toEqual([]);
  });

  test("that nothing in it passes the filter: all of it at 15 %, and its devices, too", () => {
    const everything = {
      fill: 4,
      hatch: 3,
      count: 12,
      marks: Mark.filteredOut | Mark.incident | Mark.silent,
    };
    const inks = (strokes: readonly Stroke[]) =>
      new Set(
        strokes
          .filter(({ name }) => /^(fill|stroke)/.test(name))
          .map(({ globalAlpha }) => Number(globalAlpha?.toFixed(4))),
      );
    // The length is fainter than all else anyway.
    expect(inks(drawn(everything))).toEqual(new Set([0.15, 0.15 * 0.6]));
    expect(inks(drawn({ marks: Mark.filteredOut | Mark.suppressed }))).toEqual(new Set([0.15]));
    const bars = {
      from: Uint32Array.from(plan.racks, (_, i) => Math.min(i, 1)),
      low: Uint8Array.of(1),
      high: Uint8Array.of(2),
      fill: Uint8Array.of(4),
      hatch: Uint8Array.of(5),
    };
    const painted = (marks: number) =>
      strokesOf({ marks, bars }, FINE, 1).filter(({ fillStyle }) => fillStyle === HIGH);
    expect(inks(painted(0))).toEqual(new Set([1]));
    expect(inks(painted(Mark.filteredOut))).toEqual(new Set([0.15]));
  });
});

test("rows and data centres have their names beside them, and what stands nowhere is said to", () => {
  const written = strokesOf({}, COARSE, 1).flatMap(({ name, args }) =>
    name === "fillText" ? [args[0]] : [],
  );
  expect(written).toEqual(expect.arrayContaining(["SAS", "SAS-A", "VLA", "VLA-1", "Nowhere", "Spare"]));
});

test("a wall's digits are larger than a desk's", () => {
  const size = (grain: Grain) => {
    const digit = strokesOf({ fill: 4, count: 3 }, grain, 1).find(({ args }) => args[0] === "3");
    return Number(/(\d+)px/.exec(digit?.font ?? "")?.[1]);
  };
  expect(size(ACROSS)).toBeGreaterThan(1.5 * size(COARSE));
});
