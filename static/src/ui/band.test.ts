import { expect, test } from "vitest";
import { isLive } from "./band.tsx";
import type { State } from "./state.ts";

const NEWEST_AT = 1_000_000;
/** A page whose newest picture is so many seconds old, by the server's clock. */
const aged = (seconds: number | undefined, beat = 0) =>
  ({
    frame: { newestAt: NEWEST_AT },
    tick: { now: seconds === undefined ? undefined : NEWEST_AT + seconds * 1000 },
    tickedAt: beat,
    beat,
  }) as State;

test("a picture is live for a minute by the server's clock, and not a second longer", () => {
  expect([0, 59, 60, 61, 3600].map((seconds) => isLive(aged(seconds)))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

test("one that is still to come is live no longer than one that was", () => {
  expect([-60, -61].map((seconds) => isLive(aged(seconds)))).toEqual([true, false]);
});

test("the page carries the server's clock on while its worker says nothing", () => {
  const later = (seconds: number) => ({ ...aged(0), beat: seconds * 1000 });
  expect([60, 61].map((seconds) => isLive(later(seconds)))).toEqual([true, false]);
});

test("without the server's clock a picture is live for ten seconds after the start, then not", () => {
  expect([9_999, 10_000].map((beat) => isLive(aged(undefined, beat)))).toEqual([true, false]);
});
