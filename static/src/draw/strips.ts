/** Draws zoom 0: the rows of racks. */
import { type Layout } from "../core/layout.ts";
import { NONE } from "../core/model.ts";
import { CALM, fillOf, HOLLOW, inkOn, LIGHT_INK } from "../core/palette.ts";
import type { Plan } from "../core/plan.ts";
import { type Cells, Mark } from "../core/rollup.ts";
import { chain, fit, FONT, hatch, type Pen, short, silence, wrench } from "./ink.ts";

export interface StripsView {
  readonly plan: Plan;
  readonly layout: Layout;
  readonly cells: Cells;
  readonly palette: readonly string[];
  /** Index of the rack that has the keyboard's attention, of the selected and of the pointed at one. */
  readonly focus: number | undefined;
  readonly selected: number | undefined;
  readonly hovered: number | undefined;
}

/** What a filter takes away is dimmed to this, never removed. */
const DIMMED = 0.15;

export function drawStrips(pen: Pen, view: StripsView): void {
  const { layout } = view;
  pen.textBaseline = "middle";
  for (const heading of layout.headings) {
    pen.font = `600 13px ${FONT}`;
    pen.fillStyle = LIGHT_INK;
    pen.textAlign = "left";
    pen.fillText(fit(pen, heading.text, heading.width), heading.x, heading.y + heading.height / 2);
  }
  pen.font = `${Math.max(10, Math.min(12, layout.cell * 0.6))}px ${FONT}`;
  pen.fillStyle = "#8d97a3";
  pen.textAlign = "right";
  for (const label of layout.labels) {
    pen.fillText(fit(pen, label.text, label.width), label.x + label.width, label.y + label.height / 2 + 0.5);
  }
  pen.fillStyle = "#20242a";
  for (const [x, y] of layout.gaps) {
    pen.fillRect(x + layout.cell / 2 - 1, y + layout.cell / 2 - 1, 2, 2);
  }
  for (const strip of layout.strips) for (const rack of strip.racks) drawCell(pen, view, rack);
  for (const [rack, colour, width] of [
    [view.hovered, "rgba(255,255,255,.5)", 1],
    [view.selected, "#ffffff", 2],
    [view.focus, "#ffffff", 2],
  ] as const) {
    if (rack === undefined) continue;
    const [x, y] = [layout.x[rack] ?? Number.NaN, layout.y[rack] ?? Number.NaN];
    if (Number.isNaN(x)) continue;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.strokeRect(x - width / 2 - 0.5, y - width / 2 - 0.5, layout.cell + width + 1, layout.cell + width + 1);
  }
}

function drawCell(pen: Pen, view: StripsView, rack: number): void {
  const { layout, cells, palette } = view;
  const size = layout.cell;
  const [x, y] = [layout.x[rack] ?? 0, layout.y[rack] ?? 0];
  const marks = cells.marks[rack] ?? 0;
  const severity = cells.fill[rack] ?? NONE;
  const handled = cells.hatch[rack] ?? NONE;
  const coloured = severity !== NONE;
  const fill = fillOf(palette, severity);

  pen.globalAlpha = marks & Mark.filteredOut ? DIMMED : 1;
  if (marks & Mark.unwatched && !coloured) {
    pen.strokeStyle = HOLLOW;
    pen.lineWidth = 1;
    pen.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
  } else {
    pen.fillStyle = fill;
    pen.fillRect(x, y, size, size);
  }
  if (handled !== NONE) {
    const line = coloured ? "rgba(0,0,0,.32)" : fillOf(palette, handled);
    hatch(pen, x, y, size, size, Math.max(4, size / 4), line);
  }
  if (coloured && size >= 14) {
    // Severity again, as a length: colour never stands alone.
    pen.fillStyle = inkOn(fill);
    pen.globalAlpha *= 0.6;
    pen.fillRect(x, y + size - 2, (size * (severity + 1)) / 6, 2);
    pen.globalAlpha = marks & Mark.filteredOut ? DIMMED : 1;
  }
  if (marks & Mark.silent) silence(pen, x, y, size, size, coloured);
  else if (marks & Mark.partlySilent) {
    const half = Math.round(size / 2);
    silence(pen, x, y + half, size, size - half, coloured);
  }

  const count = cells.count[rack] ?? 0;
  const ink = coloured ? inkOn(fill) : "#aab3bd";
  if (count > 0 && size >= 11) {
    const text = short(count);
    const px = Math.min(Math.round(size * 0.58), Math.floor((size * 1.55) / text.length), 20);
    pen.font = `600 ${px}px ${FONT}`;
    pen.textAlign = "center";
    // Over a hatch a digit needs a ground of its own.
    if (handled !== NONE || marks & (Mark.silent | Mark.partlySilent)) {
      const w = pen.measureText(text).width + 3;
      pen.fillStyle = fill;
      pen.fillRect(x + (size - w) / 2, y + (size - px) / 2, w, px);
    }
    pen.fillStyle = ink;
    pen.fillText(text, x + size / 2, y + size / 2 + px * 0.06);
  } else if (!coloured && size >= 14) {
    const glyph = Math.min(12, Math.round(size * 0.6));
    const [gx, gy] = [x + (size - glyph) / 2, y + (size - glyph) / 2];
    if (marks & Mark.suppressed) wrench(pen, gx, gy, glyph, "#aab3bd");
    else if (marks & Mark.dependent) chain(pen, gx, gy, glyph, "#aab3bd");
  }

  if (marks & Mark.incident) {
    pen.strokeStyle = coloured ? fill : CALM;
    pen.lineWidth = 2;
    pen.strokeRect(x - 1, y - 1, size + 2, size + 2);
    pen.strokeStyle = ink;
    pen.strokeRect(x + 1.5, y + 1.5, size - 3, size - 3);
  } else if (marks & Mark.fresh) {
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = 1.5;
    pen.strokeRect(x + 0.75, y + 0.75, size - 1.5, size - 1.5);
  }
  if (size >= 32) {
    pen.fillStyle = ink;
    if (marks & Mark.commented) {
      pen.beginPath();
      pen.arc(x + size - 6, y + 6, 2.2, 0, 2 * Math.PI);
      pen.fill();
    }
    if (marks & Mark.ticketed) {
      pen.beginPath();
      pen.moveTo(x + size, y + size);
      pen.lineTo(x + size - 8, y + size);
      pen.lineTo(x + size, y + size - 8);
      pen.fill();
    }
    if (marks & Mark.noted) pen.fillRect(x + 4, y + 4, 2, 6);
  }
  pen.globalAlpha = 1;
}
