/**
 * The page's state: what the worker said last, the view (which is the URL), and taste (local storage). One object,
 * replaced as a whole; components read it and ask for changes by the functions below.
 */
import { useEffect, useState } from "preact/hooks";
import type {
  Act,
  Answers,
  Detail,
  Frame,
  FromWorker,
  Limit,
  PlaceName,
  Ring,
  Stage,
  Steps,
  Tick,
  ToWorker,
  Watched,
} from "../api/protocol.ts";
import type { Me, Note, Templates } from "../core/model.ts";
import { PALETTES, type PaletteName } from "../core/palette.ts";
import type { Plan } from "../core/plan.ts";
import { WORST_FIRST } from "../core/list.ts";
import { readPicked, readView, type View, without, writeView } from "../core/url.ts";
import { LANGUAGES, load, preferred, type Words } from "./words/index.ts";

/** Dark unless somebody asks for light: a screen at night must not shine because of an office's desktop setting. */
export const THEMES = ["dark", "light"] as const;
export const ZONES = ["site", "browser"] as const;
/** From which severity on something is heard. */
export const SOUNDS = ["off", "2", "3", "4", "5"] as const;
/** Per cent. */
export const VOLUMES = ["10", "30", "60", "100"] as const;
export const YES_NO = ["no", "yes"] as const;

/** What a person likes, and what there is to choose from; the first is the default. */
const CHOICES = {
  language: LANGUAGES,
  theme: THEMES,
  palette: Object.keys(PALETTES) as PaletteName[],
  /** Whose clock times are told by. */
  zone: ZONES,
  sound: SOUNDS,
  /** The sound before it was muted. */
  loud: ["4", ...SOUNDS] as (typeof SOUNDS)[number][],
  volume: ["30", ...VOLUMES] as (typeof VOLUMES)[number][],
  /** Heard again every minute until somebody takes care of it. */
  repeat: YES_NO,
  /** Notifications of the desktop. */
  notify: YES_NO,
} as const;

export type Taste = { readonly [Name in keyof typeof CHOICES]: (typeof CHOICES)[Name][number] };

/** What lies over the page. */
export type Dialog =
  | { readonly kind: "help" | "templates" | "acknowledge" | "comment" | "copy" | "sound" | "views" }
  /** To ask for a ticket, or on the ticket of this id. */
  | { readonly kind: "ticket"; readonly id?: number }
  /** A new note on one of these places, or a note to change. */
  | { readonly kind: "note"; readonly places: readonly PlaceName[]; readonly note?: Note };

export interface State {
  readonly view: View;
  readonly taste: Taste;
  readonly words: Words;
  readonly plan?: Plan;
  readonly frame?: Frame;
  readonly detail?: Detail;
  /** Of the last message, and when the page heard of it. */
  readonly steps?: Steps & { readonly heard: number };
  readonly me?: Me;
  readonly tick: Tick;
  /** When the tick came, by this page's monotonic clock. */
  readonly tickedAt: number;
  /** The page's own monotonic now, renewed each second. */
  readonly beat: number;
  readonly found?: Answers;
  /** What began to need somebody with the last picture. */
  readonly rings?: readonly Ring[];
  readonly dialog?: Dialog | undefined;
  /** What the view in force is called, and why it may show less than it should. */
  readonly savedView?: { readonly name?: string; readonly wrong?: string } | undefined;
  /** What was last heard of the templates and the tracker. */
  readonly templates?: Templates;
  /** Why the last look at them failed. */
  readonly templatesTrouble?: string | undefined;
  /** Rack index or device id that has the keyboard's attention on the map. */
  readonly cursor?: number | undefined;
  /** Ids of the openings that were picked one by one, in the list or on the map. */
  readonly picked: ReadonlySet<string>;
  /** Which part of the list is in sight. */
  readonly window: { readonly from: number; readonly count: number };
}

function readTaste(): Taste {
  const taste: Record<string, string | undefined> = {};
  for (const [name, allowed] of Object.entries<readonly string[]>(CHOICES)) {
    let value: string | null = null;
    try {
      value = localStorage.getItem(`heat.${name}`);
    } catch {
      // A browser without storage: the defaults.
    }
    const usual = name === "language" ? preferred(navigator.languages) : allowed[0];
    taste[name] = value !== null && allowed.includes(value) ? value : usual;
  }
  return taste as Taste;
}

let state: State;

const listeners = new Set<() => void>();

export function current(): State {
  return state;
}

export function change(part: Partial<State>): void {
  state = { ...state, ...part };
  for (const listener of listeners) listener();
}

export function useHeat(): State {
  const [seen, see] = useState(state);
  useEffect(() => {
    const listener = () => see(state);
    listeners.add(listener);
    listener();
    return () => void listeners.delete(listener);
  }, []);
  return seen;
}

let worker: Worker | undefined;

function tell(message: ToWorker, transfer: Transferable[] = []): void {
  worker?.postMessage(message, transfer);
}

/** Hands a canvas to the worker for good, which draws the map on it. */
export function drawOn(element: HTMLCanvasElement): void {
  // A browser of before 2023 has all but the map.
  const canvas = element.transferControlToOffscreen?.();
  if (canvas) tell({ type: "canvas", canvas }, [canvas]);
}

/** Where and how the map is drawn from now on. */
export function drawSo(stage: Stage): void {
  tell({ type: "stage", stage });
}

/** What each dialog wants to know the events of. */
const ACTS: Partial<Record<Dialog["kind"], Act>> = {
  ticket: "ticket",
  templates: "ticket",
  acknowledge: "acknowledge",
  comment: "comment",
  copy: "comment",
};

function watchedOf({ view, dialog, picked, window }: State): Watched {
  const { rack, selection, dc, row, event, filter, list, sort, all } = view;
  const acting = dialog && ACTS[dialog.kind];
  return {
    ...(rack === undefined ? {} : { rack }),
    ...(selection ? { selection } : {}),
    ...(dc ? { dc } : {}),
    ...(row === undefined ? {} : { row }),
    ...(event ? { event } : {}),
    ...(filter ? { filter } : {}),
    ...(acting ? { acting } : {}),
    ...(picked.size > 0 ? { picked: [...picked] } : {}),
    ...(list ? { list: { sort: sort ?? WORST_FIRST, all: all ?? false, ...window } } : {}),
  };
}

function watch(): void {
  tell({ type: "watch", watched: watchedOf(state) });
}

/** Lets the address say what is looked at and what was picked. */
function follow(how: "pushState" | "replaceState"): void {
  const address = location.pathname + writeView(state.view, state.picked);
  if (address !== location.pathname + location.search) history[how](null, "", address);
}

/** Goes to another view. The address follows, so that Back returns. */
export function go(view: View): void {
  // Devices are counted anew in each rack.
  change({ view, ...(view.rack === state.view.rack ? {} : { cursor: undefined }) });
  follow("pushState");
  watch();
}

/** Shows another view than the address says: what a wall does by itself is no place to return to. */
export function show(view: View): void {
  change({ view, cursor: undefined });
  watch();
}

/** Changes a part of the view. */
export function turn(part: Partial<View>): void {
  go({ ...state.view, ...part });
}

/** Takes parts of the view away. */
export function drop(
  ...parts: Parameters<typeof without> extends [View, ...infer Parts] ? Parts : never
): void {
  go(without(state.view, ...parts));
}

/** Shows what a filter means; `""` shows everything. */
export function filterBy(text: string): void {
  if (text === "") drop("filter");
  else turn({ filter: text });
}

/** The events that the open dialog is about; undefined until the worker has told of this selection. */
export function aboutOf(heat: State): Detail["about"] {
  const { detail } = heat;
  return JSON.stringify(detail?.watched) === JSON.stringify(watchedOf(heat)) ? detail?.about : undefined;
}

/** Whether the operator may do something about what is seen. */
export function mayAct({ me }: State): boolean {
  return me !== undefined && me.role !== "viewer";
}

export function openDialog(dialog: Dialog): void {
  change({ dialog });
  watch();
}

export function closeDialog(): void {
  change({ dialog: undefined });
  watch();
}

/** What one request may be about, by the server's rule. */
const MOST_PICKED = 1000;

/** Picks openings, or drops them when all of them are picked already. */
export function pick(ids: readonly string[]): void {
  const picked = new Set(state.picked);
  const drops = ids.every((id) => picked.has(id));
  for (const id of ids) {
    if (drops) picked.delete(id);
    else if (picked.size < MOST_PICKED) picked.add(id);
  }
  choose(picked);
}

export function pickNothing(): void {
  choose(new Set());
}

/** Back leads to another place, with what was picked on the way: it is no step. */
function choose(picked: ReadonlySet<string>): void {
  change({ picked });
  follow("replaceState");
  watch();
}

/** Picks what somebody must act on in a rack; without one, all of the list. */
export function pickAll(rack?: number): void {
  tell({ type: "pick", ...(rack === undefined ? {} : { rack }) });
}

/** Saves the list, as it is, as a file. */
export function saveList(): void {
  tell({ type: "save" });
}

function save(csv: string): void {
  const href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href, download: "heat.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/** Goes to the next unhandled event, or the one before. */
export function goNext(back: boolean): void {
  tell({ type: "next", back });
}

export function look(from: number, count: number): void {
  if (from === state.window.from && count === state.window.count) return;
  change({ window: { from, count } });
  watch();
}

/** Puts a saved view in force, or none. */
export function limitTo(limit: Limit | undefined): void {
  tell({ type: "limit", limit });
}

/** Holds the picture as it is, or goes on. */
export function freeze(on: boolean): void {
  tell({ type: "freeze", on });
}

/** What is held is held no longer. */
export function thaw(): void {
  if (state.frame?.frozen) freeze(false);
}

export function find(text: string): void {
  tell({ type: "find", text });
}

export function reconnect(): void {
  tell({ type: "reconnect" });
}

export function prefer(taste: Partial<Taste>): void {
  const next = { ...state.taste, ...taste };
  try {
    for (const [name, value] of Object.entries(next)) localStorage.setItem(`heat.${name}`, String(value));
  } catch {
    // A browser without storage forgets the taste, nothing else.
  }
  const dressed = (words: Words) => {
    dress(next);
    change({ taste: next, words });
  };
  if (next.language === state.taste.language) dressed(state.words);
  else void load(next.language).then(dressed);
}

/** What of the taste concerns the document as a whole. */
function dress({ language, theme }: Taste): void {
  document.documentElement.lang = language;
  document.documentElement.dataset.theme = theme;
}

/** The server's now in milliseconds, carried on from the worker's last word. */
export function serverNow({ tick, tickedAt, beat }: State): number | undefined {
  return tick.now === undefined ? undefined : tick.now + Math.max(0, beat - tickedAt);
}

/** The time zone to tell times in; undefined: the browser's. */
export function zoneOf({ me, taste }: State): string | undefined {
  return taste.zone === "site" ? me?.settings.timezone : undefined;
}

/** Starts the worker, fetches the words and follows the address. */
export async function start(): Promise<void> {
  // First, so that its documents are on their way while the page waits for words.
  worker = new Worker(new URL("../api/worker.ts", import.meta.url), { type: "module" });
  // What it says before there are words would be lost without somebody who listens.
  const early: FromWorker[] = [];
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => void early.push(data);
  const taste = readTaste();
  dress(taste);
  const words = await load(taste.language);
  state = {
    view: readView(location.search),
    taste,
    words,
    tick: { now: undefined, line: "connecting" },
    tickedAt: performance.now(),
    beat: performance.now(),
    picked: new Set(readPicked(location.search)),
    window: { from: 0, count: 0 },
  };
  const hear = (data: FromWorker) => {
    switch (data.type) {
      case "tick":
        change({ tick: data.tick, tickedAt: performance.now(), beat: performance.now() });
        break;
      case "plan":
        change({ plan: data.plan });
        break;
      case "picture":
        change({
          ...(data.detail ? { detail: data.detail } : {}),
          ...(data.rings?.length ? { rings: data.rings } : {}),
          ...(data.frame ? { frame: data.frame } : {}),
          ...(data.steps
            ? { steps: { ...data.steps, heard: performance.timeOrigin + performance.now() } }
            : {}),
        });
        break;
      case "me":
        change({ me: data.me });
        break;
      case "found":
        change({ found: data });
        break;
      case "picked":
        pick(data.ids);
        break;
      case "saved":
        save(data.csv);
        break;
      case "next":
        go({
          ...without(state.view, "selection", "rack", "event"),
          ...("rack" in data ? { selection: { kind: "rack", id: data.rack } } : { event: data.event }),
        });
        break;
    }
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => hear(data);
  for (const data of early) hear(data);
  watch();
  // A worker that hangs must not stop the page from counting how old its picture is.
  setInterval(() => {
    if (performance.now() - state.beat > 1500) change({ beat: performance.now() });
  }, 1000);
  addEventListener("popstate", () => {
    // What a dialog is about is left behind.
    change({ view: readView(location.search), dialog: undefined });
    follow("replaceState");
    watch();
  });
  addEventListener("online", reconnect);
}
