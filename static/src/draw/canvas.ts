/** The one canvas of the map, drawn in the worker: the page's own thread never waits for it. */
import { elevate } from "../core/elevation.ts";
import { type Layout, layOutView, sizeOf } from "../core/layout.ts";
import type { Scene, Stage } from "../api/protocol.ts";
import { emptyCells } from "../core/rollup.ts";
import { penOf, wipe } from "./ink.ts";
import { drawRack } from "./rack.ts";
import { drawStrips, type StripsView } from "./strips.ts";

export class MapCanvas {
  readonly #canvas: OffscreenCanvas;
  #stage: Stage | undefined;
  /** The layout, and what it was made of. */
  #laid: { of: readonly unknown[]; layout: Layout } | undefined;
  /** The strips that the canvas shows. */
  #shown: StripsView | undefined;

  constructor(canvas: OffscreenCanvas) {
    this.#canvas = canvas;
  }

  /** What is drawn next, is drawn there and so. */
  set(stage: Stage): void {
    this.#stage = stage;
  }

  draw(scene: Scene): void {
    const stage = this.#stage;
    if (!stage || stage.width === 0) return;
    const { plan, rack } = scene;
    const opened = plan && rack && plan.racks[rack.rack];
    const elevation = opened && elevate(opened, rack.devices, stage);
    const layout = scene.zoomed ? undefined : this.#layOut(scene, stage);
    const { pen, kept } = penOf(this.#canvas, sizeOf(stage, elevation ?? layout), stage.ratio);
    // The browser may take the memory of a canvas away, and gives it back empty.
    if (!pen || pen.isContextLost()) return;
    const before = kept ? this.#shown : undefined;
    this.#shown = undefined;
    const { palette } = stage;
    if (elevation) drawRack(pen, { detail: rack, elevation, palette, words: stage.words });
    else if (plan && layout) {
      this.#shown = {
        plan,
        layout,
        cells: scene.cells ?? emptyCells(plan.racks.length),
        bars: stage.across ? undefined : scene.bars,
        across: stage.across,
        palette,
        nowhere: stage.words.nowhere,
      };
      drawStrips(pen, this.#shown, before);
    } else wipe(pen);
  }

  /** All of it is drawn next time, whatever it shows. */
  forget(): void {
    this.#shown = undefined;
  }

  #layOut({ plan, dc, row }: Scene, { width, height, across }: Stage): Layout | undefined {
    const of = [plan, dc, row, width, height, across];
    if (plan && of.some((part, i) => part !== this.#laid?.of[i])) {
      this.#laid = { of, layout: layOutView(plan, { dc, row }, { width, height }, across) };
    }
    return plan && this.#laid?.layout;
  }
}
