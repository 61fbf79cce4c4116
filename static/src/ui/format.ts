/** Times and ages in words. */
import { ageOf } from "../core/clock.ts";
import type { Words } from "./words/index.ts";

export function age(words: Words, milliseconds: number): string {
  const { unit, count } = ageOf(milliseconds);
  return words.age[unit](count);
}

/** How long ago a time was, `–` while the server's clock is unknown. */
export function since(words: Words, time: string | number | undefined, now: number | undefined): string {
  const then = typeof time === "string" ? Date.parse(time) : (time ?? Number.NaN);
  return now === undefined || Number.isNaN(then) ? "–" : age(words, now - then);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** A moment in the site's zone; the year only when it is another one. */
export function moment(
  words: Words,
  time: string,
  zone: string | undefined,
  now: number | undefined,
  /** Hours and minutes are enough. */
  brief = false,
): string {
  const then = new Date(time);
  if (Number.isNaN(then.getTime())) return time;
  const other = then.getUTCFullYear() !== new Date(now ?? Date.now()).getUTCFullYear();
  const id = `${words.locale} ${zone} ${other} ${brief}`;
  let format = formats.get(id);
  if (!format) {
    const options: Intl.DateTimeFormatOptions = {
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      ...(brief ? {} : { second: "2-digit" }),
      ...(other ? { year: "numeric" } : {}),
    };
    try {
      format = new Intl.DateTimeFormat(words.locale, zone ? { ...options, timeZone: zone } : options);
    } catch {
      // A zone this browser does not know: its own is better than none.
      format = new Intl.DateTimeFormat(words.locale, options);
    }
    formats.set(id, format);
  }
  return format.format(then);
}
