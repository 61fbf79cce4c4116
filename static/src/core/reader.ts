/**
 * Reads snapshots. Each message is the whole picture, and as a rule nearly all of it is, letter by letter, what the one
 * before said: an event whose text is the same is not parsed again, it is the same object. What is read is always what
 * `JSON.parse` would read; nothing but the time that it takes depends on the text before.
 */
import type { HeatEvent, Snapshot } from "./model.ts";

/**
 * How the list of events begins, what stands between two of them, and what may follow the list. Each holds a quote
 * that is not escaped, so none of them can be inside a text.
 */
const BEGINS = '"events":[';
const BETWEEN = ',{"id":"';
const FOLLOWED_BY = ['}],"cleared":[', '}],"notes":['];
/** So much may follow it: what cleared, at most 500, and the notes. */
const LONGEST_TAIL = 1 << 21;
const COMMA = 44;
/** So many events are compared at once, at most. */
const LONGEST_RUN = 512;
/** Where more than this part of them is news, to parse all at once is quicker. */
const NEWS = 1 / 8;

interface Known {
  readonly text: string;
  /** Where each event begins, a comma after the one before; and one more at the end. */
  readonly from: readonly number[];
  readonly events: readonly HeatEvent[];
}

/** Where the list of events is in the text, without its brackets. */
function listIn(text: string): [from: number, to: number] | undefined {
  const from = text.indexOf(BEGINS) + BEGINS.length;
  if (from < BEGINS.length || text[from] !== "{") return undefined;
  const tail = Math.max(from, text.length - LONGEST_TAIL);
  const end = text.slice(tail);
  for (const next of FOLLOWED_BY) {
    const at = end.lastIndexOf(next);
    if (at >= 0) return [from, tail + at + 1];
  }
  return text.endsWith("}]}") ? [from, text.length - 2] : undefined;
}

/** Finds the events of a text that was parsed; nothing if they do not stand as expected. */
function find(text: string, events: readonly HeatEvent[]): Known | undefined {
  const list = listIn(text);
  if (!list) return undefined;
  const from = [list[0]];
  for (let at = text.indexOf(BETWEEN, list[0]); at >= 0 && at < list[1]; at = text.indexOf(BETWEEN, at + 1)) {
    from.push(at + 1);
  }
  from.push(list[1] + 1);
  return from.length === events.length + 1 ? { text, from, events } : undefined;
}

const isAfter = (a: HeatEvent, b: HeatEvent) => a.key > b.key || (a.key === b.key && a.id > b.id);

export class Reader {
  #known: Known | undefined;
  #unknown: { text: string; events: readonly HeatEvent[] } | undefined;

  /** Reads a snapshot's text. Throws what `JSON.parse` throws. */
  read(text: string): Snapshot {
    this.prepare();
    try {
      const snapshot = this.#known && this.#again(text, this.#known);
      if (snapshot) return snapshot;
    } catch {
      // It does not stand as expected, or it is broken: the parser says which.
    }
    this.#known = undefined;
    const snapshot = JSON.parse(text) as Snapshot;
    this.#unknown = { text, events: snapshot.events ?? [] };
    return snapshot;
  }

  /** Does, when there is time, what makes the next reading quick. */
  prepare(): void {
    if (this.#unknown) this.#known = find(this.#unknown.text, this.#unknown.events);
    this.#unknown = undefined;
  }

  #again(text: string, before: Known): Snapshot | undefined {
    const list = listIn(text);
    if (!list) return undefined;
    const around = JSON.parse(text.slice(0, list[0]) + text.slice(list[1])) as Snapshot;
    if (around.events?.length !== 0) return undefined;
    const events: HeatEvent[] = [];
    const from: number[] = [];
    const end = list[1];
    /** What the text before says of its events from one up to another. */
    const said = (first: number, after: number) =>
      before.text.slice(before.from[first], (before.from[after] ?? 0) - 1);
    let spare = before.events.length * NEWS;
    /** Which of the events before comes next, and how many are compared at once. */
    let next = 0;
    let run = LONGEST_RUN;
    for (let at = list[0]; at < end;) {
      const after = Math.min(next + run, before.events.length);
      const same = said(next, after);
      const stop = at + same.length;
      const whole = stop === end || (stop < end && text.charCodeAt(stop) === COMMA);
      if (after > next && whole && text.slice(at, stop) === same) {
        const moved = at - (before.from[next] ?? 0);
        for (; next < after; next++) {
          events.push(before.events[next] as HeatEvent);
          from.push((before.from[next] ?? 0) + moved);
        }
        at = stop + 1;
        run = Math.min(LONGEST_RUN, run * 2);
      } else if (after > next + 1) {
        run = (after - next) >> 1;
      } else {
        if (spare-- < 0) return undefined;
        const found = text.indexOf(BETWEEN, at);
        const own = text.slice(at, found < 0 || found > end ? end : found);
        const event = JSON.parse(own) as HeatEvent;
        let old = before.events[next];
        while (old && isAfter(event, old)) old = before.events[++next];
        // What stood before it may only have gone.
        events.push(old && own === said(next, next + 1) ? old : event);
        from.push(at);
        if (old?.id === event.id) next++;
        at += own.length + 1;
      }
    }
    from.push(end + 1);
    this.#known = { text, from, events };
    return { ...around, events };
  }
}
