/** The list of events: in which order, and in which part of it somebody looks. */
import type { HeatEvent } from "./model.ts";

export const WORST_FIRST = "-severity";

/** An event that may be listed, with the index of its rack (−1: none) and, if it is over, since when. */
export interface Row {
  readonly event: HeatEvent;
  readonly rack: number;
  readonly clearedAt?: string;
}

/** What a row is sorted by. Places are sorted as they stand: racks are numbered in the order of the plan. */
function keyOf(by: string, { event, rack }: Row): string | number {
  switch (by) {
    case "since":
      return event.since;
    case "host":
      return (event.host ?? "").toLowerCase();
    case "place":
      return rack < 0 ? Number.POSITIVE_INFINITY : rack;
    case "name":
      return event.name.toLowerCase();
    case "comment":
      return event.comments?.at(-1)?.at ?? "";
    case "ticket":
      return event.ticket?.key ?? (event.ticket ? "~" : "");
    case "source":
      return event.source;
    default:
      return event.severity;
  }
}

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);

/** Sorts rows by `severity`, `-since`, …; of equals the worst comes first, then the newest. */
export function sorted<R extends Row>(rows: readonly R[], sort: string): R[] {
  const turned = sort.startsWith("-") ? -1 : 1;
  const by = sort.replace("-", "");
  return rows
    .map((row) => ({ row, key: keyOf(by, row) }))
    .sort(
      (a, b) =>
        turned * compare(a.key, b.key) ||
        b.row.event.severity - a.row.event.severity ||
        compare(b.row.event.since, a.row.event.since) ||
        compare(a.row.event.id, b.row.event.id),
    )
    .map(({ row }) => row);
}

/** The first of what is in no order, in theirs: sorting all of a storm for a page of it takes too long. */
export function firstOf<T>(items: readonly T[], count: number, order: (a: T, b: T) => number): T[] {
  const first: T[] = [];
  for (const item of items) {
    const last = first[count - 1];
    if (last !== undefined && order(item, last) >= 0) continue;
    let [low, high] = [0, first.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (order(item, first[middle] as T) < 0) high = middle;
      else low = middle + 1;
    }
    first.splice(low, 0, item);
    if (first.length > count) first.pop();
  }
  return first;
}

/** What maintenance or another problem explains: lists leave it out until asked. */
export function isBackground({ handled }: HeatEvent): boolean {
  return handled === "suppressed" || handled === "dependent";
}
