import { expect, test } from "vitest";
import { arbitrary } from "./arbitrary.ts";
import { deviceAt, elevate } from "./elevation.ts";

const AREA = { width: 1200, height: 860 };
const device = (unit: number | undefined, height = 1, atoms?: number) => ({
  mounts: [
    {
      rack_id: 1,
      ...(unit === undefined ? {} : { unit }),
      height,
      ...(atoms === undefined ? {} : { atoms }),
    },
  ],
});

test("unit 1 is at the bottom, and a reversed rack only changes the numbers shown", () => {
  const rack = { height: 42, reversed: false };
  const plain = elevate(rack, [device(1), device(42)], AREA);
  const reversed = elevate({ ...rack, reversed: true }, [device(1), device(42)], AREA);
  const [low, high] = [
    plain.boxes.find((box) => box.device === 0),
    plain.boxes.find((box) => box.device === 1),
  ];
  expect(low?.y).toBeGreaterThan(high?.y ?? Number.POSITIVE_INFINITY);
  expect(reversed.boxes).toEqual(plain.boxes);
  expect([plain.units[0]?.number, plain.units[41]?.number]).toEqual([42, 1]);
  expect([reversed.units[0]?.number, reversed.units[41]?.number]).toEqual([1, 42]);
});

test("a device is as high as its units", () => {
  const { unit, boxes } = elevate({ height: 10, reversed: false }, [device(3, 4)], AREA);
  expect(boxes[0]?.height).toBe(4 * unit - 2);
});

test("what is mounted from one side shows its face there alone", () => {
  const { boxes, frames } = elevate({ height: 10, reversed: false }, [device(1, 1, 1)], AREA);
  const sides = boxes.map((box) => [
    frames.find((f) => box.x > f.x && box.x < f.x + f.width)?.side,
    box.behind,
  ]);
  expect(Object.fromEntries(sides)).toEqual({ front: false, rear: true });
});

test("what has no unit stands beside the frames", () => {
  const { boxes, side } = elevate({ height: 10, reversed: false }, [device(undefined), { mounts: [] }], AREA);
  expect(boxes.map((box) => box.x)).toEqual([side.x, side.x]);
  expect(boxes[0]?.y).not.toBe(boxes[1]?.y);
});

test("damaged mounts stay inside the frame", () => {
  for (let seed = 1; seed <= 50; seed++) {
    for (const rack of arbitrary(seed).inventory.racks ?? []) {
      const mounted = (arbitrary(seed).inventory.devices ?? []).filter((d) =>
        d.mounts?.some((m) => m.rack_id === rack.id),
      );
      const drawn = elevate(
        { height: rack.height, reversed: false },
        mounted.map((d) => ({ mounts: (d.mounts ?? []).filter((m) => m.rack_id === rack.id) })),
        AREA,
      );
      const frame = drawn.frames[0];
      for (const box of drawn.boxes.filter((b) => b.x < drawn.side.x)) {
        expect(box.y).toBeGreaterThanOrEqual(frame?.y ?? 0);
        expect(box.y + box.height).toBeLessThanOrEqual((frame?.y ?? 0) + (frame?.height ?? 0));
        expect(box.height).toBeGreaterThan(0);
      }
    }
  }
});

test("the device under the pointer is the one whose face is on top", () => {
  const drawn = elevate({ height: 4, reversed: false }, [device(1, 2, 4), device(1, 2, 1)], AREA);
  const box = drawn.boxes.find((b) => b.device === 1 && !b.behind);
  expect(deviceAt(drawn, (box?.x ?? 0) + 3, (box?.y ?? 0) + 3)).toBe(1);
  expect(deviceAt(drawn, 0, 0)).toBeUndefined();
});
