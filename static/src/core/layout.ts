/**
 * Zoom 0: where each rack's cell is. Rows are strips, packed into as many columns as give the largest cell, so
 * that the whole site fits the area. A pure function of the plan, the tab and the area: events move nothing.
 */
import { GAP, type Plan, tabByKey } from "./plan.ts";

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
  /** Width and height that one cell takes, the gap to the next included, in CSS pixels. */
  readonly pitch: readonly [number, number];
  /** Width and height of what is drawn of it. */
  readonly cell: readonly [number, number];
  /** How much larger than on a screen of 1920×1080 its words are: a wall of more pixels is no closer. */
  readonly scale: number;
  readonly width: number;
  readonly height: number;
  readonly headings: readonly Label[];
  readonly labels: readonly Label[];
  /** Empty slots, as left and top corners. */
  readonly gaps: readonly (readonly [number, number])[];
  /** By rack index: left and top corner, NaN when the rack is not in view. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Pieces of rows, in reading order. */
  readonly strips: readonly Strip[];
}

/** How large cells may be, in CSS pixels. */
export interface Grain {
  /** A cell is at most this wide. */
  readonly largest: number;
  /** Below this a cell cannot be told from its neighbours, or shows no devices; the area scrolls instead. */
  readonly smallest: readonly [number, number];
  /** A cell is at most this much taller than wide. */
  readonly tallest: number;
}

/** Cells with a number. */
export const COARSE: Grain = { largest: 40, smallest: [9, 9], tallest: 1.8 };
/** The same, read across a room. */
export const ACROSS: Grain = { largest: 120, smallest: [9, 9], tallest: 1.8 };
/** Cells that show their devices as bars. */
export const FINE: Grain = { largest: 76, smallest: [20, 54], tallest: 3 };

/** Racks stand upright: a cell is at least this tall, by its width. */
const FLATTEST = 0.85;
const COLUMN_GAP = 26;
const MOST_COLUMNS = 8;
const HEADING = 26;
/** A row cut into pieces is harder to read: it must give cells this much larger. */
const CUT_COST = 0.6;
/** Pieces shorter than this no longer read as a row. */
const SHORTEST_PIECE = 10;

/** What a wall of 1920×1080 leaves to the map. */
const USUAL = { width: 1900, height: 1000 };

/** Room for a character of a label, in CSS pixels. */
const CHARACTER = 7.4;

export interface Area {
  readonly width: number;
  readonly height: number;
}

interface Block {
  readonly kind: "heading" | "strip";
  readonly index: number;
  readonly text: string;
  readonly slots: readonly number[];
  readonly first: boolean;
  /** Of a heading. */
  readonly height: number;
}

interface Packing {
  readonly pitch: readonly [number, number];
  readonly columns: Block[][];
  readonly columnWidth: number;
}

/** What is laid out: all rows of some tabs, or one of them. */
interface Scope {
  readonly tabs: readonly number[];
  readonly row: number | undefined;
  /** How tall headings are. */
  readonly heading: number;
}

function rowsOf(plan: Plan, tab: number, { row }: Scope): readonly number[] {
  const rows = plan.tabs[tab]?.rows ?? [];
  return row === undefined ? rows : rows.filter((index) => index === row);
}

/** Cuts the rows into strips of at most `capacity` slots, under a heading for each place. */
function blocksOf(plan: Plan, scope: Scope, capacity: number): Block[] {
  const blocks: Block[] = [];
  for (const tab of scope.tabs) {
    const name = plan.tabs[tab]?.name ?? "";
    let under: string | undefined;
    for (const row of rowsOf(plan, tab, scope)) {
      const { slots, place } = plan.rows[row] ?? { slots: [], place: "" };
      const heading = [name, place].filter((part) => part !== "").join(" / ");
      // A site without locations needs no heading; elsewhere rows without one stand under an empty heading.
      if (heading !== under && (heading !== "" || plan.tabs.length > 1)) {
        blocks.push({
          kind: "heading",
          index: tab,
          text: heading,
          slots: [],
          first: true,
          height: scope.heading,
        });
        under = heading;
      }
      for (let from = 0; from < Math.max(1, slots.length); from += capacity) {
        const text = from === 0 ? (plan.rows[row]?.name ?? "") : "";
        blocks.push({
          kind: "strip",
          index: row,
          text,
          slots: slots.slice(from, from + capacity),
          first: from === 0,
          height: 0,
        });
      }
    }
  }
  return blocks;
}

/** Fills columns from the top; undefined when they do not suffice. */
function flow(
  blocks: readonly Block[],
  strip: number,
  columns: number,
  height: number,
): Block[][] | undefined {
  const filled: Block[][] = [[]];
  let used = 0;
  let heading: Block | undefined;
  for (const [i, block] of blocks.entries()) {
    if (block.kind === "heading") heading = block;
    const own = block.height || strip;
    // A heading never stands alone at the foot of a column.
    const wanted = block.kind === "heading" && blocks[i + 1] ? own + strip : own;
    if (used + wanted > height && used > 0) {
      if (filled.length === columns) return undefined;
      // What goes on in the next column is named there again.
      const again = block.kind === "strip" && heading ? [heading] : [];
      filled.push([...again]);
      used = again[0]?.height ?? 0;
    }
    filled.at(-1)?.push(block);
    used += own;
  }
  return filled;
}

/** The tallest strip with which the blocks fit, 0 when none does. */
function tallest(blocks: readonly Block[], columns: number, height: number, grain: Grain): number {
  const [, smallest] = grain.smallest;
  let [low, high] = [smallest - 1, Math.floor(grain.largest * grain.tallest)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (flow(blocks, middle, columns, height)) low = middle;
    else high = middle - 1;
  }
  return low < smallest ? 0 : low;
}

/** The largest cells with which everything fits; when nothing does, the smallest, in a taller area. */
function pack(plan: Plan, scope: Scope, area: Area, label: number, grain: Grain): Packing {
  const rows = scope.tabs.flatMap((tab) => rowsOf(plan, tab, scope));
  const [narrowest, lowest] = grain.smallest;
  const longest = Math.max(1, ...rows.map((row) => plan.rows[row]?.slots.length ?? 0));
  let best: (Packing & { score: number }) | undefined;
  for (let columns = 1; columns <= MOST_COLUMNS; columns++) {
    const room = Math.floor((area.width - (columns - 1) * COLUMN_GAP) / columns) - label;
    for (const pieces of [1, 2, 3, 4]) {
      const capacity = Math.ceil(longest / pieces);
      const widest = Math.min(grain.largest, Math.floor(room / capacity));
      if (widest < narrowest || (pieces > 1 && capacity < SHORTEST_PIECE)) continue;
      const blocks = blocksOf(plan, scope, capacity);
      const height = Math.min(
        tallest(blocks, columns, area.height, grain),
        Math.floor(widest * grain.tallest),
      );
      const width = Math.min(widest, Math.floor(height / FLATTEST));
      const filled = width < narrowest ? undefined : flow(blocks, height, columns, area.height);
      const score = width * height * (pieces > 1 ? CUT_COST : 1);
      if (filled && score > (best?.score ?? 0)) {
        best = { pitch: [width, height], columns: filled, columnWidth: label + capacity * width, score };
      }
    }
  }
  if (best) return best;
  // It scrolls. As many columns as there is room for, each as short as may be, and as wide as they can be.
  const capacity = Math.max(1, Math.min(longest, Math.floor((area.width - label) / narrowest)));
  const blocks = blocksOf(plan, scope, capacity);
  const least = label + capacity * narrowest + COLUMN_GAP;
  const columns = Math.max(1, Math.min(MOST_COLUMNS, Math.floor((area.width + COLUMN_GAP) / least)));
  const room = Math.floor((area.width - (columns - 1) * COLUMN_GAP) / columns) - label;
  const width = Math.max(narrowest, Math.min(grain.largest, Math.floor(room / capacity)));
  const tall = Math.max(lowest + 2, Math.floor(width * FLATTEST));
  let height = Math.max(area.height, Math.floor((blocks.length * tall) / columns));
  let filled = flow(blocks, tall, columns, height);
  while (!filled) filled = flow(blocks, tall, columns, (height += tall));
  return { pitch: [width, tall], columns: filled, columnWidth: label + capacity * width };
}

/** How large the canvas is: it fills its area, and what is larger scrolls. */
export function sizeOf(area: Area, drawn: Area | undefined): Area {
  return {
    width: Math.max(area.width, drawn?.width ?? 0),
    height: Math.max(area.height, drawn?.height ?? 0),
  };
}

/** Lays out what a view looks at: the site, a tab or a row; `across`: to be read across a room. */
export function layOutView(
  plan: Plan,
  view: { readonly dc?: string | undefined; readonly row?: number | undefined },
  area: Area,
  across: boolean,
): Layout {
  const tab = tabByKey(plan, view.dc);
  const index = plan.rows.findIndex(({ id }) => id === view.row);
  const row = index < 0 ? undefined : index;
  const overview = tab === undefined && row === undefined;
  return layOut(plan, tab, area, across ? ACROSS : overview ? COARSE : FINE, row);
}

/** Lays out one tab or row, or all of them, in an area given in CSS pixels. */
export function layOut(
  plan: Plan,
  tab: number | undefined,
  area: Area,
  grain: Grain = COARSE,
  row?: number,
): Layout {
  const only = row === undefined ? tab : plan.rows[row]?.tab;
  const scale =
    grain === ACROSS ? Math.max(1, Math.min(area.width / USUAL.width, area.height / USUAL.height)) : 1;
  const heading = Math.round(HEADING * scale);
  const scope: Scope = { tabs: only === undefined ? plan.tabs.map((_, i) => i) : [only], row, heading };
  const names = scope.tabs
    .flatMap((t) => rowsOf(plan, t, scope))
    .map((index) => plan.rows[index]?.name.length ?? 0);
  const letters = grain === ACROSS ? 2 * scale : 1;
  const label = Math.round(
    Math.min(130 * letters, Math.max(28, Math.max(0, ...names) * CHARACTER * letters + 12)),
  );
  const packing = pack(plan, scope, area, label, { ...grain, largest: grain.largest * scale });
  const [wide, tall] = packing.pitch;
  const cell = [wide - (wide < 18 ? 1 : 2), tall - Math.max(2, Math.round(tall / 8))] as const;

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
        const width = packing.columnWidth;
        headings.push({ x: left, y: top, width, height: heading, text: block.text, index: block.index });
        top += heading;
        continue;
      }
      if (block.first) {
        const width = label - 8;
        labels.push({ x: left, y: top, width, height: cell[1], text: block.text, index: block.index });
      }
      const racks: number[] = [];
      block.slots.forEach((rack, slot) => {
        const cx = left + label + slot * wide;
        if (rack === GAP) {
          gaps.push([cx, top]);
          return;
        }
        x[rack] = cx;
        y[rack] = top;
        racks.push(rack);
      });
      if (racks.length > 0) strips.push({ row: block.index, column, racks });
      top += tall;
    }
    bottom = Math.max(bottom, top);
  });
  const width = packing.columns.length * (packing.columnWidth + COLUMN_GAP) - COLUMN_GAP;
  return { pitch: packing.pitch, cell, scale, width, height: bottom, headings, labels, gaps, x, y, strips };
}

/** The rack under a point, or undefined. */
export function rackAt(layout: Layout, px: number, py: number): number | undefined {
  for (const strip of layout.strips) {
    const top = layout.y[strip.racks[0] ?? -1] ?? Number.NaN;
    if (!(py >= top && py < top + layout.pitch[1])) continue;
    for (const rack of strip.racks) {
      const left = layout.x[rack] ?? Number.NaN;
      if (px >= left && px < left + layout.pitch[0]) return rack;
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
