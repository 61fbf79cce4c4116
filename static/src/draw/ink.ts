/** What both drawings share: the surface, hatches and text that fits. */
import type { Area } from "../core/layout.ts";
import { SILENT } from "../core/palette.ts";

/** System fonts only: nothing is fetched, and digits are of one width. */
export const FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", Roboto, "DejaVu Sans", sans-serif';

export type Pen = OffscreenCanvasRenderingContext2D;

/** Pixels of the screen in a CSS pixel of the canvas. */
let ratio = 1;

/**
 * Sizes a canvas to its box in pixels of the screen, of which there are `pixels` in a CSS pixel, and returns a pen that
 * draws in CSS pixels, and whether what was drawn before is still there.
 */
export function penOf(canvas: OffscreenCanvas, { width, height }: Area, pixels: number) {
  ratio = pixels;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  const kept = canvas.width === w && canvas.height === h;
  if (!kept) {
    canvas.width = w;
    canvas.height = h;
  }
  const pen = canvas.getContext("2d", { alpha: true });
  pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { pen, kept };
}

/** Takes all away that was drawn. */
export function wipe(pen: Pen): void {
  pen.clearRect(0, 0, pen.canvas.width / ratio, pen.canvas.height / ratio);
}

/** Tiles of hatches by step, colour and pixel ratio: thousands of boxes are hatched at a time. */
const tiles = new Map<string, CanvasPattern | null>();

function tileOf(pen: Pen, step: number, colour: string): CanvasPattern | null {
  const size = Math.max(2, Math.round(step * ratio));
  const key = `${size} ${colour} ${ratio}`;
  const known = tiles.get(key);
  if (known !== undefined) return known;
  const tile = new OffscreenCanvas(size, size);
  const ink = tile.getContext("2d");
  if (ink) {
    ink.strokeStyle = colour;
    ink.lineWidth = Math.max(1.2 * ratio, size * 0.12);
    ink.beginPath();
    // The neighbours' lines reach into the corners.
    for (const offset of [-size, 0, size]) {
      ink.moveTo(offset - 1, size + 1);
      ink.lineTo(offset + size + 1, -1);
    }
    ink.stroke();
  }
  const pattern = pen.createPattern(tile, "repeat");
  pattern?.setTransform(new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]));
  tiles.set(key, pattern);
  return pattern;
}

/** Draws diagonal lines over a box: `step` apart, rising to the right. */
export function hatch(
  pen: Pen,
  x: number,
  y: number,
  w: number,
  h: number,
  step: number,
  colour: string,
): void {
  const pattern = tileOf(pen, step, colour);
  if (!pattern) return;
  pen.fillStyle = pattern;
  pen.fillRect(x, y, w, h);
}

/** The hatch that says: no data. Wide and grey, dark over a colour, so that the colour stays. */
export function silence(
  pen: Pen,
  x: number,
  y: number,
  w: number,
  h: number,
  coloured: boolean,
  scale = 1,
): void {
  hatch(pen, x, y, w, h, 5 * scale, coloured ? "rgba(0,0,0,.55)" : SILENT);
}

/** The text, cut with an ellipsis so that it fits a width. */
export function fit(pen: Pen, text: string, width: number): string {
  if (pen.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? "" : `${text.slice(0, low)}…`;
}

/** A count in as few characters as a cell has room for; with the sign of a lower bound where it is one. */
export function short(count: number, atLeast: boolean): string {
  return `${atLeast ? "≥" : ""}${count < 1000 ? count : `${Math.floor(count / 1000)}k`}`;
}

/** A wrench: under maintenance. Drawn in a box of the size given. */
export function wrench(pen: Pen, x: number, y: number, size: number, colour: string): void {
  pen.save();
  pen.translate(x, y);
  pen.scale(size / 10, size / 10);
  pen.strokeStyle = colour;
  pen.lineCap = "round";
  pen.lineWidth = 1.8;
  pen.beginPath();
  pen.moveTo(1.6, 8.4);
  pen.lineTo(5.4, 4.6);
  pen.stroke();
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.arc(6.9, 3.1, 2.1, 0.1 * Math.PI, 1.4 * Math.PI);
  pen.stroke();
  pen.restore();
}

/** Two links of a chain: depends on another problem. */
export function chain(pen: Pen, x: number, y: number, size: number, colour: string): void {
  pen.save();
  pen.translate(x, y);
  pen.scale(size / 10, size / 10);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.3;
  pen.beginPath();
  pen.roundRect(0.8, 3.4, 5, 3.2, 1.6);
  pen.roundRect(4.2, 3.4, 5, 3.2, 1.6);
  pen.stroke();
  pen.restore();
}
