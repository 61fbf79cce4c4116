import { expect, test } from "vitest";
import { dueSound } from "./alarm.ts";

const quiet = [0, 0, 0, 0, 0, 0];
const burning = [0, 0, 3, 0, 1, 0];
const taste = (sound: string, repeat = "no") => ({ sound, repeat }) as Parameters<typeof dueSound>[0];

test("nothing is heard until it is switched on", () => {
  expect(dueSound(taste("off", "yes"), 5, burning, 1e9)).toBeUndefined();
});

test("what is new is heard from the chosen severity on, at least ten seconds after the last one", () => {
  expect(dueSound(taste("4"), 4, burning, 10_000)).toBe(4);
  expect(dueSound(taste("4"), 3, burning, 1e9)).toBeUndefined();
  expect(dueSound(taste("4"), 5, burning, 9_999)).toBeUndefined();
});

test("it is heard again every minute until somebody takes care of it, if one wants that", () => {
  expect(dueSound(taste("4"), undefined, burning, 1e9)).toBeUndefined();
  expect(dueSound(taste("4", "yes"), undefined, burning, 59_999)).toBeUndefined();
  expect(dueSound(taste("4", "yes"), undefined, burning, 60_000)).toBe(4);
  expect(dueSound(taste("5", "yes"), undefined, burning, 1e9)).toBeUndefined();
  expect(dueSound(taste("2", "yes"), undefined, quiet, 1e9)).toBeUndefined();
});
