/** Draws zoom 0: the rows of racks. */
import type { Label, Layout } from "../core/layout.ts";
import { NONE } from "../core/model.ts";
import { CALM, DARK_INK, fillOf, HOLLOW, inkOn, LIGHT_INK } from "../core/palette.ts";
import type { Plan } from "../core/plan.ts";
import { type Bars, type Cells, Mark } from "../core/rollup.ts";
import { chain, fit, FONT, hatch, type Pen, short, silence, wipe, wrench } from "./ink.ts";

export interface StripsView {
  readonly plan: Plan;
  readonly layout: Layout;
  readonly cells: Cells;
  /** Zoom 1: the devices in them. */
  readonly bars: Bars | undefined;
  /** Read across a room. */
  readonly across: boolean;
  readonly palette: readonly string[];
  /** Heads the rows that have no location. */
  readonly nowhere: string;
}

/** What a filter takes away is dimmed to this, never removed. */
const DIMMED = 0.15;
/** The inside of a rack, and a device in it that is calm. */
const [BAY, CALM_DEVICE] = ["#1a1e23", "#343b44"];
/** From this edge on a cell shows comments, tickets and notes. */
const DETAILED = 34;
const QUIET_INK = "#aab3bd";
/** Smaller digits are hard to read, in CSS pixels. */
const LEGIBLE = 10;
/** The largest digits, before the screen and across a room, in CSS pixels. */
const [DIGITS, DIGITS_ACROSS] = [22, 60];
/** A cell must be this wide and tall to show its devices. */
const [BARS_WIDE, BARS_TALL] = [16, 44];
/** The part of such a cell that shows its colour and number. */
const HEAD = 0.3;
const HEAD_TALLEST = 26;

/** The font of the digits drawn last: to set the same again costs as much as to draw them. */
let digitsFont = "";
/** Pixels of the screen in a CSS pixel. */
let ratio = 1;
/** Widths of digits by their font and text. */
const widths = new Map<string, number>();

function widthOf(pen: Pen, text: string): number {
  const key = digitsFont + text;
  const known = widths.get(key);
  if (known !== undefined) return known;
  const { width } = pen.measureText(text);
  widths.set(key, width);
  return width;
}

/** How much wider than at 11 px the names of rows may be, by layout. */
const rooms = new WeakMap<Layout, number>();

function roomOf(pen: Pen, layout: Layout): number {
  const known = rooms.get(layout);
  if (known !== undefined) return known;
  pen.font = `11px ${FONT}`;
  const room = Math.min(...layout.labels.map(({ text, width }) => width / pen.measureText(text).width));
  rooms.set(layout, room);
  return room;
}

/** Draws a view; where what was drawn is still there, told by `before`, only what differs. */
export function drawStrips(pen: Pen, view: StripsView, before?: StripsView): void {
  pen.textBaseline = "middle";
  digitsFont = "";
  ratio = pen.getTransform().a;
  const changed = before && changedIn(view, before);
  if (!changed) {
    wipe(pen);
    drawGround(pen, view);
    for (const { racks } of view.layout.strips) for (const rack of racks) drawCell(pen, view, rack);
    return;
  }
  for (const area of changed) {
    const met = cellsIn(view, area);
    const [alone] = met;
    const { headings, labels } = view.layout;
    const ground =
      headings.some((one) => meet(boxOf(one, 0), area)) || labels.some((one) => meet(boxOf(one, 6), area));
    if (alone !== undefined && met.length === 1 && !ground) {
      // All that is drawn is inside of the area.
      clear(pen, area, false);
      drawCell(pen, view, alone);
      continue;
    }
    pen.save();
    clear(pen, area, true);
    if (ground) drawGround(pen, view);
    digitsFont = "";
    for (const rack of met) drawCell(pen, view, rack);
    pen.restore();
    digitsFont = "";
  }
}

/** Empties an area and, if asked to, draws in it alone from then on. In whole pixels of the screen: it has no soft edge. */
function clear(pen: Pen, area: Area, clip: boolean): void {
  const [left, top, right, bottom] = area.map((edge) => Math.round(edge * ratio)) as unknown as Area;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  if (clip) {
    pen.beginPath();
    pen.rect(left, top, right - left, bottom - top);
    pen.clip();
  }
  pen.clearRect(left, top, right - left, bottom - top);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
}

/** Left, top, right and bottom, in CSS pixels. */
type Area = readonly [number, number, number, number];

const meet = (a: Area, b: Area) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** Where a label is drawn: low rows are less tall than its letters. */
const boxOf = ({ x, y, width, height }: Label, more: number): Area => [
  x,
  y - more,
  x + width,
  y + height + more,
];

/** A rack's cell and so much around it, up to whole pixels of the screen. */
function around({ layout }: StripsView, rack: number, wide: number, tall: number): Area {
  const [x, y] = [layout.x[rack] ?? Number.NaN, layout.y[rack] ?? Number.NaN];
  const [w, h] = layout.cell;
  return [
    Math.floor((x - wide) * ratio) / ratio,
    Math.floor((y - tall) * ratio) / ratio,
    Math.ceil((x + w + wide) * ratio) / ratio,
    Math.ceil((y + h + tall) * ratio) / ratio,
  ];
}

/** Where a cell is drawn: the frame of an incident and long numbers reach beyond its edges, by a pixel less than this. */
function areaOf(view: StripsView, rack: number): Area {
  const marks = view.cells.marks[rack] ?? 0;
  const framed = marks & Mark.incident ? 3 : 0;
  const long = (view.cells.count[rack] ?? 0) > (marks & Mark.atLeast ? 0 : 9);
  return around(view, rack, long ? 3 : framed, framed);
}

/** The racks of which something is drawn in an area, in the order in which they are drawn. */
function cellsIn(view: StripsView, area: Area): number[] {
  const { layout } = view;
  const [wide, tall] = layout.pitch;
  const met: number[] = [];
  for (const { racks } of layout.strips) {
    const top = layout.y[racks[0] ?? -1] ?? Number.NaN;
    if (top - tall > area[3] || top + 2 * tall < area[1]) continue;
    for (const rack of racks) {
      const left = layout.x[rack] ?? Number.NaN;
      const near = left - wide < area[2] && left + 2 * wide > area[0];
      if (near && meet(areaOf(view, rack), area)) met.push(rack);
    }
  }
  return met;
}

/** The areas in which two views differ; undefined: all may differ. */
function changedIn(view: StripsView, before: StripsView): Area[] | undefined {
  const { layout, cells, bars } = view;
  const then = before.bars;
  const equal = (a: Numbers | undefined, b: Numbers | undefined) =>
    a?.length === b?.length && (a?.every((one, i) => one === b?.[i]) ?? true);
  if (
    layout !== before.layout ||
    view.plan !== before.plan ||
    view.palette !== before.palette ||
    view.across !== before.across ||
    view.nowhere !== before.nowhere ||
    !equal(bars?.from, then?.from) ||
    !equal(bars?.low, then?.low) ||
    !equal(bars?.high, then?.high)
  ) {
    return undefined;
  }
  const differs = (rack: number) => {
    for (const part of ["fill", "hatch", "count", "marks"] as const) {
      if (cells[part][rack] !== before.cells[part][rack]) return true;
    }
    for (let bar = bars?.from[rack] ?? 0; bar < (bars?.from[rack + 1] ?? 0); bar++) {
      if (bars?.fill[bar] !== then?.fill[bar] || bars?.hatch[bar] !== then?.hatch[bar]) return true;
    }
    return false;
  };
  const changed: Area[] = [];
  let all = 0;
  for (const { racks } of layout.strips) {
    all += racks.length;
    for (const rack of racks) {
      if (!differs(rack)) continue;
      const [now, old] = [areaOf(view, rack), areaOf(before, rack)];
      changed.push([
        Math.min(now[0], old[0]),
        Math.min(now[1], old[1]),
        Math.max(now[2], old[2]),
        Math.max(now[3], old[3]),
      ]);
    }
  }
  if (changed.length > all * MANY) return undefined;
  return changed;
}

type Numbers = Uint8Array | Uint32Array;

/** Where more than this part of the cells has changed, to draw all is quicker. */
const MANY = 1 / 3;

/** What stands around the cells. */
function drawGround(pen: Pen, view: StripsView): void {
  const { layout } = view;
  const [width, height] = layout.cell;
  // A wall says above what all of it is.
  const [only] =
    view.across && new Set(layout.headings.map(({ text }) => text)).size === 1 ? layout.headings : [];
  for (const heading of only ? [] : layout.headings) {
    pen.font = `600 ${view.across ? 20 * layout.scale : 13}px ${FONT}`;
    pen.fillStyle = LIGHT_INK;
    pen.textAlign = "left";
    pen.fillText(
      fit(pen, heading.text || view.nowhere, heading.width),
      heading.x,
      heading.y + heading.height / 2,
    );
  }
  // As large as the rows and the room for names allow.
  const wanted = Math.min(
    view.across ? 24 * layout.scale : 15,
    height * (view.across ? 0.5 : 0.4),
    11 * roomOf(pen, layout),
  );
  pen.font = `${Math.max(11, Math.floor(wanted))}px ${FONT}`;
  pen.fillStyle = "#8d97a3";
  pen.textAlign = "right";
  for (const label of layout.labels) {
    pen.fillText(fit(pen, label.text, label.width), label.x + label.width, label.y + label.height / 2 + 0.5);
  }
  pen.fillStyle = "#20242a";
  for (const [x, y] of layout.gaps) {
    const dot = 2 * layout.scale;
    pen.fillRect(x + (width - dot) / 2, y + (height - dot) / 2, dot, dot);
  }
}

/** The devices of a rack below its head, as they stand. */
function drawBars(pen: Pen, view: StripsView, bars: Bars, rack: number, top: number): void {
  const { layout, palette, plan } = view;
  const [w, h] = layout.cell;
  const [x, y] = [layout.x[rack] ?? 0, (layout.y[rack] ?? 0) + top];
  const units = Math.max(1, plan.racks[rack]?.height ?? 1);
  const room = h - top - 2;
  pen.fillStyle = BAY;
  pen.fillRect(x, y, w, h - top);
  for (let bar = bars.from[rack] ?? 0; bar < (bars.from[rack + 1] ?? 0); bar++) {
    const upper = y + 1 + room * (1 - (bars.high[bar] ?? 0) / units);
    const lower = y + 1 + room * (1 - ((bars.low[bar] ?? 1) - 1) / units);
    const [severity, handled] = [bars.fill[bar] ?? NONE, bars.hatch[bar] ?? NONE];
    pen.fillStyle = severity === NONE ? CALM_DEVICE : fillOf(palette, severity);
    const height = Math.max(1, lower - upper - (room / units > 2 ? 0.7 : 0.3));
    pen.fillRect(x + 2, upper, w - 4, severity === NONE ? height : Math.max(2, height));
    if (handled !== NONE) hatch(pen, x + 2, upper, w - 4, Math.max(3, height), 4, fillOf(palette, handled));
  }
}

function drawCell(pen: Pen, view: StripsView, rack: number): void {
  const { layout, cells, palette, bars } = view;
  const [w, whole] = layout.cell;
  const opened = bars !== undefined && w >= BARS_WIDE && whole >= BARS_TALL;
  const h = opened ? Math.round(Math.min(whole * HEAD, w, HEAD_TALLEST)) : whole;
  const size = Math.min(w, h);
  /** Across a room strokes must be thicker, too. */
  const scale = view.across ? Math.max(1, size / 28) : 1;
  const [x, y] = [layout.x[rack] ?? 0, layout.y[rack] ?? 0];
  const marks = cells.marks[rack] ?? 0;
  const severity = cells.fill[rack] ?? NONE;
  const handled = cells.hatch[rack] ?? NONE;
  const coloured = severity !== NONE;
  const fill = fillOf(palette, severity);
  const ink = coloured ? inkOn(fill) : QUIET_INK;
  const opacity = marks & Mark.filteredOut ? DIMMED : 1;

  pen.globalAlpha = opacity;
  if (opened) drawBars(pen, view, bars, rack, h);
  if (marks & Mark.unwatched && !coloured) {
    pen.strokeStyle = HOLLOW;
    pen.lineWidth = scale;
    pen.strokeRect(x + scale / 2, y + scale / 2, w - scale, h - scale);
  } else {
    pen.fillStyle = fill;
    pen.fillRect(x, y, w, h);
  }
  if (handled !== NONE) {
    const line = coloured ? "rgba(0,0,0,.32)" : fillOf(palette, handled);
    hatch(pen, x, y, w, h, Math.max(4, size / 4), line);
  }
  if (coloured && size >= 10) {
    // Severity again, as a length: colour never stands alone.
    pen.fillStyle = ink;
    pen.globalAlpha = opacity * 0.6;
    pen.fillRect(x, y + h - 2 * scale, (w * (severity + 1)) / 6, 2 * scale);
    pen.globalAlpha = opacity;
  }
  if (marks & Mark.silent) silence(pen, x, y, w, opened ? whole : h, coloured, scale);
  else if (marks & Mark.partlySilent) {
    const half = Math.round(h / 2);
    silence(pen, x, y + half, w, h - half, coloured, scale);
  }

  const count = cells.count[rack] ?? 0;
  if (count > 0 && size >= 9) {
    const most = Math.min(Math.round(size * 0.72), view.across ? DIGITS_ACROSS * layout.scale : DIGITS);
    const bare = short(count, false);
    const sized = (letters: number) => Math.min(most, Math.floor((w * 1.5) / letters));
    // The sign is wider than a digit. Where there is no room, a number that can be read is worth more than it.
    const signed = sized(bare.length + 1.5);
    const bound = (marks & Mark.atLeast) > 0 && signed >= LEGIBLE;
    const text = bound ? short(count, true) : bare;
    const px = bound ? signed : sized(bare.length);
    const font = `600 ${px}px ${FONT}`;
    if (font !== digitsFont) pen.font = digitsFont = font;
    pen.textAlign = "center";
    // Over a hatch a digit needs a ground of its own.
    if (handled !== NONE || marks & (Mark.silent | Mark.partlySilent)) {
      const width = widthOf(pen, text) + 3;
      pen.fillStyle = fill;
      pen.fillRect(x + (w - width) / 2, y + (h - px) / 2, width, px);
    }
    pen.fillStyle = ink;
    pen.fillText(text, x + w / 2, y + h / 2 + px * 0.06);
  } else if (!coloured && size >= 9) {
    const glyph = Math.min(13 * scale, Math.round(size * 0.85));
    const [gx, gy] = [x + (w - glyph) / 2, y + (h - glyph) / 2];
    if (marks & Mark.suppressed) wrench(pen, gx, gy, glyph, QUIET_INK);
    else if (marks & Mark.dependent) chain(pen, gx, gy, glyph, QUIET_INK);
    else if (opened && handled === NONE) {
      // There is room to say which rack it is.
      const font = `${Math.min(11, Math.round(size * 0.6))}px ${FONT}`;
      if (font !== digitsFont) pen.font = digitsFont = font;
      pen.textAlign = "center";
      pen.fillStyle = "#7d8894";
      pen.fillText(fit(pen, view.plan.racks[rack]?.name ?? "", w - 2), x + w / 2, y + h / 2 + 0.5);
    }
  }

  if (marks & Mark.incident) {
    pen.strokeStyle = coloured ? fill : CALM;
    pen.lineWidth = 2;
    pen.strokeRect(x - 1, y - 1, w + 2, whole + 2);
    pen.strokeStyle = opened ? fill : ink;
    pen.lineWidth = 2 * scale;
    pen.strokeRect(x + 0.5 + scale, y + 0.5 + scale, w - 1 - 2 * scale, whole - 1 - 2 * scale);
  } else if (marks & Mark.fresh) {
    const line = 1.5 * scale;
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = line;
    pen.strokeRect(x + line / 2, y + line / 2, w - line, whole - line);
  }
  if (marks & Mark.picked) {
    // A tick in the corner, on a ground of its own.
    const tick = Math.max(5, Math.min(12, size * 0.42));
    pen.globalAlpha = 1;
    pen.fillStyle = LIGHT_INK;
    pen.fillRect(x, y, tick, tick);
    pen.strokeStyle = DARK_INK;
    pen.lineWidth = 1.4;
    pen.beginPath();
    pen.moveTo(x + tick * 0.2, y + tick * 0.5);
    pen.lineTo(x + tick * 0.42, y + tick * 0.74);
    pen.lineTo(x + tick * 0.82, y + tick * 0.26);
    pen.stroke();
  }
  if (Math.min(w, whole) >= DETAILED) drawMarks(pen, marks, x, y, w, h, ink, scale);
  pen.globalAlpha = 1;
}

/** What only a large cell has room for: a dot for comments, a notch for a ticket, a pin for a note. */
function drawMarks(
  pen: Pen,
  marks: number,
  x: number,
  y: number,
  w: number,
  h: number,
  ink: string,
  scale: number,
): void {
  pen.fillStyle = ink;
  if (marks & Mark.commented) {
    pen.beginPath();
    pen.arc(x + w - 6 * scale, y + 6 * scale, 2.2 * scale, 0, 2 * Math.PI);
    pen.fill();
  }
  if (marks & Mark.ticketed) {
    pen.beginPath();
    pen.moveTo(x + w, y + h);
    pen.lineTo(x + w - 8 * scale, y + h);
    pen.lineTo(x + w, y + h - 8 * scale);
    pen.fill();
  }
  if (marks & Mark.noted) pen.fillRect(x + 4 * scale, y + 4 * scale, 2 * scale, 6 * scale);
}
