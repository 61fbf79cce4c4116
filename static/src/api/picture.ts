/**
 * The worker's memory: the last snapshot, the inventory and the coverage it belongs to, and what follows from them.
 * No I/O and no timers, so that tests can drive it.
 */
import { at, freshness, judgedAt } from "../core/clock.ts";
import { type Filter, passes, readFilter, turnsOf } from "../core/filter.ts";
import { type Floor, floorOf, NOWHERE } from "../core/floor.ts";
import { linkOf } from "../core/link.ts";
import type { Coverage, Device, HeatEvent, Inventory, Me, Snapshot } from "../core/model.ts";
import { type Site, siteOf, tabByKey } from "../core/plan.ts";
import {
  isPainted,
  type Rollup,
  rollUp,
  rollUpDevices,
  trayReason,
  type Watching,
  watchingOf,
} from "../core/rollup.ts";
import { find, indexOf, type SearchIndex } from "../core/search.ts";
import { mayHaveTicket, wantsTicket } from "../core/ticket.ts";
import { subject } from "../core/url.ts";
import type { Answers, Detail, Frame, List, Listed, RackDetail, Watched } from "./protocol.ts";

/** Longer lists are cut: nobody reads on, and the page must stay quick in a storm. */
const LIST_LIMIT = 100;
/** Devices inside others without an event are drawn up to this many. */
const QUIET_LIMIT = 12;
/** What one ticket may be asked for, by the server's rule. */
const TICKET_LIMIT = 1000;

export class Picture {
  #snapshot: Snapshot | undefined;
  #site: Site | undefined;
  #watching: Watching | undefined;
  #coverageVersion: string | undefined;
  #index: SearchIndex | undefined;
  #rollup: Rollup | undefined;
  #arrivedAt = 0;
  /** Freshness of all sources when the roll-up was made: when it changes, cells do. */
  #mood = "";
  #mapSeverity = 2;
  #locationLevel: number | undefined;
  #watched: Watched = {};
  #filter: Filter | undefined;
  /** Made when the first filter asks for it. */
  #floor: Floor | undefined;
  /** When time alone next changes what passes the filter, in milliseconds. */
  #filterUntil = Number.POSITIVE_INFINITY;

  get site(): Site | undefined {
    return this.#site;
  }

  /** Takes a snapshot; false when it is older than the one at hand. */
  take(snapshot: Snapshot, arrivedAt: number): boolean {
    if (this.#snapshot && snapshot.revision < this.#snapshot.revision) return false;
    this.#snapshot = snapshot;
    this.#arrivedAt = arrivedAt;
    this.#rollup = undefined;
    return true;
  }

  /** Takes the site's settings; true when they change the plan. */
  configure(settings: Me["settings"]): boolean {
    this.#rollup = undefined;
    this.#mapSeverity = settings.map_severity;
    const moved = settings.location_level !== this.#locationLevel;
    this.#locationLevel = settings.location_level;
    if (moved && this.#site) this.takeInventory(this.#site.inventory);
    return moved && this.#site !== undefined;
  }

  takeInventory(inventory: Inventory): void {
    this.#site = siteOf(inventory, this.#locationLevel);
    this.#index = undefined;
    this.#floor = undefined;
    this.#rollup = undefined;
  }

  takeCoverage(coverage: Coverage): void {
    this.#watching = watchingOf(coverage);
    this.#coverageVersion = coverage.version ?? "";
    this.#rollup = undefined;
  }

  /** Which documents the snapshot names that are not here. */
  missing(): { inventory?: string; coverage?: string } {
    const { inventory_version: inventory, coverage_version: coverage } = this.#snapshot ?? {};
    return {
      ...(inventory !== undefined && inventory !== this.#site?.plan.version ? { inventory } : {}),
      ...(coverage !== undefined && coverage !== this.#coverageVersion ? { coverage } : {}),
    };
  }

  watch(watched: Watched): void {
    if (watched.filter !== this.#watched.filter) {
      const reading = readFilter(watched.filter ?? "");
      // One with a mistake hides nothing; the page says what is wrong.
      this.#filter = "mistake" in reading ? undefined : reading.filter;
      this.#rollup = undefined;
    }
    this.#watched = watched;
  }

  /**
   * Whether time alone has changed what cells show: a source went stale, a new event is new no longer, one has come
   * to the age that the filter asks for.
   */
  outdated(now: number): boolean {
    if (!this.#snapshot || !this.#rollup) return this.#snapshot !== undefined;
    const until = Math.min(this.#rollup.freshUntil, this.#filterUntil);
    return now >= until || this.#moodAt(now) !== this.#mood;
  }

  #moodAt(now: number): string {
    const judged = judgedAt(now, at(this.#snapshot?.generated_at));
    return (this.#snapshot?.sources ?? []).map((source) => freshness(source, judged)).join();
  }

  #settings(now: number) {
    const filter = this.#filter;
    return { now, mapSeverity: this.#mapSeverity, ...(filter ? { passes: this.#judge(filter, now) } : {}) };
  }

  /** Judges the events of the snapshot by a filter. */
  #judge(filter: Filter | undefined, now: number): (event: HeatEvent) => boolean {
    if (this.#site) this.#floor ??= floorOf(this.#site.inventory);
    const noted = new Set((this.#snapshot?.notes ?? []).map((note) => note.place));
    const scene = { floor: this.#floor ?? NOWHERE, noted, now };
    return (event) => passes(filter, event, scene);
  }

  /** When time alone next changes what passes the filter. */
  #turn(now: number): number {
    const turn = turnsOf(this.#filter);
    let first = Number.POSITIVE_INFINITY;
    if (turn) for (const event of this.#snapshot?.events ?? []) first = Math.min(first, turn(event, now));
    return first;
  }

  #rolled(now: number): Rollup | undefined {
    if (!this.#snapshot) return undefined;
    if (!this.#rollup || this.outdated(now)) {
      this.#rollup = rollUp(this.#site, this.#watching, this.#snapshot, this.#settings(now));
      this.#mood = this.#moodAt(now);
      this.#filterUntil = this.#turn(now);
    }
    return this.#rollup;
  }

  /** The map at the server's `now`, undefined before the first snapshot. */
  frame(now: number): Frame | undefined {
    const snapshot = this.#snapshot;
    const rollup = this.#rolled(now);
    if (!snapshot || !rollup) return undefined;
    const wanted = snapshot.inventory_version;
    const here = this.#site !== undefined && this.#site.plan.version === wanted;
    return {
      revision: snapshot.revision,
      generatedAt: at(snapshot.generated_at),
      ...(snapshot.templates_version ? { templatesVersion: snapshot.templates_version } : {}),
      sources: snapshot.sources ?? [],
      cells: rollup.cells,
      tabs: rollup.tabs,
      counters: rollup.counters,
      tray: rollup.tray,
      events: snapshot.events?.length ?? 0,
      ...(rollup.passed ? { passed: rollup.passed.reduce((sum, one) => sum + one, 0) } : {}),
      atLeast: rollup.atLeast,
      inventory: here ? "here" : wanted === undefined ? "none" : "coming",
      arrivedAt: this.#arrivedAt,
    };
  }

  /** The details of what the page watches. */
  detail(now: number): Detail {
    const events = this.#snapshot?.events ?? [];
    const rollup = this.#rolled(now);
    const where = rollup?.where ?? new Int32Array();
    const watched = this.#watched;
    const rack = watched.rack === undefined ? undefined : this.#rackDetail(watched.rack, now);
    const selection = subject(watched);
    const incident =
      selection?.kind === "rack"
        ? this.#snapshot?.incidents?.find((one) => one.rack_id === selection.id)
        : undefined;
    const open = watched.event === undefined ? -1 : events.findIndex((event) => event.key === watched.event);
    return {
      watched,
      ...(rack ? { rack } : {}),
      list: this.#list(events, where, rollup?.passed),
      ...(open < 0 ? {} : { event: this.#listed(events[open] as HeatEvent, where[open] ?? -1) }),
      ...(incident ? { incident } : {}),
      cleared: this.#cleared(),
      ...(watched.ticketing ? { ticketable: this.#ticketable(events, where, rollup?.passed) } : {}),
    };
  }

  /** The open event; else those of the selection that belong into a ticket. Without a selection none. */
  #ticketable(events: readonly HeatEvent[], where: Int32Array, passed: Uint8Array | undefined) {
    const { event: key } = this.#watched;
    if (key !== undefined) return events.filter((event) => event.key === key && mayHaveTicket(event));
    if (subject(this.#watched) === undefined) return [];
    const found = this.#found(events, where, passed).map(({ event }) => event);
    return found.filter((event) => mayHaveTicket(event) && wantsTicket(event)).slice(0, TICKET_LIMIT);
  }

  /** What the text of the search box may mean: racks and devices of that name, and how many events pass it. */
  find(text: string, now: number): Answers {
    if (this.#site) this.#index ??= indexOf(this.#site);
    const found = this.#site && this.#index ? find(this.#site, this.#index, text) : [];
    const reading = readFilter(text);
    if ("mistake" in reading) return { text, found };
    const events = this.#snapshot?.events ?? [];
    return { text, found, passed: events.filter(this.#judge(reading.filter, now)).length };
  }

  #listed(event: HeatEvent, rack: number): Listed {
    const template = this.#snapshot?.sources?.find((source) => source.name === event.source)?.link;
    const link = linkOf(template, event.ref);
    return {
      event,
      rack,
      ...(rack < 0 ? { reason: trayReason(event) } : {}),
      ...(link === undefined ? {} : { link }),
    };
  }

  /** Which events the panel lists. */
  #chosen(): (event: HeatEvent, rack: number) => boolean {
    const selection = subject(this.#watched);
    const { dc } = this.#watched;
    switch (selection?.kind) {
      case "tray":
        return (_, rack) => rack < 0;
      case "source":
        return (event) => event.source === selection.name;
      case "device": {
        const inside = this.#inside(selection.id);
        return (event) => event.device_id !== undefined && inside.has(event.device_id);
      }
      case "rack": {
        const index = this.#site?.rackOf.get(selection.id);
        const passing = new Set((this.#site?.passing[index ?? -1] ?? []).map((device) => device.id));
        return (event, rack) =>
          rack === index || (event.device_id !== undefined && passing.has(event.device_id));
      }
      case undefined: {
        const tab = this.#site && tabByKey(this.#site.plan, dc);
        const plan = this.#site?.plan;
        return (event, rack) =>
          isPainted(event, this.#mapSeverity) &&
          (tab === undefined || (rack >= 0 && plan?.rows[plan.racks[rack]?.row ?? -1]?.tab === tab));
      }
    }
  }

  /** A device and everything inside it. */
  #inside(id: number): Set<number> {
    const inside = new Set([id]);
    const home = this.#site?.standsIn.get(id);
    const around = home === undefined ? [] : (this.#site?.standing[home] ?? []);
    for (let before = 0; before < inside.size;) {
      before = inside.size;
      for (const device of around) {
        if (device.container_id !== undefined && inside.has(device.container_id)) inside.add(device.id);
      }
    }
    return inside;
  }

  #found(events: readonly HeatEvent[], where: Int32Array, passed: Uint8Array | undefined) {
    const chosen = this.#chosen();
    const found: { event: HeatEvent; rack: number }[] = [];
    events.forEach((event, i) => {
      const rack = where[i] ?? -1;
      if (passed?.[i] !== 0 && chosen(event, rack)) found.push({ event, rack });
    });
    // Worst unhandled first, then the newest; the order of the document decides between equals.
    return found.sort(
      (a, b) =>
        Number(a.event.handled !== undefined) - Number(b.event.handled !== undefined) ||
        b.event.severity - a.event.severity ||
        (a.event.since < b.event.since ? 1 : a.event.since > b.event.since ? -1 : 0),
    );
  }

  #list(events: readonly HeatEvent[], where: Int32Array, passed: Uint8Array | undefined): List {
    const found = this.#found(events, where, passed);
    return {
      items: found.slice(0, LIST_LIMIT).map(({ event, rack }) => this.#listed(event, rack)),
      total: found.length,
    };
  }

  #cleared() {
    const selection = subject(this.#watched);
    const cleared = this.#snapshot?.cleared ?? [];
    if (selection?.kind === "rack") return cleared.filter((event) => event.rack_id === selection.id);
    if (selection?.kind === "device") return cleared.filter((event) => event.device_id === selection.id);
    return selection === undefined ? cleared.slice(-20) : [];
  }

  #rackDetail(id: number, now: number): RackDetail | undefined {
    const site = this.#site;
    const rack = site?.rackOf.get(id);
    if (!site || rack === undefined || !this.#snapshot) return undefined;
    const source = site.inventory.racks?.find((other) => other.id === id);
    const mountsHere = (device: Device) => (device.mounts ?? []).filter((mount) => mount.rack_id === id);
    const standing = site.standing[rack] ?? [];
    const passing = site.passing[rack] ?? [];
    const troubled = new Set<number | undefined>(
      (this.#snapshot.events ?? []).map((event) => event.device_id),
    );
    let spare = QUIET_LIMIT;
    let quiet = 0;
    const shown = [...standing, ...passing].filter((device) => {
      if (mountsHere(device).length > 0 || troubled.has(device.id) || spare-- > 0) return true;
      quiet++;
      return false;
    });
    return {
      rack,
      ...(source?.comment ? { comment: source.comment } : {}),
      tags: source?.tags ?? [],
      devices: shown.map((device) => {
        const container =
          device.container_id === undefined ? undefined : site.devices.get(device.container_id);
        return {
          id: device.id,
          name: device.name ?? `#${device.id}`,
          ...(device.label ? { label: device.label } : {}),
          ...(device.type ? { type: device.type } : {}),
          ...(device.hw ? { hw: device.hw } : {}),
          mounts: mountsHere(device),
          ...(container ? { inside: container.name ?? `#${container.id}` } : {}),
          elsewhere: passing.includes(device),
        };
      }),
      cells: rollUpDevices(shown, this.#watching, this.#snapshot, this.#settings(now)),
      quiet,
    };
  }
}
