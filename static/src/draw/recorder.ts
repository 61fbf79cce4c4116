/** A pen that draws nothing and tells what was asked of it. For tests. */
import { vi } from "vitest";
import type { Pen } from "./ink.ts";

export interface Stroke {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly globalAlpha?: number;
  /** Of what is filled; of a hatch as `hatched` names it. */
  readonly fillStyle?: string;
  /** Of what is written. */
  readonly font?: string;
  /** Of a line. */
  readonly strokeStyle?: string;
  readonly lineWidth?: number;
}

/** What a stroke of each kind depends on. */
const MATTERS: readonly (readonly [RegExp, readonly (keyof Stroke)[]])[] = [
  [/^fillText/, ["globalAlpha", "fillStyle", "font"]],
  [/^fill/, ["globalAlpha", "fillStyle"]],
  [/^stroke/, ["globalAlpha", "strokeStyle", "lineWidth"]],
];

/** What a tile of a hatch is drawn on: Node has no canvas. */
class Tile {
  readonly ink: { strokeStyle: string } = new Proxy(
    { strokeStyle: "" },
    { get: (ink, name: "strokeStyle") => ink[name] ?? (() => {}) },
  );
  getContext = () => this.ink;
}

export const hatched = (colour: string) => `hatch of ${colour}`;

/** Calls `draw` with a pen and returns each of its strokes. Letters are 6 px wide. */
export function strokesOf(draw: (pen: Pen) => void): Stroke[] {
  vi.stubGlobal("OffscreenCanvas", Tile);
  vi.stubGlobal("DOMMatrix", class {});
  const strokes: Stroke[] = [];
  const known: Record<string, unknown> = {
    canvas: { width: 1, height: 1 },
    globalAlpha: 1,
    getTransform: () => ({ a: 1 }),
    measureText: (text: string) => ({ width: 6 * text.length }),
    createPattern: ({ ink }: Tile) => ({ toString: () => hatched(ink.strokeStyle), setTransform: () => {} }),
  };
  const pen = new Proxy(known, {
    get: (_, name: string) =>
      known[name] ??
      ((...args: unknown[]) => {
        const [, matters = []] = MATTERS.find(([kind]) => kind.test(name)) ?? [];
        const styles = matters.map((one) => [
          one,
          typeof known[one] === "object" ? String(known[one]) : known[one],
        ]);
        strokes.push({ name, args, ...Object.fromEntries(styles) });
      }),
    set: (_, name: string, value: unknown) => {
      known[name] = value;
      return true;
    },
  });
  draw(pen as unknown as Pen);
  vi.unstubAllGlobals();
  return strokes;
}
