import { expect, test } from "vitest";
import { EXAMPLE } from "../core/examples.ts";
import { ACROSS, COARSE, type Grain, layOut } from "../core/layout.ts";
import { PALETTES } from "../core/palette.ts";
import { siteOf } from "../core/plan.ts";
import { emptyCells, Mark } from "../core/rollup.ts";
import type { Pen } from "./ink.ts";
import { drawStrips } from "./strips.ts";

const { plan } = siteOf(EXAMPLE.inventory);

/** Draws one rack with these marks, in an area as large as so many screens beside each other, and tells each stroke. */
function strokesOf(marks: number, grain: Grain, screens: number): { name: string; args: number[] }[] {
  const strokes: { name: string; args: number[] }[] = [];
  const known: Record<string, unknown> = {
    canvas: { width: 1, height: 1 },
    getTransform: () => ({ a: 1 }),
    measureText: (text: string) => ({ width: 6 * text.length }),
  };
  const pen = new Proxy(known, {
    get: (_, name: string) => known[name] ?? ((...args: number[]) => void strokes.push({ name, args })),
    set: () => true,
  });
  const cells = emptyCells(plan.racks.length);
  cells.marks[0] = marks;
  drawStrips(pen as unknown as Pen, {
    plan,
    layout: layOut(plan, undefined, { width: 1900 * screens, height: 1000 * screens }, grain),
    cells,
    bars: undefined,
    across: grain === ACROSS,
    palette: PALETTES.heat,
    nowhere: "",
  });
  return strokes;
}

const radiusOf = (grain: Grain, screens = 1) =>
  strokesOf(Mark.commented, grain, screens).find(({ name }) => name === "arc")?.args[2] ?? 0;

test("a large cell has a dot for comments, a notch for a ticket and a pin for a note; a small one has none", () => {
  const signs = (marks: number, grain: Grain) =>
    strokesOf(marks, grain, 1).length - strokesOf(0, grain, 1).length;
  const small: Grain = { largest: 30, smallest: [9, 9], tallest: 1.8 };
  for (const mark of [Mark.commented, Mark.ticketed, Mark.noted]) {
    expect(signs(mark, COARSE)).toBeGreaterThan(0);
    expect(signs(mark, small)).toBe(0);
  }
});

test("a wall's signs are larger than a desk's, and grow with its pixels", () => {
  expect(radiusOf(ACROSS)).toBeGreaterThan(1.5 * radiusOf(COARSE));
  expect(radiusOf(ACROSS, 2)).toBeCloseTo(2 * radiusOf(ACROSS), 0);
});
