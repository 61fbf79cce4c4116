/**
 * When an event is new: for the outline of cells and for the filter's `new`. The server says the same in
 * `ActiveEvent::is_new`; the cases of `lib/examples/filter.json` hold both to it.
 */
import { at } from "./clock.ts";
import type { HeatEvent } from "./model.ts";

/** An event is new for this long. */
const FRESH_FOR_MS = 120_000;
/** An opening within this time after the same key cleared is as old as its predecessor. */
const SAME_STORY_MS = 600_000;

/**
 * A time before which nothing that began is new at `now`, to be compared as text: pictures have tens of thousands of
 * events, and reading the time of each takes longer than all else that is done with it.
 */
export function oldBefore(now: number): string {
  return secondsOf(now - FRESH_FOR_MS - 1000);
}

/** As the documents write times: whole seconds, so that their order is that of their letters. */
export function secondsOf(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** Until when an event is new, in milliseconds; −Infinity for one that only came back. */
export function freshUntil(event: HeatEvent): number {
  const since = at(event.since);
  const before = at(event.last_time?.cleared_at);
  return since - before < SAME_STORY_MS ? Number.NEGATIVE_INFINITY : since + FRESH_FOR_MS;
}
