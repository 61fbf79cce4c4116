/**
 * The grammar of filters, `dc:sas sev>=high -ticket (host:srv-* or "power supply")`: reads it, prints it, judges
 * events by it. `lib/src/filter.rs` explains it and is its twin on the server; the cases of `lib/examples/filter.json`
 * hold both to the same.
 */
import { at } from "./clock.ts";
import { type Floor, placesOf, type Spot, spotOf } from "./floor.ts";
import { freshUntil } from "./fresh.ts";
import { type HeatEvent, SEVERITIES, type Severity } from "./model.ts";

/** The longest filter taken, in characters. */
export const LONGEST = 1000;
/** So many parentheses and negations may stand around each other. */
export const DEEPEST = 32;

const TEXTS = ["dc", "device", "host", "name", "rack", "row", "src", "ticket"] as const;
type Text = (typeof TEXTS)[number];

/** By name: where two are as near to a wrong word, the first is proposed. */
export const FIELDS = [
  "age",
  "dc",
  "device",
  "host",
  "name",
  "rack",
  "row",
  "sev",
  "src",
  "tag",
  "ticket",
  "u",
] as const;
export type Field = (typeof FIELDS)[number];

const FLAGS = [
  "ack",
  "comment",
  "dependent",
  "handled",
  "incident",
  "new",
  "note",
  "suppressed",
  "ticket",
  "unplaced",
] as const;
export type Flag = (typeof FLAGS)[number];

type Comparison = ":" | "<" | "<=" | ">" | ">=";
/** A comparison as it may be written. */
type Sign = Comparison | "=";

export const SEVERITY_NAMES = [
  "not_classified",
  "information",
  "warning",
  "average",
  "high",
  "disaster",
] as const;

/** Lengths of time that have a letter, in seconds; the longest first. */
const TIMES = [
  ["w", 604_800],
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
] as const;

/** A text with gaps. */
interface Pattern {
  /** What stands between the gaps, as it was written; at least one. Only the first and the last may be empty. */
  readonly pieces: readonly string[];
  readonly lower: readonly string[];
}

export type Filter =
  | { readonly is: "all" | "any"; readonly of: readonly Filter[] }
  | { readonly is: "not"; readonly of: Filter }
  | { readonly is: "word"; readonly pattern: Pattern }
  | { readonly is: Text; readonly pattern: Pattern }
  | { readonly is: "tag"; readonly name: Pattern; readonly value: Pattern | undefined }
  /** Ages in seconds. */
  | { readonly is: "sev" | "u" | "age"; readonly comparison: Comparison; readonly value: number }
  | { readonly is: "flag"; readonly flag: Flag };

/** What is wrong with a text, in a form that a dictionary can word. */
export type Mistake = {
  /** The characters (Unicode code points) before it. */
  readonly position: number;
} & (
  | { readonly kind: "tooLong"; readonly length: number }
  | { readonly kind: "unknownField"; readonly name: string; readonly meant: Field | undefined }
  | { readonly kind: "noField"; readonly sign: Sign }
  | { readonly kind: "comparison"; readonly field: Field; readonly sign: Sign }
  | { readonly kind: "noComparison"; readonly flag: Flag }
  | { readonly kind: "noValue"; readonly after: string }
  | { readonly kind: "severity" | "age" | "unit"; readonly text: string }
  | { readonly kind: "escape"; readonly character: string }
  | { readonly kind: "noCondition"; readonly before: string }
  | {
      readonly kind:
        | "tooDeep"
        | "openQuote"
        | "emptyQuotes"
        | "crowded"
        | "openParenthesis"
        | "closedParenthesis"
        | "nothingNegated"
        | "end";
    }
);

type Kind<T> = T extends unknown ? Omit<T, "position"> : never;

/** Thrown while reading, caught where reading began. */
class Wrong extends Error {
  readonly mistake: Mistake;

  constructor(position: number, what: Kind<Mistake>) {
    super(what.kind);
    this.mistake = { position, ...what } as Mistake;
  }
}

/** Either what a text means (undefined: it is empty and means every event), or its first mistake. */
export type Reading = { readonly filter: Filter | undefined } | { readonly mistake: Mistake };

export function readFilter(text: string): Reading {
  try {
    return { filter: new Reader(text).filter() };
  } catch (error) {
    if (error instanceof Wrong) return { mistake: error.mistake };
    throw error;
  }
}

// Reading.

/** Both twins skip the same: what a keyboard makes, and the space that comes out of documents. */
const isSpace = (c: string | undefined) => c !== undefined && " \t\n\r\u00a0".includes(c);
const endsWord = (c: string) => isSpace(c) || c === "(" || c === ")" || c === '"';

/** Only these letters: the names of fields are written with no others. */
const lowerAscii = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function named<T extends string>(list: readonly T[], word: string): T | undefined {
  const lower = lowerAscii(word);
  return list.find((name) => name === lower);
}

const keywordOf = (word: string) => named(["and", "not", "or"], word);

/** Name and sign of a word that has a sign of comparison behind nothing but letters. */
function splitField(word: string): { name: string; sign: Sign } | undefined {
  const found = /^([A-Za-z]*)(<=|>=|[<>:=])/.exec(word);
  return found ? { name: found[1] ?? "", sign: found[2] as Sign } : undefined;
}

function knows(field: Field, comparison: Comparison): boolean {
  if (field === "age") return comparison !== ":";
  return field === "sev" || field === "u" || comparison === ":";
}

const isPlainValue = (text: string) => text !== "" && ![...text].some(endsWord);
const isPlainTag = (text: string) => isPlainValue(text) && !text.includes("=");
const isPlainWord = (text: string) =>
  isPlainValue(text) && !text.startsWith("-") && !splitField(text) && !keywordOf(text) && !named(FLAGS, text);

/** A pattern while it is read. */
class Draft {
  readonly #pieces = [""];

  push(c: string): void {
    this.#pieces[this.#pieces.length - 1] += c;
  }

  /** Two gaps beside each other are one. */
  gap(): void {
    if (this.#pieces.length === 1 || this.#pieces.at(-1) !== "") this.#pieces.push("");
  }

  finish(): Pattern {
    return { pieces: this.#pieces, lower: this.#pieces.map((piece) => piece.toLowerCase()) };
  }
}

const isEmpty = ({ pieces }: Pattern) => pieces.length === 1 && pieces[0] === "";

class Reader {
  readonly #text: readonly string[];
  #at = 0;
  /** Parentheses and negations around it; parentheses alone. */
  #depth = 0;
  #open = 0;

  constructor(text: string) {
    this.#text = [...text];
  }

  filter(): Filter | undefined {
    const length = this.#text.length;
    if (length > LONGEST) throw new Wrong(LONGEST, { kind: "tooLong", length });
    this.#space();
    if (this.#next() === undefined) return undefined;
    const filter = this.#any();
    if (this.#next() !== undefined) throw this.#wrong({ kind: "closedParenthesis" });
    return filter;
  }

  #next(): string | undefined {
    return this.#text[this.#at];
  }

  #space(): void {
    while (isSpace(this.#next())) this.#at++;
  }

  /** The word that begins here; empty before a parenthesis, a quote, a space or the end. */
  #word(): string {
    let end = this.#at;
    for (let c = this.#text[end]; c !== undefined && !endsWord(c); c = this.#text[end]) end++;
    return this.#text.slice(this.#at, end).join("");
  }

  #wrong(what: Kind<Mistake>): Wrong {
    return new Wrong(this.#at, what);
  }

  #any(): Filter {
    const of = [this.#all()];
    while (keywordOf(this.#word()) === "or") {
      this.#at += 2;
      of.push(this.#all());
    }
    return joined("any", of);
  }

  /** Leaves off before `or`, a closing parenthesis or the end. */
  #all(): Filter {
    const of = [this.#one()];
    for (;;) {
      this.#space();
      const keyword = keywordOf(this.#word());
      const next = this.#next();
      if (next === undefined || next === ")" || keyword === "or") return joined("all", of);
      if (keyword === "and") this.#at += 3;
      of.push(this.#one());
    }
  }

  /** One condition, with what negates it. */
  #one(): Filter {
    this.#space();
    const next = this.#next();
    if (next === undefined) throw this.#wrong({ kind: "end" });
    if (next === ")") {
      throw this.#wrong(
        this.#open === 0 ? { kind: "closedParenthesis" } : { kind: "noCondition", before: ")" },
      );
    }
    if (next === "(") return this.#group();
    if (next === "-") {
      this.#deeper();
      this.#at++;
      const negated = this.#next();
      if (negated === undefined || isSpace(negated) || negated === ")") {
        throw this.#wrong({ kind: "nothingNegated" });
      }
      return this.#negated();
    }
    if (next === '"') {
      const position = this.#at;
      const pattern = this.#quotes("");
      if (isEmpty(pattern)) throw new Wrong(position, { kind: "emptyQuotes" });
      return { is: "word", pattern };
    }
    const keyword = keywordOf(this.#word());
    if (keyword === "not") {
      this.#deeper();
      this.#at += 3;
      return this.#negated();
    }
    if (keyword) throw this.#wrong({ kind: "noCondition", before: keyword });
    return this.#condition();
  }

  #deeper(): void {
    if (this.#depth++ === DEEPEST) throw this.#wrong({ kind: "tooDeep" });
  }

  #negated(): Filter {
    const of = this.#one();
    this.#depth--;
    return { is: "not", of };
  }

  #group(): Filter {
    const start = this.#at;
    this.#deeper();
    this.#open++;
    this.#at++;
    const filter = this.#any();
    if (this.#next() === undefined) throw new Wrong(start, { kind: "openParenthesis" });
    this.#at++;
    this.#open--;
    this.#depth--;
    return filter;
  }

  /** A word that is a flag, a field with its value, or just a word. */
  #condition(): Filter {
    const word = this.#word();
    const compared = splitField(word);
    if (compared) return this.#compared(compared.name, compared.sign);
    const pattern = this.#bare("");
    const flag = named(FLAGS, word);
    return flag ? { is: "flag", flag } : { is: "word", pattern };
  }

  #compared(name: string, sign: Sign): Filter {
    if (name === "") throw this.#wrong({ kind: "noField", sign });
    const field = named(FIELDS, name);
    if (!field) {
      const flag = named(FLAGS, name);
      throw this.#wrong(
        flag ? { kind: "noComparison", flag } : { kind: "unknownField", name, meant: meant(name) },
      );
    }
    this.#at += name.length;
    const comparison = sign === "=" ? ":" : sign;
    if (!knows(field, comparison)) throw this.#wrong({ kind: "comparison", field, sign });
    this.#at += sign.length;
    const after = `${field}${sign}`;
    switch (field) {
      case "tag": {
        const tag = this.#value(after, "=");
        if (this.#next() !== "=") return { is: "tag", name: tag, value: undefined };
        this.#at++;
        return { is: "tag", name: tag, value: this.#value(`tag:${said(tag)}=`, "") };
      }
      case "age":
        return { is: field, comparison, value: this.#read(after, ageOf, "age") };
      case "sev":
        return { is: field, comparison, value: this.#read(after, severityOf, "severity") };
      case "u":
        return { is: field, comparison, value: this.#read(after, numberOf, "unit") };
      default:
        return { is: field, pattern: this.#value(after, "") };
    }
  }

  /** A value that is more than a text. */
  #read(
    after: string,
    meaning: (text: string) => number | undefined,
    kind: "age" | "severity" | "unit",
  ): number {
    const position = this.#at;
    const pattern = this.#value(after, "");
    const value = pattern.pieces.length === 1 ? meaning(pattern.pieces[0] ?? "") : undefined;
    if (value === undefined) throw new Wrong(position, { kind, text: said(pattern) });
    return value;
  }

  /** What a field is compared with; it may end before a character of `ends`. */
  #value(after: string, ends: string): Pattern {
    if (this.#next() === '"') return this.#quotes(ends);
    const pattern = this.#bare(ends);
    if (isEmpty(pattern)) throw this.#wrong({ kind: "noValue", after });
    return pattern;
  }

  #bare(ends: string): Pattern {
    const draft = new Draft();
    for (let c = this.#next(); c !== undefined && !endsWord(c) && !ends.includes(c); c = this.#next()) {
      if (c === "*") draft.gap();
      else draft.push(c);
      this.#at++;
    }
    if (this.#next() === '"') throw this.#wrong({ kind: "crowded" });
    return draft.finish();
  }

  /** What stands between quotes. Behind them comes a space, a parenthesis, the end, or a character of `ends`. */
  #quotes(ends: string): Pattern {
    const start = this.#at;
    const draft = new Draft();
    for (;;) {
      this.#at++;
      const c = this.#next();
      if (c === '"') break;
      if (c === "\\") {
        const escaped = this.#text[this.#at + 1];
        if (escaped === undefined) throw new Wrong(start, { kind: "openQuote" });
        if (!'"\\*'.includes(escaped)) throw this.#wrong({ kind: "escape", character: escaped });
        draft.push(escaped);
        this.#at++;
      } else if (c === undefined) throw new Wrong(start, { kind: "openQuote" });
      else if (c === "*") draft.gap();
      else draft.push(c);
    }
    this.#at++;
    const next = this.#next();
    const fits = next === undefined || isSpace(next) || next === "(" || next === ")" || ends.includes(next);
    if (!fits) throw this.#wrong({ kind: "crowded" });
    return draft.finish();
  }
}

function joined(is: "all" | "any", of: readonly Filter[]): Filter {
  const [first, ...others] = of;
  return first && others.length === 0 ? first : { is, of };
}

/** By number, or by any beginning of the name: no two have the same first letter. */
function severityOf(text: string): number | undefined {
  const lower = lowerAscii(text);
  const found = SEVERITY_NAMES.findIndex((name, i) => name.startsWith(lower) || String(i) === lower);
  return lower === "" || found < 0 ? undefined : found;
}

/** Up to nine digits: more than anybody needs, and what both twins can calculate with. */
function numberOf(text: string): number | undefined {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}

function ageOf(text: string): number | undefined {
  const time = TIMES.find(([letter]) => letter === lowerAscii(text.slice(-1)));
  const count = numberOf(text.slice(0, -1));
  return time && count !== undefined ? count * time[1] : undefined;
}

/** The field that somebody meant: one begins with the other, or at most half of the letters are wrong. */
function meant(word: string): Field | undefined {
  const name = lowerAscii(word);
  let best: Field | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const field of FIELDS) {
    const [short, long] = name.length < field.length ? [name, field] : [field, name];
    const far = short.length > 1 && long.startsWith(short) ? 1 : distance(name, field);
    if (far < least) [best, least] = [field, far];
  }
  return least <= 2 && 2 * least <= name.length ? best : undefined;
}

/** How many letters must be put in, left out, changed or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cell = (list: number[], index: number) => list[index] ?? 0;
      const changed = cell(last, j - 1) + Number(a[i - 1] !== b[j - 1]);
      let least = Math.min(cell(last, j) + 1, cell(row, j - 1) + 1, changed);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, cell(before, j - 2) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}

// Printing.

/** Without quotes and escapes, for messages. */
const said = ({ pieces }: Pattern) => pieces.join("*");

function written(pattern: Pattern, isPlain: (text: string) => boolean): string {
  const bare = said(pattern);
  if (isPlain(bare) && !pattern.pieces.some((piece) => piece.includes("*"))) return bare;
  return `"${pattern.pieces.map((piece) => piece.replace(/[\\"*]/g, "\\$&")).join("*")}"`;
}

/** The shortest form that reads back as the same; only severities may be longer than they were written. */
export function printFilter(filter: Filter | undefined): string {
  if (filter === undefined) return "";
  switch (filter.is) {
    case "all":
    case "any":
      return filter.of
        .map((part) => {
          const loose = part.is === "any" || (part.is === "all" && filter.is === "all");
          return loose ? `(${printFilter(part)})` : printFilter(part);
        })
        .join(filter.is === "all" ? " " : " or ");
    case "not": {
      const loose = filter.of.is === "any" || filter.of.is === "all";
      return loose ? `-(${printFilter(filter.of)})` : `-${printFilter(filter.of)}`;
    }
    case "word":
      return written(filter.pattern, isPlainWord);
    case "tag": {
      const name = `tag:${written(filter.name, isPlainTag)}`;
      return filter.value ? `${name}=${written(filter.value, isPlainValue)}` : name;
    }
    case "sev":
      return `sev${filter.comparison}${SEVERITY_NAMES[filter.value]}`;
    case "u":
      return `u${filter.comparison}${filter.value}`;
    case "age": {
      const { comparison, value } = filter;
      const [letter, length] = TIMES.find(([, time]) => value >= time && value % time === 0) ?? ["s", 1];
      return `age${comparison}${value / length}${letter}`;
    }
    case "flag":
      return filter.flag;
    default:
      return `${filter.is}:${written(filter.pattern, isPlainValue)}`;
  }
}

// Judging.

/** What events are judged against, beside themselves. */
export interface Scene {
  readonly floor: Floor;
  /** Places that have a note, as notes name them. */
  readonly noted: ReadonlySet<string>;
  /** The server's now in milliseconds. */
  readonly now: number;
}

export function passes(filter: Filter | undefined, event: HeatEvent, scene: Scene): boolean {
  return filter === undefined || fulfils(filter, event, spotOf(scene.floor, event), scene);
}

function fulfils(filter: Filter, event: HeatEvent, spot: Spot, scene: Scene): boolean {
  switch (filter.is) {
    case "all":
      return filter.of.every((part) => fulfils(part, event, spot, scene));
    case "any":
      return filter.of.some((part) => fulfils(part, event, spot, scene));
    case "not":
      return !fulfils(filter.of, event, spot, scene);
    case "word": {
      const texts = [event.host, event.name, event.text, spot.device?.name, event.ticket?.key];
      return texts.some((text) => text !== undefined && isIn(filter.pattern, text));
    }
    case "tag": {
      const { name, value } = filter;
      return (event.tags ?? []).some(
        (tag) => isAll(name, tag.tag) && (!value || isAll(value, tag.value ?? "")),
      );
    }
    case "sev":
      return compares(filter.comparison, event.severity, filter.value);
    case "u":
      return (spot.device?.seats ?? []).some(
        (seat) => seat.rack === event.rack_id && reaches(filter.comparison, seat, filter.value),
      );
    case "age":
      return compares(filter.comparison, secondsOld(event, scene.now), filter.value);
    case "flag":
      return has(filter.flag, event, spot, scene);
    case "name":
      return isIn(filter.pattern, event.name);
    default:
      return textsOf(filter.is, event, spot).some(
        (text) => text !== undefined && isAll(filter.pattern, text),
      );
  }
}

function textsOf(text: Exclude<Text, "name">, event: HeatEvent, spot: Spot): (string | undefined)[] {
  switch (text) {
    case "dc":
      return (spot.rack?.row?.locations ?? []).map(({ name }) => name);
    case "row":
      return [spot.rack?.row?.name];
    case "rack":
      return [spot.rack?.name];
    case "device":
      return [spot.device?.name];
    case "host":
      return [event.host ?? ""];
    case "src":
      return [event.source];
    case "ticket":
      return [event.ticket?.key || undefined];
  }
}

function has(flag: Flag, event: HeatEvent, spot: Spot, { noted, now }: Scene): boolean {
  switch (flag) {
    case "ack":
      return event.acknowledged !== undefined;
    case "comment":
      return (event.comment_count ?? 0) > 0;
    case "dependent":
    case "suppressed":
      return event[flag] ?? false;
    case "handled":
    case "incident":
    case "ticket":
    case "unplaced":
      return event[flag] !== undefined;
    case "new":
      return freshUntil(event) > now;
    case "note":
      return noted.size > 0 && placesOf(event, spot).some((place) => noted.has(place));
  }
}

function compares(comparison: Comparison, left: number, right: number): boolean {
  switch (comparison) {
    case ":":
      return left === right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
  }
}

/** Whether some unit of a seat compares so. */
function reaches(comparison: Comparison, seat: { lowest: number; highest: number }, unit: number): boolean {
  if (comparison === ":") return seat.lowest <= unit && unit <= seat.highest;
  return compares(comparison, comparison.startsWith("<") ? seat.lowest : seat.highest, unit);
}

const secondsOld = (event: HeatEvent, now: number) => Math.max(0, Math.floor((now - at(event.since)) / 1000));

/** Whether the pattern is all of a text. */
function isAll({ lower }: Pattern, text: string): boolean {
  const whole = text.toLowerCase();
  if (lower.length === 1) return lower[0] === whole;
  const [first, last] = [lower[0] ?? "", lower.at(-1) ?? ""];
  const fits = whole.length >= first.length + last.length && whole.startsWith(first) && whole.endsWith(last);
  return fits && follow(whole.slice(first.length, whole.length - last.length), lower.slice(1, -1));
}

/** Whether the pattern is a part of a text. */
function isIn({ lower }: Pattern, text: string): boolean {
  return follow(text.toLowerCase(), lower);
}

/** Whether the pieces come one after the other. Taking each as early as it comes loses nothing. */
function follow(text: string, pieces: readonly string[]): boolean {
  let from = 0;
  for (const piece of pieces) {
    const found = text.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return true;
}

/** Tells for an event when, after `now`, time alone may change whether it passes; undefined if time changes nothing. */
export function turnsOf(filter: Filter | undefined): ((event: HeatEvent, now: number) => number) | undefined {
  const ages: number[] = [];
  let asksForNew = false;
  const walk = (part: Filter): void => {
    if (part.is === "all" || part.is === "any") part.of.forEach(walk);
    else if (part.is === "not") walk(part.of);
    else if (part.is === "flag") asksForNew ||= part.flag === "new";
    // A second is full when it is over: `>` and `<=` turn one later.
    else if (part.is === "age") {
      ages.push(1000 * (part.value + Number(part.comparison === ">" || part.comparison === "<=")));
    }
  };
  if (filter) walk(filter);
  if (ages.length === 0 && !asksForNew) return undefined;
  return (event, now) => {
    const since = at(event.since);
    const turns = ages.map((age) => since + age);
    if (asksForNew) turns.push(freshUntil(event));
    return Math.min(Number.POSITIVE_INFINITY, ...turns.filter((turn) => turn > now));
  };
}

/** Whether a filter is nothing but words, and so may as well be a name. */
export function isWords(filter: Filter | undefined): boolean {
  return filter?.is === "word" || (filter?.is === "all" && filter.of.every(isWords));
}

// The counters of the page: a choice of severities inside a filter.

/** The severities of a part that is nothing but a choice of some, as bits; 0: it is something else. */
function choiceOf(filter: Filter): number {
  if (filter.is === "sev" && filter.comparison === ":") return 1 << filter.value;
  if (filter.is !== "any") return 0;
  const bits = filter.of.map(choiceOf);
  return bits.includes(0) ? 0 : bits.reduce((all, bit) => all | bit, 0);
}

function partsOf(filter: Filter | undefined): readonly Filter[] {
  if (filter === undefined) return [];
  return filter.is === "all" ? filter.of : [filter];
}

/** Which severities a filter chooses, as bits; 0: it leaves them all. */
export function chosenSeverities(filter: Filter | undefined): number {
  return partsOf(filter).map(choiceOf).find(Boolean) ?? 0;
}

/** The filter with another choice of severities. */
export function chooseSeverities(filter: Filter | undefined, bits: number): Filter | undefined {
  const chosen = SEVERITIES.filter((severity) => bits & (1 << severity)).map((value: Severity): Filter => ({
    is: "sev",
    comparison: ":",
    value,
  }));
  const choice = chosen.length === 0 ? [] : [joined("any", chosen)];
  const parts = partsOf(filter);
  const index = parts.findIndex((part) => choiceOf(part) !== 0);
  const others =
    index < 0 ? [...parts, ...choice] : [...parts.slice(0, index), ...choice, ...parts.slice(index + 1)];
  return others.length === 0 ? undefined : joined("all", others);
}
