/**
 * What time it is at the server, and how fresh a source is. A wall PC's own clock may be wrong, so the time comes
 * from the `Date` of the server's answers and is carried on by a monotonic clock.
 */
import type { Source } from "./model.ts";

/** After this many seconds without a newer picture the page is NOT LIVE. */
export const LIVE_FOR_S = 60;

/**
 * A picture comes at least every 20 seconds; within this time its silence says nothing about its sources.
 */
const BEAT_MS = 25_000;

/**
 * The moment at which a picture's sources are judged. A source that is read every five seconds is not late because
 * the picture, which had no news, is twenty seconds old.
 */
export function judgedAt(now: number, generatedAt: number): number {
  return Number.isNaN(generatedAt) ? now : Math.max(Math.min(generatedAt, now), now - BEAT_MS);
}

/** Milliseconds of a document's time, NaN when it cannot be read. */
export function at(time: string | undefined): number {
  return time === undefined ? Number.NaN : Date.parse(time);
}

/** The server's clock as far as this page can know it. All times in milliseconds. */
export class ServerClock {
  #offset: number | undefined;

  /**
   * Learns from one answer: its `Date` header, and the monotonic clock when the request went out and when the
   * answer came. The header counts whole seconds, so the truth is half a second later on average.
   */
  sync(date: string | null, asked: number, answered: number): void {
    const server = date === null ? Number.NaN : Date.parse(date);
    if (!Number.isNaN(server)) this.#offset = server + 500 - (asked + answered) / 2;
  }

  /** The server's now, or undefined before the first answer. */
  now(monotonic: number): number | undefined {
    return this.#offset === undefined ? undefined : this.#offset + monotonic;
  }
}

/** How fresh a source is: `unknown` was never read, `late` is behind, `stale` cannot be trusted for absence. */
export type Freshness = "fresh" | "late" | "stale" | "unknown";

export function freshness(source: Source, now: number): Freshness {
  const fetched = at(source.fetched_at);
  if (source.status === "unknown" || Number.isNaN(fetched)) return "unknown";
  const age = (now - fetched) / 1000;
  if (source.stale_after_s !== undefined && age > source.stale_after_s) return "stale";
  if (source.late_after_s !== undefined && age > source.late_after_s) return "late";
  return "fresh";
}

/** Whether a source reports events (and not the inventory or the comments). */
export function isMonitor(source: Source): boolean {
  return source.kind !== "inventory" && source.kind !== "comments";
}

/** Whether a source may hide problems at the moment: what it reports is a lower bound. */
export function mayHide(source: Source, now: number): boolean {
  const fresh = freshness(source, now);
  return isMonitor(source) && (source.status === "partial" || fresh === "stale" || fresh === "unknown");
}

/** A length of time in its leading unit, for a dictionary to word: a larger one from two of it on. */
export interface Age {
  readonly unit: "second" | "minute" | "hour" | "day";
  readonly count: number;
}

export function ageOf(milliseconds: number): Age {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return { unit: "second", count: seconds };
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return { unit: "minute", count: minutes };
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? { unit: "hour", count: hours } : { unit: "day", count: Math.floor(hours / 24) };
}
