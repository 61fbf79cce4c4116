/** Draws zoom 2: one rack, front and rear, with its devices. */
import type { RackDetail } from "../api/protocol.ts";
import type { Box, Elevation } from "../core/elevation.ts";
import { NONE } from "../core/model.ts";
import { fillOf, HOLLOW, inkOn, LIGHT_INK } from "../core/palette.ts";
import { Mark } from "../core/rollup.ts";
import { chain, fit, FONT, hatch, type Pen, short, silence, wipe, wrench } from "./ink.ts";

export interface RackView {
  readonly detail: RackDetail;
  readonly elevation: Elevation;
  readonly palette: readonly string[];
  readonly words: { readonly front: string; readonly rear: string; readonly beside: string };
}

const QUIET_INK = "#8d97a3";

export function drawRack(pen: Pen, view: RackView): void {
  const { elevation, words } = view;
  wipe(pen);
  pen.textBaseline = "middle";
  for (const frame of elevation.frames) {
    pen.font = `600 12px ${FONT}`;
    pen.fillStyle = QUIET_INK;
    pen.textAlign = "left";
    pen.fillText(frame.side === "front" ? words.front : words.rear, frame.x, frame.y - 12);
    pen.fillStyle = "#191d22";
    pen.fillRect(frame.x, frame.y, frame.width, frame.height);
    pen.strokeStyle = HOLLOW;
    pen.lineWidth = 1;
    pen.strokeRect(frame.x - 0.5, frame.y - 0.5, frame.width + 1, frame.height + 1);
    pen.font = `${Math.min(10, elevation.unit - 2)}px ${FONT}`;
    pen.textAlign = "right";
    for (const unit of elevation.units) {
      pen.fillStyle = "#20252b";
      pen.fillRect(frame.x, unit.y, frame.width, 1);
      pen.fillStyle = "#69727d";
      pen.fillText(String(unit.number), frame.x - 6, unit.y + elevation.unit / 2);
    }
  }
  if (elevation.boxes.some((box) => box.x === elevation.side.x)) {
    pen.font = `600 12px ${FONT}`;
    pen.fillStyle = QUIET_INK;
    pen.textAlign = "left";
    pen.fillText(words.beside, elevation.side.x, elevation.side.y - 12);
  }
  for (const box of elevation.boxes) drawDevice(pen, view, box);
}

function drawDevice(pen: Pen, view: RackView, box: Box): void {
  const { detail, palette } = view;
  const device = detail.devices[box.device];
  if (!device) return;
  const { cells } = detail;
  const i = box.device;
  const marks = cells.marks[i] ?? 0;
  const severity = cells.fill[i] ?? NONE;
  const handled = cells.hatch[i] ?? NONE;
  const coloured = severity !== NONE;
  const fill = fillOf(palette, severity);
  const hollow = !coloured && Boolean(marks & Mark.unwatched);

  // What is only seen from behind is drawn faintly: its colour stays, its face is on the other side.
  pen.globalAlpha = marks & Mark.filteredOut ? 0.15 : box.behind ? 0.4 : 1;
  if (hollow) {
    pen.strokeStyle = HOLLOW;
    pen.lineWidth = 1;
    pen.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
  } else {
    pen.fillStyle = coloured ? fill : "#2f353d";
    pen.fillRect(box.x, box.y, box.width, box.height);
  }
  if (handled !== NONE) {
    hatch(
      pen,
      box.x,
      box.y,
      box.width,
      box.height,
      9,
      coloured ? "rgba(0,0,0,.3)" : fillOf(palette, handled),
    );
  }
  if (marks & Mark.fresh) {
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = 1.5;
    pen.strokeRect(box.x + 0.75, box.y + 0.75, box.width - 1.5, box.height - 1.5);
  }
  if (marks & Mark.silent) silence(pen, box.x, box.y, box.width, box.height, coloured);
  if (box.behind) {
    pen.globalAlpha = 1;
    return;
  }

  const ink = coloured ? inkOn(fill) : hollow ? QUIET_INK : LIGHT_INK;
  const hatched = handled !== NONE || Boolean(marks & Mark.silent);
  const middle = box.y + Math.min(box.height / 2, 14);
  const size = Math.max(9, Math.min(12, box.height - 3));
  const ground = coloured ? fill : "#2f353d";
  const write = (text: string, x: number, align: CanvasTextAlign) => {
    pen.textAlign = align;
    if (hatched) {
      const w = pen.measureText(text).width + 6;
      pen.fillStyle = ground;
      pen.fillRect(align === "right" ? x - w + 3 : x - 3, middle - size / 2 - 1, w, size + 2);
    }
    pen.fillStyle = ink;
    pen.fillText(text, x, middle + 0.5);
  };

  let right = box.x + box.width - 7;
  const count = cells.count[i] ?? 0;
  const total = cells.total[i] ?? 0;
  pen.font = `600 ${size}px ${FONT}`;
  if (count > 0) {
    const text = short(count, Boolean(marks & Mark.atLeast));
    write(text, right, "right");
    right -= pen.measureText(text).width + 10;
  } else if (total > 0) {
    const glyph = Math.min(11, size);
    const draw = marks & Mark.suppressed ? wrench : marks & Mark.dependent ? chain : undefined;
    if (draw) {
      draw(pen, right - glyph, middle - glyph / 2, glyph, QUIET_INK);
      right -= glyph + 8;
    }
  }
  pen.font = `${coloured ? "600 " : ""}${size}px ${FONT}`;
  const name = device.inside === undefined ? device.name : `${device.name} · ${device.inside}`;
  const written = fit(pen, device.elsewhere ? `↗ ${name}` : name, right - box.x - 8);
  write(written, box.x + 8, "left");
  const left = box.x + 8 + pen.measureText(written).width + 12;
  if (device.hw && right - left > 50) {
    pen.font = `${Math.max(9, size - 1)}px ${FONT}`;
    pen.globalAlpha *= coloured ? 0.85 : 0.6;
    write(fit(pen, device.hw, right - left), left, "left");
  }
  pen.globalAlpha = 1;
}
