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

/** Until when an event is new, in milliseconds; −Infinity for one that only came back. */
export function freshUntil(event: HeatEvent): number {
  const since = at(event.since);
  const before = at(event.last_time?.cleared_at);
  return since - before < SAME_STORY_MS ? Number.NEGATIVE_INFINITY : since + FRESH_FOR_MS;
}
