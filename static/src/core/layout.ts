/**
 * Zoom 0: where each rack's cell is. Rows are strips, packed into as many columns as give the largest cell, so
 * that the whole site fits the area. A pure function of the plan, the tab and the area: events move nothing.
 */
import { GAP, type Plan } from "./plan.ts";

export interface Label {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly text: string;
  /** Index of the row or, for a heading, of the tab. */
  readonly index: number;
}

export interface Strip {
  /** Index of the row it is a piece of. */
  readonly row: number;
  readonly column: number;
  readonly racks: readonly number[];
}

export interface Layout {
  /** Edge of a cell, the gap around it included, in CSS pixels. */
  readonly pitch: number;
  /** Edge of what is drawn of it. */
  readonly cell: number;
  readonly width: number;
  readonly height: number;
  readonly headings: readonly Label[];
  readonly labels: readonly Label[];
  /** Empty slots, as left and top corners. */
  readonly gaps: readonly (readonly [number, number])[];
  /** By rack index: left and top corner, NaN when the rack is not in view. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Rack indices strip by strip, in reading order. */
  readonly strips: readonly Strip[];
}

const LARGEST = 44;
/** Below this a cell cannot be told from its neighbours; the area scrolls instead. */
const SMALLEST = 9;
const COLUMN_GAP = 24;
const MOST_COLUMNS = 8;

/** Room for a character of a label, in CSS pixels. */
const CHARACTER = 6.4;

export interface Area {
  readonly width: number;
  readonly height: number;
}

interface Block {
  readonly kind: "heading" | "strip";
  readonly index: number;
  readonly slots: readonly number[];
  readonly first: boolean;
}

interface Packing {
  readonly pitch: number;
  readonly columns: Block[][];
  readonly columnWidth: number;
  readonly strip: number;
}

function stripHeight(pitch: number): number {
  return pitch + Math.max(2, Math.round(pitch / 7));
}

function headingHeight(pitch: number): number {
  return Math.max(22, Math.min(30, pitch));
}

/** Cuts the rows into strips of at most `capacity` slots, under a heading for each tab. */
function blocksOf(plan: Plan, tabs: readonly number[], capacity: number): Block[] {
  const blocks: Block[] = [];
  for (const tab of tabs) {
    // One tab without a name needs no heading: a site without locations.
    if (plan.tabs[tab]?.name) blocks.push({ kind: "heading", index: tab, slots: [], first: true });
    for (const row of plan.tabs[tab]?.rows ?? []) {
      const slots = plan.rows[row]?.slots ?? [];
      for (let from = 0; from < Math.max(1, slots.length); from += capacity) {
        blocks.push({ kind: "strip", index: row, slots: slots.slice(from, from + capacity), first: from === 0 });
      }
    }
  }
  return blocks;
}

/** Fills columns from the top; undefined when they do not suffice. */
function flow(blocks: readonly Block[], pitch: number, columns: number, height: number): Block[][] | undefined {
  const filled: Block[][] = [[]];
  let used = 0;
  for (const [i, block] of blocks.entries()) {
    const own = block.kind === "heading" ? headingHeight(pitch) : stripHeight(pitch);
    // A heading never stands alone at the foot of a column.
    const wanted = block.kind === "heading" && blocks[i + 1] ? own + stripHeight(pitch) : own;
    if (used + wanted > height && used > 0) {
      if (filled.length === columns) return undefined;
      filled.push([]);
      used = 0;
    }
    filled.at(-1)?.push(block);
    used += own;
  }
  return filled;
}

/** The largest cells with which everything fits; when nothing does, the smallest, in a taller area. */
function pack(plan: Plan, tabs: readonly number[], area: Area, label: number): Packing {
  const longest = Math.max(1, ...tabs.flatMap((tab) => plan.tabs[tab]?.rows ?? []).map(slotsIn(plan)));
  for (let pitch = LARGEST; pitch >= SMALLEST; pitch--) {
    for (let columns = 1; columns <= MOST_COLUMNS; columns++) {
      const room = Math.floor((area.width - (columns - 1) * COLUMN_GAP) / columns);
      const capacity = Math.min(longest, Math.floor((room - label) / pitch));
      // A strip cut into many short pieces no longer reads as a row.
      if (capacity < Math.min(longest, 10)) break;
      const filled = flow(blocksOf(plan, tabs, capacity), pitch, columns, area.height);
      if (filled) return { pitch, columns: filled, columnWidth: label + capacity * pitch, strip: capacity };
    }
  }
  const capacity = Math.max(1, Math.min(longest, Math.floor((area.width - label) / SMALLEST)));
  const blocks = blocksOf(plan, tabs, capacity);
  return { pitch: SMALLEST, columns: [blocks], columnWidth: label + capacity * SMALLEST, strip: capacity };
}

function slotsIn(plan: Plan): (row: number) => number {
  return (row) => plan.rows[row]?.slots.length ?? 0;
}

/** Lays out one tab, or all of them, in an area given in CSS pixels. */
export function layOut(plan: Plan, tab: number | undefined, area: Area): Layout {
  const tabs = tab === undefined ? plan.tabs.map((_, i) => i) : [tab];
  const names = tabs.flatMap((t) => plan.tabs[t]?.rows ?? []).map((row) => plan.rows[row]?.name.length ?? 0);
  const label = Math.round(Math.min(120, Math.max(28, Math.max(0, ...names) * CHARACTER + 10)));
  const packing = pack(plan, tabs, area, label);
  const { pitch } = packing;
  const cell = pitch - Math.max(1, Math.round(pitch / 14));

  const headings: Label[] = [];
  const labels: Label[] = [];
  const gaps: [number, number][] = [];
  const strips: Strip[] = [];
  const x = new Float64Array(plan.racks.length).fill(Number.NaN);
  const y = new Float64Array(plan.racks.length).fill(Number.NaN);
  let bottom = 0;
  packing.columns.forEach((blocks, column) => {
    const left = column * (packing.columnWidth + COLUMN_GAP);
    let top = 0;
    for (const block of blocks) {
      if (block.kind === "heading") {
        const height = headingHeight(pitch);
        const text = plan.tabs[block.index]?.name ?? "";
        headings.push({ x: left, y: top, width: packing.columnWidth, height, text, index: block.index });
        top += height;
        continue;
      }
      if (block.first) {
        const text = plan.rows[block.index]?.name ?? "";
        labels.push({ x: left, y: top, width: label - 8, height: cell, text, index: block.index });
      }
      const racks: number[] = [];
      block.slots.forEach((rack, slot) => {
        const cx = left + label + slot * pitch;
        if (rack === GAP) {
          gaps.push([cx, top]);
          return;
        }
        x[rack] = cx;
        y[rack] = top;
        racks.push(rack);
      });
      if (racks.length > 0) strips.push({ row: block.index, column, racks });
      top += stripHeight(pitch);
    }
    bottom = Math.max(bottom, top);
  });
  const width = packing.columns.length * (packing.columnWidth + COLUMN_GAP) - COLUMN_GAP;
  return { pitch, cell, width, height: bottom, headings, labels, gaps, x, y, strips };
}

/** The rack under a point, or undefined. */
export function rackAt(layout: Layout, px: number, py: number): number | undefined {
  for (const strip of layout.strips) {
    const top = layout.y[strip.racks[0] ?? -1] ?? Number.NaN;
    if (!(py >= top && py < top + layout.pitch)) continue;
    for (const rack of strip.racks) {
      const left = layout.x[rack] ?? Number.NaN;
      if (px >= left && px < left + layout.pitch) return rack;
    }
  }
  return undefined;
}

export type Direction = "left" | "right" | "up" | "down";

/** The rack next to one: along the strip, or the nearest in the strip above or below; then the next column. */
export function neighbour(layout: Layout, rack: number, direction: Direction): number {
  const home = layout.strips.find((strip) => strip.racks.includes(rack));
  if (!home) return layout.strips[0]?.racks[0] ?? rack;
  const [x0, y0] = [layout.x[rack] ?? 0, layout.y[rack] ?? 0];
  const sign = direction === "left" || direction === "up" ? -1 : 1;
  const across = direction === "left" || direction === "right";
  let best = rack;
  let least = Number.POSITIVE_INFINITY;
  for (const strip of layout.strips) {
    const elsewhere = strip.column !== home.column;
    // Up and down stay in their column; left and right stay in their strip until it ends.
    if (across ? !elsewhere && strip !== home : elsewhere) continue;
    for (const other of strip.racks) {
      const dx = (layout.x[other] ?? 0) - x0;
      const dy = (layout.y[other] ?? 0) - y0;
      const along = (across ? dx : dy) * sign;
      if (along <= 0) continue;
      const cost = (elsewhere ? 1e9 : 0) + along * (across ? 1 : 1e4) + Math.abs(across ? dy : dx) * 3;
      if (cost < least) {
        least = cost;
        best = other;
      }
    }
  }
  return best;
}
