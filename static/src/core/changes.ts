/** The change feed: newest first, and in a storm by rack. */
import type { Change } from "./model.ts";

/** More changes than this within a minute are told by rack. */
const CROWD = 20;
const MINUTE_MS = 60_000;

/** One change, or many of a rack within a minute. */
export interface Told {
  readonly first: Change;
  readonly more: readonly Change[];
}

/** How many events they are about: one may change often. */
export function eventsOf({ first, more }: Told): number {
  return new Set([first, ...more].map(({ key }) => key)).size;
}

/** `changes`: oldest first, as the API has them. */
export function tell(changes: readonly Change[]): Told[] {
  const minuteOf = ({ at }: Change) => Math.floor(Date.parse(at) / MINUTE_MS);
  const crowds = new Map<number, number>();
  for (const change of changes) crowds.set(minuteOf(change), (crowds.get(minuteOf(change)) ?? 0) + 1);
  const told: { first: Change; more: Change[] }[] = [];
  const groups = new Map<string, { first: Change; more: Change[] }>();
  for (const change of changes.toReversed()) {
    const minute = minuteOf(change);
    const crowded = (crowds.get(minute) ?? 0) > CROWD && change.rack_id !== undefined;
    const group = `${minute} ${change.rack_id} ${change.kind}`;
    const before = crowded ? groups.get(group) : undefined;
    if (before) {
      before.more.push(change);
      continue;
    }
    const one = { first: change, more: [] };
    if (crowded) groups.set(group, one);
    told.push(one);
  }
  return told;
}
