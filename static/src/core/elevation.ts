/**
 * Zoom 2: where everything is in the drawing of one rack. Front and rear stand side by side, what has no unit
 * (mounted beside the units, or inside another device) in a third column. A pure function of rack and area.
 */
import type { Mount } from "./model.ts";
import type { Area } from "./layout.ts";

/** Bits of `Mount.atoms`. */
const FRONT = 1;
const REAR = 4;
const ALL = 7;

/** A device as the elevation shows it. */
export interface Fitted {
  /** The mounts it has in this rack; none: it is inside another device. */
  readonly mounts: readonly Mount[];
}

export interface Box {
  /** Index of the device. */
  readonly device: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Mounted from the other side: it shows, but not its face. */
  readonly behind: boolean;
}

export interface Frame {
  readonly side: "front" | "rear";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Elevation {
  /** Height of a unit in CSS pixels. */
  readonly unit: number;
  readonly frames: readonly Frame[];
  /** Top of each unit's line and the number shown on it. */
  readonly units: readonly { readonly number: number; readonly y: number }[];
  /** Width of the column of unit numbers, left of each frame. */
  readonly gutter: number;
  readonly boxes: readonly Box[];
  /** Where the column of what has no unit begins, and its width. */
  readonly side: { readonly x: number; readonly y: number; readonly width: number };
  readonly width: number;
  readonly height: number;
}

const GUTTER = 26;
const TITLE = 24;
const SPACE = 28;
const WIDEST_FRAME = 340;
const SIDE_LINE = 20;

export function elevate(
  rack: { readonly height: number; readonly reversed: boolean },
  devices: readonly Fitted[],
  area: Area,
): Elevation {
  const count = Math.max(1, rack.height);
  const unit = Math.max(12, Math.min(26, Math.floor((area.height - TITLE - 8) / count)));
  const third = Math.floor((area.width - 2 * SPACE) / 3);
  const frameWidth = Math.max(120, Math.min(WIDEST_FRAME, third - GUTTER));
  const frames: Frame[] = (["front", "rear"] as const).map((side, i) => ({
    side,
    x: GUTTER + i * (frameWidth + GUTTER + SPACE),
    y: TITLE,
    width: frameWidth,
    height: count * unit,
  }));
  const units = Array.from({ length: count }, (_, i) => ({
    number: rack.reversed ? i + 1 : count - i,
    y: TITLE + i * unit,
  }));
  const sideX = 2 * (frameWidth + GUTTER + SPACE);
  const side = { x: sideX, y: TITLE, width: Math.max(120, Math.min(WIDEST_FRAME, area.width - sideX)) };

  const boxes: Box[] = [];
  let line = 0;
  devices.forEach((device, index) => {
    const seated = device.mounts.filter((mount) => mount.unit !== undefined);
    if (seated.length === 0) {
      const y = side.y + line++ * SIDE_LINE;
      boxes.push({ device: index, x: side.x, y, width: side.width, height: SIDE_LINE - 2, behind: false });
    }
    for (const mount of seated) {
      const height = Math.max(1, mount.height ?? 1);
      // `unit` counts from the bottom whatever the rack shows; what does not fit is cut at the rack's edge.
      const bottom = Math.min(count, Math.max(1, mount.unit ?? 1));
      const top = Math.min(count, bottom + height - 1);
      const atoms = mount.atoms ?? ALL;
      frames.forEach((frame) => {
        boxes.push({
          device: index,
          x: frame.x + 2,
          y: frame.y + (count - top) * unit + 1,
          width: frame.width - 4,
          height: (top - bottom + 1) * unit - 2,
          behind: !(atoms & (frame.side === "front" ? FRONT : REAR)),
        });
      });
    }
  });
  // What is mounted from this side lies over what only shows through.
  boxes.sort((a, b) => Number(b.behind) - Number(a.behind));
  const height = Math.max(TITLE + count * unit + 8, side.y + line * SIDE_LINE);
  return { unit, frames, units, gutter: GUTTER, boxes, side, width: side.x + side.width, height };
}

/** The device under a point, or undefined. */
export function deviceAt(elevation: Elevation, px: number, py: number): number | undefined {
  return elevation.boxes.findLast(
    (box) => px >= box.x && px < box.x + box.width && py >= box.y && py < box.y + box.height,
  )?.device;
}
