/**
 * The worker's memory: the last snapshot, the inventory and the coverage it belongs to, and what follows from them.
 * No I/O and no timers, so that tests can drive it.
 */
import { at, freshness, judgedAt } from "../core/clock.ts";
import {
  chooseSeverities,
  chosenSeverities,
  type Filter,
  passes,
  readFilter,
  turnsOf,
} from "../core/filter.ts";
import { csvOf } from "../core/csv.ts";
import { type Floor, floorOf, NOWHERE, placesOf, spotOf } from "../core/floor.ts";
import { freshUntil } from "../core/fresh.ts";
import { linkOf } from "../core/link.ts";
import type { Coverage, Device, HeatEvent, Incident, Inventory, Me, Snapshot } from "../core/model.ts";
import { firstOf, isBackground, type Row, sorted } from "../core/list.ts";
import { pathOf, type Site, siteOf, tabByKey } from "../core/plan.ts";
import {
  barsOf,
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
import type {
  Answers,
  Detail,
  Frame,
  Limit,
  List,
  Listed,
  Next,
  Page,
  PlaceName,
  RackDetail,
  Ring,
  Scene,
  Watched,
} from "./protocol.ts";

/** Longer lists are cut: nobody reads on, and the page must stay quick in a storm. */
const LIST_LIMIT = 100;
/** Devices inside others without an event are drawn up to this many. */
const QUIET_LIMIT = 12;
/** What one request may be about, by the server's rule. */
const REQUEST_LIMIT = 1000;
const LONGEST_HOLD_MS = 300_000;
/** From this severity on somebody must come at once. */
const URGENT = 4;
/** What a wall may be held by; more than that and it does not matter by which. */
const URGENT_LIMIT = 1000;
/** So many notes are shown of the whole site. */
const NOTE_LIMIT = 50;

export class Picture {
  #snapshot: Snapshot | undefined;
  #site: Site | undefined;
  #watching: Watching | undefined;
  #coverageVersion: string | undefined;
  #index: SearchIndex | undefined;
  #rollup: Rollup | undefined;
  /** Freshness of all sources when the roll-up was made: when it changes, cells do. */
  #mood = "";
  #mapSeverity = 2;
  #locationLevel: number | undefined;
  #watched: Watched = {};
  #filter: Filter | undefined;
  /** The saved view in force. */
  #limit:
    | {
        filter: Filter | undefined;
        racks: ReadonlySet<number>;
        devices: ReadonlySet<number>;
        placed: boolean;
      }
    | undefined;
  #limitTold: string | undefined;
  /** Made when the first filter asks for it. */
  #floor: Floor | undefined;
  /** When time alone next changes what passes the filter, in milliseconds. */
  #filterUntil = Number.POSITIVE_INFINITY;
  /** The picture is held: since then, with the newest that came meanwhile and how many came. */
  #frozen: { at: number; newest?: Snapshot; newer: number } | undefined;
  /** What somebody had to act on in the picture before: events outside incidents in their order, incidents by key. */
  #rung: { events: readonly HeatEvent[]; incidents: ReadonlyMap<string, number> } | undefined;
  /** The rack that is looked at, and what it was made of. */
  #opened: { of: readonly unknown[]; detail: RackDetail | undefined } | undefined;
  /** The sorted list, and what it was made of. */
  #listed: { of: readonly unknown[]; rows: Row[]; over: number; hidden: number } | undefined;

  get site(): Site | undefined {
    return this.#site;
  }

  /** Takes a snapshot; false when it is older than the one at hand. */
  take(snapshot: Snapshot): boolean {
    if (this.#snapshot && snapshot.revision < this.#snapshot.revision) return false;
    if (this.#frozen) {
      const { newest = this.#snapshot } = this.#frozen;
      if (snapshot.revision !== newest?.revision) this.#frozen.newer++;
      this.#frozen.newest = snapshot;
      return true;
    }
    this.#snapshot = snapshot;
    this.#rollup = undefined;
    return true;
  }

  /** Whether a picture has been held for too long: a screen that was forgotten must not stay behind. */
  heldTooLong(now: number): boolean {
    return this.#frozen !== undefined && now - this.#frozen.at > LONGEST_HOLD_MS;
  }

  /** Holds the picture as it is `now`, or goes on with the newest. */
  freeze(on: boolean, now: number): void {
    const newest = this.#frozen?.newest;
    if (on) this.#frozen ??= { at: now, newer: 0 };
    else this.#frozen = undefined;
    if (newest && !on) this.take(newest);
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
      // What another filter shows is not news.
      this.#rung = undefined;
      this.#rollup = undefined;
    }
    if (String(watched.picked) !== String(this.#watched.picked)) this.#rollup = undefined;
    this.#watched = watched;
  }

  limit(limit: Limit | undefined): void {
    // It is told again and again, and as a rule it is the same.
    const told = JSON.stringify(limit);
    if (told === this.#limitTold) return;
    this.#limitTold = told;
    const reading = readFilter(limit?.filter ?? "");
    const placed = limit?.racks !== undefined || limit?.devices !== undefined;
    const filter = "mistake" in reading ? undefined : reading.filter;
    const [racks, devices] = [new Set(limit?.racks), new Set(limit?.devices)];
    this.#limit = filter || placed ? { filter, racks, devices, placed } : undefined;
    this.#rollup = undefined;
    this.#rung = undefined;
  }

  /** Whether an event passes the filter and the saved view; undefined: there is neither. */
  #passes(now: number, filter: Filter | undefined): ((event: HeatEvent) => boolean) | undefined {
    const limit = this.#limit;
    if (!filter && !limit) return undefined;
    const own = this.#judge(filter, now);
    if (!limit) return own;
    const view = this.#judge(limit.filter, now);
    const { racks, devices, placed } = limit;
    return (event) =>
      own(event) &&
      view(event) &&
      (!placed || racks.has(event.rack_id ?? -1) || devices.has(event.device_id ?? -1));
  }

  /** Of a saved view without a filter: its racks, those its devices stand in, and their devices. */
  #keeps() {
    const [site, limit] = [this.#site, this.#limit];
    if (!site || !limit?.placed || limit.filter || this.#filter) return undefined;
    const racks = new Set([...limit.racks].flatMap((id) => site.rackOf.get(id) ?? []));
    const devices = new Set(limit.devices);
    for (const rack of racks) for (const { id } of site.standing[rack] ?? []) devices.add(id);
    for (const id of limit.devices) {
      const home = site.standsIn.get(id);
      if (home !== undefined) racks.add(home);
    }
    return { racks, devices };
  }

  /**
   * Whether time alone has changed what cells show: a source went stale, a new event is new no longer, one has come
   * to the age that the filter asks for.
   */
  outdated(now: number): boolean {
    if (this.#frozen) return false;
    if (!this.#snapshot || !this.#rollup) return this.#snapshot !== undefined;
    const until = Math.min(this.#rollup.freshUntil, this.#filterUntil);
    return now >= until || this.#moodAt(now) !== this.#mood;
  }

  #moodAt(now: number): string {
    const judged = judgedAt(now, at(this.#snapshot?.generated_at));
    return (this.#snapshot?.sources ?? []).map((source) => freshness(source, judged)).join();
  }

  #settings(now: number) {
    const passes = this.#passes(now, this.#filter);
    // The counters are what severities are chosen by: the choice must not take them away.
    const counts = chosenSeverities(this.#filter)
      ? (this.#passes(now, chooseSeverities(this.#filter, 0)) ?? (() => true))
      : undefined;
    const keeps = this.#keeps();
    const { picked } = this.#watched;
    return {
      now,
      ...(keeps ? { keeps } : {}),
      mapSeverity: this.#mapSeverity,
      ...(passes ? { passes } : {}),
      ...(counts ? { counts } : {}),
      ...(picked ? { picked: new Set(picked) } : {}),
    };
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
    let first = Number.POSITIVE_INFINITY;
    for (const filter of [this.#filter, this.#limit?.filter]) {
      const turn = turnsOf(filter);
      if (turn) for (const event of this.#snapshot?.events ?? []) first = Math.min(first, turn(event, now));
    }
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

  /** What is to be drawn at the server's `now`. */
  scene(time: number): Scene {
    const now = this.#frozen?.at ?? time;
    const { dc, row, rack } = this.#watched;
    return {
      plan: this.#site?.plan,
      dc,
      row,
      zoomed: rack !== undefined,
      rack: this.#rack(now),
      cells: this.#rolled(now)?.cells,
      bars: this.#bars(now),
    };
  }

  /** The map at the server's `now`, undefined before the first snapshot. */
  frame(time: number): Frame | undefined {
    const snapshot = this.#snapshot;
    const frozen = this.#frozen;
    const now = frozen?.at ?? time;
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
      unplaced: rollup.unplaced,
      whole: rollup.whole,
      counters: rollup.counters,
      waiting: rollup.waiting,
      old: rollup.old,
      ...(frozen ? { frozen: { at: frozen.at, newer: frozen.newer } } : {}),
      newestAt: at((frozen?.newest ?? snapshot).generated_at),
      tray: rollup.tray,
      events: snapshot.events?.length ?? 0,
      ...(rollup.passed ? { passed: rollup.passed.reduce((sum, one) => sum + one, 0) } : {}),
      atLeast: rollup.atLeast,
      inventory: here ? "here" : wanted === undefined ? "none" : "coming",
    };
  }

  /** The devices of the tab or row that is looked at. */
  #bars(now: number): Scene["bars"] {
    const racks = this.#scope();
    if (!racks || !this.#site || !this.#snapshot || this.#watched.rack !== undefined) return undefined;
    return barsOf(this.#site, racks, this.#snapshot, this.#settings(now));
  }

  /** Indices of the racks that the overview is limited to; undefined: it is not. */
  #scope(): Set<number> | undefined {
    const { dc, row } = this.#watched;
    const plan = this.#site?.plan;
    const tab = plan && tabByKey(plan, dc);
    const index = plan?.rows.findIndex(({ id }) => id === row) ?? -1;
    // What an address names and the site does not have limits nothing, here as on the map.
    const rows = index < 0 ? plan?.tabs[tab ?? -1]?.rows : [index];
    if (!plan || !rows) return undefined;
    return new Set(rows.flatMap((index) => plan.rows[index]?.slots ?? []).filter((rack) => rack >= 0));
  }

  /** The details of what the page watches. */
  detail(time: number): Detail {
    const now = this.#frozen?.at ?? time;
    const events = this.#snapshot?.events ?? [];
    const rollup = this.#rolled(now);
    const where = rollup?.where ?? new Int32Array();
    const watched = this.#watched;
    const rack = this.#rack(now);
    const selection = subject(watched);
    const incident =
      selection?.kind === "rack"
        ? this.#snapshot?.incidents?.find((one) => one.rack_id === selection.id)
        : undefined;
    const open = watched.event === undefined ? -1 : events.findIndex((event) => event.key === watched.event);
    const places = this.#places(events[open]);
    const page = rollup && this.#page(events, rollup, now);
    return {
      watched,
      urgent: this.#urgent(),
      ...(rack ? { rack } : {}),
      list: this.#list(events, where, rollup?.passed),
      ...(open < 0 ? {} : { event: this.#listedOf(events[open] as HeatEvent, where[open] ?? -1) }),
      ...(incident ? { incident } : {}),
      cleared: this.#cleared(),
      ...(watched.acting ? { about: this.#about(events, where, rollup?.passed) } : {}),
      ...(page ? { page } : {}),
      places,
      notes: this.#notes(places),
    };
  }

  /** What was picked; else the open event; else those of the selection that somebody would act on. */
  #about(events: readonly HeatEvent[], where: Int32Array, passed: Uint8Array | undefined) {
    const { event: key, picked, acting } = this.#watched;
    if (picked) {
      const ids = new Set(picked);
      return events.filter((event) => ids.has(event.id) && mayHaveTicket(event));
    }
    if (key !== undefined) return events.filter((event) => event.key === key && mayHaveTicket(event));
    if (subject(this.#watched) === undefined) return [];
    return this.#found(events, where, passed)
      .sort(worstFirst)
      .map(({ event }) => event)
      .filter(
        (event) =>
          mayHaveTicket(event) &&
          (wantsTicket(event) || (acting !== "ticket" && event.handled === "acknowledged")),
      )
      .slice(0, REQUEST_LIMIT);
  }

  /**
   * Openings of a rack that one would act on; if there are none, all but what something else explains. Without a rack
   * those of the list.
   */
  idsIn(rack: number | undefined, now: number): string[] {
    if (rack === undefined) {
      return (this.#listed?.rows ?? []).filter(({ clearedAt }) => !clearedAt).map(({ event }) => event.id);
    }
    const where = this.#rolled(now)?.where;
    const here = (this.#snapshot?.events ?? []).filter((_, i) => where?.[i] === rack);
    const open = here.filter((event) => event.handled === undefined);
    return (open.length > 0 ? open : here.filter((event) => !isBackground(event))).map(({ id }) => id);
  }

  /** The list as it is shown, all of it. */
  csv(): string {
    return csvOf(this.#listed?.rows ?? [], this.#site, this.#snapshot?.sources ?? []);
  }

  /** The unhandled event or incident after the open one, or before it: by severity, then age. */
  next(back: boolean, now: number): Next | undefined {
    const rollup = this.#rolled(now);
    if (!rollup) return undefined;
    const { rack: _, selection: __, event: key, ...overview } = this.#watched;
    const found = this.#gathered(
      this.#found(this.#snapshot?.events ?? [], rollup.where, rollup.passed, overview),
    ).sort(worstFirst);
    // Whoever looks at one of an incident's events has been at the incident.
    const inside = this.#snapshot?.events?.find((event) => event.key === key)?.incident;
    const selection = key === undefined ? subject(this.#watched) : undefined;
    const at = found.findIndex(({ event, incident }) =>
      incident
        ? incident.key === inside || (selection?.kind === "rack" && selection.id === incident.rack_id)
        : event.key === key,
    );
    const step = back ? -1 : 1;
    const from = at < 0 && back ? 0 : at;
    const next = found[(from + step + found.length) % found.length];
    return next?.incident ? { rack: next.incident.rack_id } : next && { event: next.event.key };
  }

  /** The places around what is looked at, the nearest first. */
  #places(open: HeatEvent | undefined): PlaceName[] {
    const site = this.#site;
    if (!site) return [];
    const floor = (this.#floor ??= floorOf(site.inventory));
    const around = (at: Pick<HeatEvent, "device_id" | "rack_id">) => {
      const event = at as HeatEvent;
      return placesOf(event, spotOf(floor, event));
    };
    const { dc, row } = this.#watched;
    const selection = subject(this.#watched);
    const tab = tabByKey(site.plan, dc);
    const location = tab === undefined ? 0 : (site.plan.tabs[tab]?.location ?? 0);
    const places =
      open !== undefined
        ? around(open)
        : selection?.kind === "rack"
          ? around({ rack_id: selection.id })
          : selection?.kind === "device"
            ? around({
                device_id: selection.id,
                ...rackIdOf(site, site.standsIn.get(selection.id)),
              })
            : selection === undefined
              ? [...(row === undefined ? [] : [`row:${row}`]), ...(location ? [`location:${location}`] : [])]
              : [];
    return places.map((place) => ({ place, name: this.#nameOf(place) }));
  }

  #nameOf(place: string): string {
    const [kind, number] = place.split(":");
    const id = Number(number);
    const site = this.#site;
    const { inventory } = site ?? {};
    const rack = site?.rackOf.get(id);
    const named = {
      device: site?.devices.get(id)?.name,
      rack: site && rack !== undefined ? pathOf(site.plan, rack).slice(-2).join(" / ") : undefined,
      row: inventory?.rows?.find((row) => row.id === id)?.name,
      location: inventory?.locations?.find((location) => location.id === id)?.name,
    }[kind as string];
    return named ?? place;
  }

  /** The notes on some places; of the whole site all. */
  #notes(places: readonly PlaceName[]) {
    const notes = this.#snapshot?.notes ?? [];
    const { dc, row, event } = this.#watched;
    const whole = [subject(this.#watched), dc, row, event].every((part) => part === undefined);
    const here = new Map(places.map(({ place, name }) => [place, name]));
    return notes
      .filter((note) => whole || here.has(note.place))
      .slice(0, NOTE_LIMIT)
      .map((note) => ({ ...note, where: here.get(note.place) ?? this.#nameOf(note.place) }));
  }

  /** The part of the list that is looked at: all that passes, and what has just cleared. */
  #page(events: readonly HeatEvent[], rollup: Rollup, now: number): Page | undefined {
    const wanted = this.#watched.list;
    if (!wanted) return undefined;
    const { sort, all, from, count } = wanted;
    const { dc, row, selection } = this.#watched;
    const of = [
      rollup,
      this.#site,
      sort,
      all,
      dc,
      row,
      selection?.kind,
      (selection as { name?: string })?.name,
    ];
    if (!this.#listed || of.some((part, i) => part !== this.#listed?.of[i])) {
      this.#listed = { of, ...this.#rows(events, rollup, sort, all, now) };
    }
    const { rows, over, hidden } = this.#listed;
    return {
      from,
      total: rows.length,
      over,
      hidden,
      items: rows
        .slice(from, from + count)
        .map(({ event, rack, clearedAt }) => this.#listedOf(event, rack, clearedAt)),
    };
  }

  #rows(events: readonly HeatEvent[], { where, passed }: Rollup, sort: string, all: boolean, now: number) {
    const selection = subject(this.#watched);
    const scope = this.#scope();
    const fits = (event: HeatEvent, rack: number) =>
      selection?.kind === "tray"
        ? rack < 0
        : selection?.kind === "source"
          ? event.source === selection.name
          : !scope || scope.has(rack);
    const rows: Row[] = [];
    let hidden = 0;
    events.forEach((event, i) => {
      const rack = where[i] ?? -1;
      if (passed?.[i] === 0 || !fits(event, rack)) return;
      if (isBackground(event) && !all) hidden++;
      else rows.push({ event, rack });
    });
    const burning = rows.length;
    const passes = this.#passes(now, this.#filter);
    for (const { cleared_at: clearedAt, ...cleared } of this.#snapshot?.cleared ?? []) {
      const event: HeatEvent = cleared;
      const rack = (event.rack_id === undefined ? undefined : this.#site?.rackOf.get(event.rack_id)) ?? -1;
      if (fits(event, rack) && passes?.(event) !== false) rows.push({ event, rack, clearedAt });
    }
    return { over: rows.length - burning, rows: sorted(rows, sort), hidden };
  }

  /** Takes what another filter shows as what was there: it is not news. To be called when the page looks elsewhere. */
  settle(now: number): void {
    if (!this.#rung) this.rings(now);
  }

  /** What somebody must act on that nobody had to in the picture before; nothing in the first one. */
  rings(now: number): Ring[] {
    const rollup = this.#rolled(now);
    if (!rollup) return [];
    const { where, passed } = rollup;
    const plan = this.#site?.plan;
    const before = this.#rung;
    const events: HeatEvent[] = [];
    const incidents = new Map<string, number>();
    const rings: Ring[] = [];
    const ring = (key: string, event: HeatEvent, rack: number) => {
      const tab = plan?.tabs[plan.rows[plan.racks[rack]?.row ?? -1]?.tab ?? -1]?.key;
      const incident = this.#snapshot?.incidents?.find((one) => one.key === event.incident);
      rings.push({
        key,
        name: incident?.reason ?? event.name,
        host: incident && plan ? pathOf(plan, rack).join(" / ") : (event.host ?? ""),
        severity: incident?.worst ?? event.severity,
        ...(tab === undefined ? {} : { tab }),
      });
    };
    const wasThere = before && isIn(before.events);
    this.#snapshot?.events?.forEach((event, i) => {
      // Its name may be another one in a moment.
      if (event.handled !== undefined || passed?.[i] === 0 || event.unplaced === "host_pending") return;
      const rack = where[i] ?? -1;
      const { incident } = event;
      if (incident !== undefined) {
        if (before && !before.incidents.has(incident) && !incidents.has(incident))
          ring(incident, event, rack);
        incidents.set(incident, Math.max(incidents.get(incident) ?? 0, event.severity));
        return;
      }
      events.push(event);
      // One that only came back rang when it came first.
      if (wasThere && !wasThere(event) && freshUntil(event) !== Number.NEGATIVE_INFINITY) {
        ring(event.id, event, rack);
      }
    });
    this.#rung = { events, incidents };
    return rings;
  }

  /** Keys of what somebody must come for at once. */
  #urgent(): string[] {
    const { events = [], incidents = [] } = this.#rung ?? {};
    const keys = [...incidents].flatMap(([key, severity]) => (severity >= URGENT ? [key] : []));
    for (const { id, severity } of events) if (severity >= URGENT) keys.push(id);
    return keys.slice(0, URGENT_LIMIT);
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

  #listedOf(event: HeatEvent, rack: number, clearedAt?: string): Listed {
    const template = this.#snapshot?.sources?.find((source) => source.name === event.source)?.link;
    const link = linkOf(template, event.ref);
    return {
      event,
      rack,
      // Of what has cleared nobody says any more why it had no place.
      ...(clearedAt ? { clearedAt } : rack < 0 ? { reason: trayReason(event) } : {}),
      ...(link === undefined ? {} : { link }),
    };
  }

  /** Which events the panel lists. */
  #chosen(watched: Watched): (event: HeatEvent, rack: number) => boolean {
    const selection = subject(watched);
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
        const scope = this.#scope();
        return (event, rack) => isPainted(event, this.#mapSeverity) && (!scope || scope.has(rack));
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

  #found(
    events: readonly HeatEvent[],
    where: Int32Array,
    passed: Uint8Array | undefined,
    watched = this.#watched,
  ) {
    const chosen = this.#chosen(watched);
    const found: Found[] = [];
    events.forEach((event, i) => {
      const rack = where[i] ?? -1;
      if (passed?.[i] !== 0 && chosen(event, rack)) found.push({ event, rack });
    });
    return found;
  }

  /** Of each incident only its first event, as what stands for it. */
  #gathered(found: readonly Found[]): Found[] {
    const alone: Found[] = [];
    const first = new Map<string, Found>();
    for (const one of found) {
      const { incident } = one.event;
      if (incident === undefined || one.event.handled !== undefined) {
        alone.push(one);
        continue;
      }
      const before = first.get(incident);
      if (!before || worstFirst(one, before) < 0) first.set(incident, one);
    }
    for (const [key, one] of first) {
      const incident = this.#snapshot?.incidents?.find((other) => other.key === key);
      alone.push({ ...one, ...(incident ? { incident } : {}) });
    }
    return alone;
  }

  #list(events: readonly HeatEvent[], where: Int32Array, passed: Uint8Array | undefined): List {
    const found = this.#found(events, where, passed);
    const kind = subject(this.#watched)?.kind;
    const shown = kind === "rack" || kind === "device" ? found : this.#gathered(found);
    return {
      items: firstOf(shown, LIST_LIMIT, worstFirst).map(({ event, rack, incident }) => ({
        ...this.#listedOf(event, rack),
        ...(incident ? { incident } : {}),
      })),
      total: shown.length,
    };
  }

  #cleared() {
    const selection = subject(this.#watched);
    const cleared = this.#snapshot?.cleared ?? [];
    if (selection?.kind === "rack") return cleared.filter((event) => event.rack_id === selection.id);
    if (selection?.kind === "device") return cleared.filter((event) => event.device_id === selection.id);
    return selection === undefined ? cleared.slice(-20) : [];
  }

  /** The rack that is looked at. */
  #rack(now: number): RackDetail | undefined {
    const { rack } = this.#watched;
    if (rack === undefined) return undefined;
    const of = [rack, this.#rolled(now)];
    if (of.some((part, i) => part !== this.#opened?.of[i])) {
      this.#opened = { of, detail: this.#rackDetail(rack, now) };
    }
    return this.#opened?.detail;
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

/** An event that was found, or an incident that it stands for. */
interface Found {
  readonly event: HeatEvent;
  readonly rack: number;
  readonly incident?: Incident;
}

/**
 * Tells whether an opening is in a list, asked in the order of documents (by key, then id): a walk along both is much
 * quicker than to look each of tens of thousands up.
 */
function isIn(list: readonly HeatEvent[]): (event: HeatEvent) => boolean {
  let at = 0;
  return (event) => {
    const { key, id } = event;
    let other = list[at];
    while (other && other !== event && (other.key < key || (other.key === key && other.id < id))) {
      other = list[++at];
    }
    if (other?.id !== id) return false;
    at++;
    return true;
  };
}

/** The worst that nobody handles, then the newest. */
function worstFirst({ event: a }: Found, { event: b }: Found): number {
  return (
    Number(a.handled !== undefined) - Number(b.handled !== undefined) ||
    b.severity - a.severity ||
    (a.since < b.since ? 1 : a.since > b.since ? -1 : a.id < b.id ? -1 : 1)
  );
}

function rackIdOf(site: Site, index: number | undefined): { rack_id?: number } {
  const id = index === undefined ? undefined : site.plan.racks[index]?.id;
  return id === undefined ? {} : { rack_id: id };
}
