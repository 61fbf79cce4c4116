/**
 * From a snapshot to what each rack's cell shows. One pass over the events puts each of them in exactly one place,
 * a cell or the tray; everything on the screen is counted from that one assignment.
 */
import { at, freshness, isMonitor, judgedAt, mayHide } from "./clock.ts";
import { freshUntil, oldBefore, secondsOf } from "./fresh.ts";
import {
  type Coverage,
  type Device,
  type HeatEvent,
  NONE,
  SEVERITIES,
  type Snapshot,
  TRAY_REASONS,
  type TrayReason,
} from "./model.ts";
import type { Site } from "./plan.ts";

/** What a cell shows beside its colour and number; bits. */
export const Mark = {
  /** An unhandled event at or above the map severity is younger than two minutes. */
  fresh: 1,
  /** A rack incident that somebody must act on. */
  incident: 2,
  /** The monitoring of some of its devices is silent. */
  partlySilent: 4,
  /** The monitoring of all of it is silent. */
  silent: 8,
  /** Nobody watches any of it. */
  unwatched: 16,
  suppressed: 32,
  dependent: 64,
  commented: 128,
  ticketed: 256,
  noted: 512,
  /** Nothing in it passes the filter. */
  filteredOut: 1024,
  /** Some of its events were picked. */
  picked: 2048,
  /** A source that watches it may hide problems: its number is a lower bound. */
  atLeast: 4096,
} as const;

/** What all cells show, by rack (or device) index. */
export interface Cells {
  /** Worst unhandled severity at or above the map severity, or `NONE`. */
  readonly fill: Uint8Array;
  /** Worst severity that was taken on by somebody (acknowledged, ticketed, quiet), or `NONE`. */
  readonly hatch: Uint8Array;
  /**
   * Unhandled incidents, and unhandled events outside them, at or above the map severity. Like the colours, of what
   * passes the filter; where nothing does, of all there is.
   */
  readonly count: Uint32Array;
  /** All active events. */
  readonly total: Uint32Array;
  /** Bits of `Mark`. */
  readonly marks: Uint16Array;
}

/** Of one severity, of what is meant: by the filter and the view, whichever severities they choose. */
export interface Counter {
  /** What somebody must act on: an incident once, at its worst, and distinct problems outside incidents. */
  readonly open: number;
  /** Distinct problems, as the source itself counts them. */
  readonly all: number;
}

/** The devices of racks as bars, one rack after the other. */
export interface Bars {
  /** By rack index: where its bars begin; one more at the end. */
  readonly from: Uint32Array;
  /** Lowest and highest unit, from the bottom. */
  readonly low: Uint8Array;
  readonly high: Uint8Array;
  /** Worst unhandled severity, or `NONE`. */
  readonly fill: Uint8Array;
  /** Worst handled severity, or `NONE`. */
  readonly hatch: Uint8Array;
}

/** What somebody must act on in a part of the site, at or above the map severity, counted as in `Counter.open`. */
export interface TabSummary {
  /** The worst severity, or `NONE`. */
  readonly worst: number;
  readonly count: number;
}

/** What stands on no rack. */
export interface Unplaced extends TabSummary {
  /** Distinct problems, as in `Counter.all`. */
  readonly all: number;
}

export interface Rollup {
  /** By event index: the index of its rack, or −1 for the tray. */
  readonly where: Int32Array;
  /** By event index: 1 when it passes the filter; absent without one. */
  readonly passed?: Uint8Array;
  readonly cells: Cells;
  readonly tabs: readonly TabSummary[];
  readonly unplaced: Unplaced;
  /** All of it, and no part of it twice. */
  readonly whole: TabSummary;
  readonly counters: readonly Counter[];
  /** As `Counter.open`, of what passes the filter. */
  readonly waiting: readonly number[];
  /** Unhandled events older than a week. */
  readonly old: number;
  readonly tray: Readonly<Record<TrayReason, number>>;
  /** Some source may hide problems: every count is a lower bound. */
  readonly atLeast: boolean;
  /** When the next cell stops being new, in milliseconds; Infinity: none is. */
  readonly freshUntil: number;
}

export interface RollupSettings {
  /** The server's now in milliseconds. */
  readonly now: number;
  readonly mapSeverity: number;
  /** Whether an event passes the filter; absent: there is none. */
  readonly passes?: (event: HeatEvent) => boolean;
  /** The same, whichever severities it chooses: what the counters count, by which severities are chosen. */
  readonly counts?: (event: HeatEvent) => boolean;
  /** What is meant although nothing happens there: indices of racks, ids of devices. */
  readonly keeps?: { readonly racks: ReadonlySet<number>; readonly devices: ReadonlySet<number> };
  /** Ids of openings that were picked. */
  readonly picked?: ReadonlySet<string>;
}

/** What is older than this was there before anybody began to look. */
const OLD_MS = 7 * 86_400_000;

export function emptyCells(length: number): Cells {
  return {
    fill: new Uint8Array(length).fill(NONE),
    hatch: new Uint8Array(length).fill(NONE),
    count: new Uint32Array(length),
    total: new Uint32Array(length),
    marks: new Uint16Array(length),
  };
}

/** Which problem an opening belongs to: a trigger over several hosts is one problem with several events. */
export function problemOf(event: HeatEvent): string {
  const first = event.id.indexOf(":");
  const second = event.id.indexOf(":", first + 1);
  return second < 0 ? event.id : event.id.slice(0, second);
}

/** Numbers of problems by their names, and the events that were numbered last. */
let names = new Map<string, number>();
let numbered: { readonly events: readonly HeatEvent[]; readonly numbers: Uint32Array } | undefined;

/**
 * By event index: which problem it belongs to, as a number below `names.size` that is the same for the same problem.
 * To tell names apart is dear: an event that was there before keeps its number, found by a walk along both lists.
 */
function problemsOf(events: readonly HeatEvent[]): Uint32Array {
  if (numbered?.events === events) return numbered.numbers;
  // Those that are over must not pile up.
  if (names.size > 2 * events.length + 1000) {
    names = new Map();
    numbered = undefined;
  }
  const numbers = new Uint32Array(events.length);
  const { events: old = [], numbers: known } = numbered ?? {};
  let at = 0;
  events.forEach((event, i) => {
    let other = old[at];
    while (other && other !== event && other.key < event.key) other = old[++at];
    if (other === event) numbers[i] = known?.[at++] ?? 0;
    else {
      const name = problemOf(event);
      const number = names.get(name) ?? names.size;
      names.set(name, number);
      numbers[i] = number;
    }
  });
  numbered = { events, numbers };
  return numbers;
}

/** Whether the event stands for itself in colour: somebody must act on it and it is severe enough. */
export function isPainted(event: HeatEvent, mapSeverity: number): boolean {
  return event.handled === undefined && event.severity >= mapSeverity;
}

/**
 * Adds one event to one cell; true when it is to be counted there. What began before `fresh` is not new. Where something
 * passes the filter, the cell shows that alone; where nothing does, it is dimmed and shows all there is.
 */
function add(
  cells: Cells,
  i: number,
  event: HeatEvent,
  passed: boolean,
  settings: RollupSettings,
  fresh: string,
): boolean {
  cells.total[i] = (cells.total[i] ?? 0) + 1;
  let marks = cells.marks[i] ?? 0;
  if (settings.picked?.has(event.id)) marks |= Mark.picked;
  cells.marks[i] = marks;
  if (!passed && !(marks & Mark.filteredOut)) return false;
  if (event.suppressed) marks |= Mark.suppressed;
  if (event.dependent) marks |= Mark.dependent;
  if (event.comment_count) marks |= Mark.commented;
  if (event.ticket) marks |= Mark.ticketed;
  const painted = isPainted(event, settings.mapSeverity);
  if (painted) {
    const worst = cells.fill[i] ?? NONE;
    if (worst === NONE || event.severity > worst) cells.fill[i] = event.severity;
    if (event.since >= fresh && freshUntil(event) > settings.now) marks |= Mark.fresh;
  } else if (
    event.handled !== undefined &&
    event.handled !== "suppressed" &&
    event.handled !== "dependent" &&
    event.severity >= settings.mapSeverity
  ) {
    const worst = cells.hatch[i] ?? NONE;
    if (worst === NONE || event.severity > worst) cells.hatch[i] = event.severity;
  }
  cells.marks[i] = marks;
  return painted;
}

/** What was last said about the monitoring of all racks: it takes a walk over all devices, and seldom changes. */
let lastWatch: { readonly of: readonly unknown[]; readonly marks: Uint16Array } | undefined;

function watchOf(site: Site, watching: Watching | undefined, snapshot: Snapshot, now: number): Uint16Array {
  const watch = new Watch(watching, snapshot, now);
  const of = [site, watching, watch.speaking, watch.hiding, String(snapshot.no_data)];
  if (!lastWatch || of.some((part, i) => part !== lastWatch?.of[i])) {
    const marks = site.plan.racks.map((_, i) => watch.marks(site.standing[i] ?? [], false));
    lastWatch = { of, marks: Uint16Array.from(marks) };
  }
  return lastWatch.marks;
}

/** Which sources watch each device. Undefined: not known yet. */
export interface Watching {
  /** Device id → bits by the order of `names`. */
  readonly byDevice: ReadonlyMap<number, number>;
  readonly names: readonly string[];
  /** Bits of the sources that watch everything. */
  readonly all: number;
}

export function watchingOf(coverage: Coverage): Watching {
  const sources = coverage.sources ?? [];
  const byDevice = new Map<number, number>();
  let all = 0;
  sources.forEach((source, i) => {
    const bit = 1 << Math.min(i, 30);
    if (source.all) all |= bit;
    for (const id of source.devices ?? []) byDevice.set(id, (byDevice.get(id) ?? 0) | bit);
  });
  return { byDevice, names: sources.map((source) => source.name), all };
}

/** What can be said about the monitoring of some devices. */
class Watch {
  readonly #watching: Watching | undefined;
  readonly #noData: ReadonlySet<number>;
  /** Bits, in the order of the coverage: of the sources that speak, and of those that may hide problems. */
  readonly speaking: number;
  readonly hiding: number;

  constructor(watching: Watching | undefined, snapshot: Snapshot, now: number) {
    this.#watching = watching;
    this.#noData = new Set(snapshot.no_data);
    const judged = judgedAt(now, at(snapshot.generated_at));
    let [speaking, hiding] = [0, 0];
    watching?.names.forEach((name, i) => {
      const bit = 1 << Math.min(i, 30);
      const source = snapshot.sources?.find((one) => one.name === name && isMonitor(one));
      const fresh = source && freshness(source, judged);
      // A source that the snapshot no longer names says nothing.
      if (fresh === "fresh" || fresh === "late") speaking |= bit;
      if (!source || mayHide(source, judged)) hiding |= bit;
    });
    this.speaking = speaking;
    this.hiding = hiding;
  }

  /** Marks of a set of devices; `troubled`: an event proves that somebody watches. */
  marks(devices: readonly Device[], troubled: boolean): number {
    // Not knowing who watches must not look like all is fine.
    if (!this.#watching) return Mark.silent | Mark.atLeast;
    let watched = 0;
    let silent = 0;
    let bound = 0;
    for (const device of devices) {
      const bits = (this.#watching.byDevice.get(device.id) ?? 0) | this.#watching.all;
      if (bits === 0) continue;
      watched++;
      const unheard = this.#noData.has(device.id);
      if (unheard || !(bits & this.speaking)) silent++;
      if (unheard || bits & this.hiding) bound = Mark.atLeast;
    }
    if (watched === 0) return troubled ? 0 : Mark.unwatched;
    if (silent === watched) return Mark.silent | bound;
    return (silent > 0 ? Mark.partlySilent : 0) | bound;
  }
}

/** What is known of a distinct problem; bits. From `PART` on: one more than the part of the site it was met in first. */
const [MEANT, OPEN, WAITS, UNPLACED, PART] = [1, 2, 4, 8, 4];

/** By severity, three times. */
type Counts = [number[], number[], number[]];

/** Room for the severities of a problem. */
const STRIDE = 8;

/** Rolls a snapshot up to the racks of the plan. */
export function rollUp(
  site: Site | undefined,
  watching: Watching | undefined,
  snapshot: Snapshot,
  settings: RollupSettings,
): Rollup {
  const events = snapshot.events ?? [];
  const racks = site?.plan.racks ?? [];
  const cells = emptyCells(racks.length);
  const { passes } = settings;
  const passed = passes && Uint8Array.from(events, (event) => Number(passes(event)));
  if (passed) cells.marks.fill(Mark.filteredOut);
  for (const rack of settings.keeps?.racks ?? []) cells.marks[rack] = 0;
  const where = new Int32Array(events.length).fill(-1);
  events.forEach((event, i) => {
    const rack = event.rack_id === undefined ? undefined : site?.rackOf.get(event.rack_id);
    if (rack === undefined) return;
    where[i] = rack;
    if (passed?.[i] === 1) cells.marks[rack] = 0;
  });
  const tray = Object.fromEntries(TRAY_REASONS.map((reason) => [reason, 0])) as Record<TrayReason, number>;
  /** By distinct problem and severity: whether it is there, is open and waits. */
  const problem = problemsOf(events);
  const problems = new Uint32Array(names.size * STRIDE);
  /** Worst unhandled severity of each incident and of what of it passes the filter, and where it was counted. */
  const incidents = new Map<string, { open: number; waits: number; part: number; racks: number[] }>();
  let old = 0;
  const weekAgo = secondsOf(settings.now - OLD_MS);
  const fresh = oldBefore(settings.now);
  let nextOld = Number.POSITIVE_INFINITY;
  /** The tabs, and last what stands on no rack. */
  const parts = [...(site?.plan.tabs ?? []), undefined].map(() => ({ worst: NONE, count: 0 }));
  /** What was met in yet another part: few, so that it may cost more. */
  const elsewhere = new Set<string>();
  /** By rack index: the index of its tab. */
  const tabOf = racks.map(({ row }) => site?.plan.rows[row]?.tab ?? -1);

  events.forEach((event, i) => {
    const passes = passed?.[i] !== 0;
    const counts = passes || settings.counts?.(event) === true;
    let bits = counts ? MEANT : 0;
    if (event.handled === undefined) {
      if (event.since < weekAgo) old++;
      if (event.incident === undefined) bits |= (counts ? OPEN : 0) | (passes ? WAITS : 0);
      else {
        const worst = incidents.get(event.incident) ?? { open: -1, waits: -1, part: -1, racks: [] };
        if (counts) worst.open = Math.max(worst.open, event.severity);
        if (passes) worst.waits = Math.max(worst.waits, event.severity);
        incidents.set(event.incident, worst);
      }
    }
    const which = (problem[i] ?? 0) * STRIDE + event.severity;
    const before = problems[which] ?? 0;
    const rack = where[i] ?? -1;
    const at = rack < 0 ? parts.length - 1 : (tabOf[rack] ?? -1);
    const part = parts[at];
    if (part && passes && isPainted(event, settings.mapSeverity)) {
      if (part.worst === NONE || event.severity > part.worst) part.worst = event.severity;
      const incident = incidents.get(event.incident ?? "");
      const first = incident ? incident.part : (before >> PART) - 1;
      if (first < 0) {
        if (incident) incident.part = at;
        else bits |= (at + 1) << PART;
        part.count++;
      } else if (first !== at) {
        const thing = `${at} ${event.incident ?? which}`;
        if (!elsewhere.has(thing)) part.count++;
        elsewhere.add(thing);
      }
    }
    if (rack < 0 && passes) {
      bits |= UNPLACED;
      tray[trayReason(event)]++;
    }
    problems[which] = before | bits;
    if (rack < 0) return;
    if (!add(cells, rack, event, passes, settings, fresh)) return;
    if (event.since >= fresh) {
      const until = freshUntil(event);
      if (until > settings.now) nextOld = Math.min(nextOld, until);
    }
    if (event.incident !== undefined) {
      const incident = incidents.get(event.incident);
      if (incident?.racks.includes(rack)) return;
      incident?.racks.push(rack);
      cells.marks[rack] = (cells.marks[rack] ?? 0) | Mark.incident;
    }
    cells.count[rack] = (cells.count[rack] ?? 0) + 1;
  });

  const [all, open, waiting] = [SEVERITIES, SEVERITIES, SEVERITIES].map((of) => of.map(() => 0)) as Counts;
  const count = (of: number[], severity: number) => {
    if (severity >= 0) of[severity] = (of[severity] ?? 0) + 1;
  };
  let unplaced = 0;
  // Most have none of most severities, and a function called for each would take as long as all the rest.
  for (let i = 0; i < problems.length; i++) {
    const bits = problems[i] ?? 0;
    if (bits === 0) continue;
    if (bits & MEANT) count(all, i % STRIDE);
    if (bits & OPEN) count(open, i % STRIDE);
    if (bits & WAITS) count(waiting, i % STRIDE);
    if (bits & UNPLACED) unplaced++;
  }
  for (const incident of incidents.values()) {
    count(open, incident.open);
    count(waiting, incident.waits);
  }

  if (site) {
    const watched = watchOf(site, watching, snapshot, settings.now);
    racks.forEach((_, i) => {
      const marks = watched[i] ?? 0;
      // An event proves that somebody watches.
      const proven = marks === Mark.unwatched && (cells.total[i] ?? 0) > 0;
      cells.marks[i] = (cells.marks[i] ?? 0) | (proven ? 0 : marks);
    });
    for (const note of snapshot.notes ?? []) {
      const [kind, id] = note.place.split(":");
      const on = { rack: site.rackOf, device: site.standsIn }[kind as string];
      const rack = on?.get(Number(id));
      if (rack !== undefined) cells.marks[rack] = (cells.marks[rack] ?? 0) | Mark.noted;
    }
  }

  const judged = judgedAt(settings.now, at(snapshot.generated_at));
  return {
    where,
    ...(passed ? { passed } : {}),
    cells,
    tabs: parts.slice(0, -1),
    unplaced: { worst: NONE, count: 0, ...parts.at(-1), all: unplaced },
    whole: wholeOf(waiting, settings.mapSeverity),
    counters: SEVERITIES.map((severity) => ({
      open: open[severity] ?? 0,
      all: all[severity] ?? 0,
    })),
    waiting,
    old,
    tray,
    atLeast: (snapshot.sources ?? []).some((source) => mayHide(source, judged)),
    freshUntil: nextOld,
  };
}

function wholeOf(waiting: readonly number[], mapSeverity: number): TabSummary {
  const worst = waiting.findLastIndex((count, severity) => count > 0 && severity >= mapSeverity);
  const count = waiting.slice(mapSeverity).reduce((sum, one) => sum + one, 0);
  return { worst: worst < 0 ? NONE : worst, count };
}

/** Why an event of the tray is there. */
export function trayReason(event: HeatEvent): TrayReason {
  return event.unplaced ?? "elsewhere";
}

/** What the devices of one rack show; `devices` names the index of each. */
export function rollUpDevices(
  devices: readonly Device[],
  watching: Watching | undefined,
  snapshot: Snapshot,
  settings: RollupSettings,
): Cells {
  const cells = emptyCells(devices.length);
  const { passes } = settings;
  if (passes) cells.marks.fill(Mark.filteredOut);
  devices.forEach(({ id }, i) => {
    if (settings.keeps?.devices.has(id)) cells.marks[i] = 0;
  });
  const index = new Map(devices.map((device, i) => [device.id, i]));
  const fresh = oldBefore(settings.now);
  const here = (snapshot.events ?? []).flatMap((event) => {
    const i = event.device_id === undefined ? undefined : index.get(event.device_id);
    return i === undefined ? [] : [{ event, i, passed: passes?.(event) ?? true }];
  });
  for (const { i, passed } of here) if (passed) cells.marks[i] = 0;
  for (const { event, i, passed } of here) {
    if (add(cells, i, event, passed, settings, fresh)) cells.count[i] = (cells.count[i] ?? 0) + 1;
  }
  const watch = new Watch(watching, snapshot, settings.now);
  devices.forEach((device, i) => {
    cells.marks[i] = (cells.marks[i] ?? 0) | watch.marks([device], (cells.total[i] ?? 0) > 0);
  });
  return cells;
}

/** The devices of some racks as bars. Where they are is the inventory's; what they show, the snapshot's. */
export function barsOf(
  site: Site,
  racks: ReadonlySet<number>,
  snapshot: Snapshot,
  settings: RollupSettings,
): Bars {
  const from = new Uint32Array(site.plan.racks.length + 1);
  const [low, high]: [number[], number[]] = [[], []];
  /** Device id → its bars; what is inside another shows on its container. */
  const barsOfDevice = new Map<number, number[]>();
  site.plan.racks.forEach((rack, index) => {
    from[index] = low.length;
    if (!racks.has(index)) return;
    for (const device of site.standing[index] ?? []) {
      for (const { rack_id, unit, height } of device.mounts ?? []) {
        if (rack_id !== rack.id || unit === undefined) continue;
        const mine = barsOfDevice.get(device.id) ?? [];
        mine.push(low.length);
        barsOfDevice.set(device.id, mine);
        low.push(unit);
        high.push(Math.min(rack.height, unit + Math.max(1, height ?? 1) - 1));
      }
    }
  });
  from[site.plan.racks.length] = low.length;
  const fill = new Uint8Array(low.length).fill(NONE);
  const hatch = new Uint8Array(low.length).fill(NONE);
  for (const event of snapshot.events ?? []) {
    if (event.severity < settings.mapSeverity || settings.passes?.(event) === false) continue;
    let device = event.device_id === undefined ? undefined : site.devices.get(event.device_id);
    for (let steps = 0; device && !barsOfDevice.has(device.id) && steps < 8; steps++) {
      device = device.container_id === undefined ? undefined : site.devices.get(device.container_id);
    }
    const background = event.handled === "suppressed" || event.handled === "dependent";
    const layer = event.handled === undefined ? fill : background ? undefined : hatch;
    for (const bar of (device && layer && barsOfDevice.get(device.id)) ?? []) {
      const worst = layer?.[bar] ?? NONE;
      if (layer && (worst === NONE || event.severity > worst)) layer[bar] = event.severity;
    }
  }
  return { from, low: Uint8Array.from(low), high: Uint8Array.from(high), fill, hatch };
}
