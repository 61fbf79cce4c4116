/** Draws zoom 0: the rows of racks. */
import type { Layout } from "../core/layout.ts";
import { NONE } from "../core/model.ts";
import { CALM, DARK_INK, fillOf, HOLLOW, inkOn, LIGHT_INK } from "../core/palette.ts";
import type { Plan } from "../core/plan.ts";
import { type Bars, type Cells, Mark } from "../core/rollup.ts";
import { chain, fit, FONT, hatch, type Pen, ring, short, silence, wrench } from "./ink.ts";

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
  /** Index of the rack that has the keyboard's attention, of the selected and of the pointed at one. */
  readonly focus: number | undefined;
  readonly selected: number | undefined;
  readonly hovered: number | undefined;
}

/** What a filter takes away is dimmed to this, never removed. */
const DIMMED = 0.15;
/** The inside of a rack, and a device in it that is calm. */
const [BAY, CALM_DEVICE] = ["#1a1e23", "#343b44"];
/** From this edge on a cell shows comments, tickets and notes. */
const DETAILED = 34;
const QUIET_INK = "#aab3bd";
/** The largest digits, before the screen and across a room, in CSS pixels. */
const [DIGITS, DIGITS_ACROSS] = [22, 60];
/** A cell must be this wide and tall to show its devices. */
const [BARS_WIDE, BARS_TALL] = [16, 44];
/** The part of such a cell that shows its colour and number. */
const HEAD = 0.3;
const HEAD_TALLEST = 26;

/** The font of the digits drawn last: to set the same again costs as much as to draw them. */
let digitsFont = "";
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

export function drawStrips(pen: Pen, view: StripsView): void {
  const { layout } = view;
  const [width, height] = layout.cell;
  pen.textBaseline = "middle";
  // A wall says above what all of it is.
  const [only] =
    view.across && new Set(layout.headings.map(({ text }) => text)).size === 1 ? layout.headings : [];
  for (const heading of only ? [] : layout.headings) {
    pen.font = `600 ${view.across ? 20 : 13}px ${FONT}`;
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
    view.across ? 24 : 15,
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
    pen.fillRect(x + width / 2 - 1, y + height / 2 - 1, 2, 2);
  }
  digitsFont = "";
  for (const strip of layout.strips) for (const rack of strip.racks) drawCell(pen, view, rack);
  for (const [rack, colour, line] of [
    [view.hovered, "rgba(255,255,255,.5)", 1],
    [view.selected, "#ffffff", 2],
  ] as const) {
    if (rack === undefined) continue;
    const [x, y] = [layout.x[rack] ?? Number.NaN, layout.y[rack] ?? Number.NaN];
    if (Number.isNaN(x)) continue;
    pen.strokeStyle = colour;
    pen.lineWidth = line;
    pen.strokeRect(x - line / 2 - 0.5, y - line / 2 - 0.5, width + line + 1, height + line + 1);
  }
  const [x, y] = [layout.x[view.focus ?? -1], layout.y[view.focus ?? -1]];
  if (x !== undefined && y !== undefined && !Number.isNaN(x)) ring(pen, x, y, width, height);
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
  const scale = view.across ? Math.max(1, size / 36) : 1;
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
    pen.lineWidth = 1;
    pen.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
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
    const text = short(count);
    const px = Math.min(
      Math.round(size * 0.72),
      Math.floor((w * 1.5) / text.length),
      view.across ? DIGITS_ACROSS : DIGITS,
    );
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
    pen.strokeRect(x + 1.5, y + 1.5, w - 3, whole - 3);
  } else if (marks & Mark.fresh) {
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = 1.5;
    pen.strokeRect(x + 0.75, y + 0.75, w - 1.5, whole - 1.5);
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
  if (Math.min(w, whole) >= DETAILED) drawMarks(pen, marks, x, y, w, h, ink);
  pen.globalAlpha = 1;
}

/** What only a large cell has room for: a dot for comments, a notch for a ticket, a pin for a note. */
function drawMarks(pen: Pen, marks: number, x: number, y: number, w: number, h: number, ink: string): void {
  pen.fillStyle = ink;
  if (marks & Mark.commented) {
    pen.beginPath();
    pen.arc(x + w - 6, y + 6, 2.2, 0, 2 * Math.PI);
    pen.fill();
  }
  if (marks & Mark.ticketed) {
    pen.beginPath();
    pen.moveTo(x + w, y + h);
    pen.lineTo(x + w - 8, y + h);
    pen.lineTo(x + w, y + h - 8);
    pen.fill();
  }
  if (marks & Mark.noted) pen.fillRect(x + 4, y + 4, 2, 6);
}
