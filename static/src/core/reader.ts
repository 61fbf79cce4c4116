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
  /** The events in the text, from and to. */
  readonly from: readonly number[];
  readonly to: readonly number[];
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
  const to: number[] = [];
  for (let at = text.indexOf(BETWEEN, list[0]); at >= 0 && at < list[1]; at = text.indexOf(BETWEEN, at + 1)) {
    to.push(at);
    from.push(at + 1);
  }
  to.push(list[1]);
  return from.length === events.length ? { text, from, to, events } : undefined;
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
    const to: number[] = [];
    const end = list[1];
    let spare = before.events.length * NEWS;
    /** Which of the events before comes next, and how many are compared at once. */
    let next = 0;
    let run = LONGEST_RUN;
    for (let at = list[0]; at < end;) {
      const last = Math.min(next + run, before.events.length) - 1;
      if (last >= next) {
        const start = before.from[next] as number;
        const stop = at + (before.to[last] as number) - start;
        const whole = stop === end || (stop < end && text.charCodeAt(stop) === COMMA);
        if (whole && text.slice(at, stop) === before.text.slice(start, before.to[last])) {
          for (; next <= last; next++) {
            events.push(before.events[next] as HeatEvent);
            from.push(at + (before.from[next] as number) - start);
            to.push(at + (before.to[next] as number) - start);
          }
          at = stop + 1;
          run = Math.min(LONGEST_RUN, run * 2);
          continue;
        }
        if (last > next) {
          run = (last - next + 1) >> 1;
          continue;
        }
      }
      if (spare-- < 0) return undefined;
      const found = text.indexOf(BETWEEN, at);
      const stop = found < 0 || found > end ? end : found;
      const own = text.slice(at, stop);
      const event = JSON.parse(own) as HeatEvent;
      let old = before.events[next];
      while (old && isAfter(event, old)) old = before.events[++next];
      // What stood before it may only have gone.
      const same = old?.id === event.id && own === before.text.slice(before.from[next], before.to[next]);
      events.push(old && same ? old : event);
      if (old?.id === event.id) next++;
      from.push(at);
      to.push(stop);
      at = stop + 1;
    }
    this.#known = { text, from, to, events };
    return { ...around, events };
  }
}
