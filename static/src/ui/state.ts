/**
 * The page's state: what the worker said last, the view (which is the URL), and taste (local storage). One object,
 * replaced as a whole; components read it and ask for changes by the functions below.
 */
import { useEffect, useState } from "preact/hooks";
import type { Answers, Detail, Frame, FromWorker, Tick, ToWorker, Watched } from "../api/protocol.ts";
import type { Me, Templates } from "../core/model.ts";
import { PALETTES, type PaletteName } from "../core/palette.ts";
import type { Plan } from "../core/plan.ts";
import { readView, type View, writeView } from "../core/url.ts";
import { type Language, preferred, WORDS } from "./words/index.ts";

/** Dark unless somebody asks for light: a screen at night must not shine because of an office's desktop setting. */
export const THEMES = ["dark", "light"] as const;
export type Theme = (typeof THEMES)[number];

export interface Taste {
  readonly language: Language;
  readonly theme: Theme;
  readonly palette: PaletteName;
}

export interface State {
  readonly view: View;
  readonly taste: Taste;
  readonly plan?: Plan;
  readonly frame?: Frame;
  readonly detail?: Detail;
  readonly me?: Me;
  readonly tick: Tick;
  /** When the tick came, by this page's monotonic clock. */
  readonly tickedAt: number;
  /** The page's own monotonic now, renewed each second. */
  readonly beat: number;
  readonly found?: Answers;
  readonly helpOpen: boolean;
  /** The ticket dialog is open: to ask for a ticket, or on the ticket of this id. */
  readonly ticketing?: "new" | number;
  readonly templatesOpen: boolean;
  /** What was last heard of the templates and the tracker. */
  readonly templates?: Templates;
  /** Why the last look at them failed. */
  readonly templatesTrouble?: string | undefined;
  /** Rack index or device id that has the keyboard's attention on the map. */
  readonly cursor?: number;
}

function stored<T extends string>(name: string, allowed: readonly T[]): T | undefined {
  try {
    const value = localStorage.getItem(`heat.${name}`) as T | null;
    return value !== null && allowed.includes(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

let state: State = {
  view: readView(location.search),
  taste: {
    language: stored("language", Object.keys(WORDS) as Language[]) ?? preferred(navigator.languages),
    theme: stored("theme", THEMES) ?? "dark",
    palette: stored("palette", Object.keys(PALETTES) as PaletteName[]) ?? "heat",
  },
  tick: { now: undefined, line: "connecting" },
  tickedAt: performance.now(),
  beat: performance.now(),
  helpOpen: false,
  templatesOpen: false,
};

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

function tell(message: ToWorker): void {
  worker?.postMessage(message);
}

function watchedOf({ view, ticketing, templatesOpen }: State): Watched {
  return {
    ...(view.rack === undefined ? {} : { rack: view.rack }),
    ...(view.selection ? { selection: view.selection } : {}),
    ...(view.dc ? { dc: view.dc } : {}),
    ...(view.event ? { event: view.event } : {}),
    ...(view.filter ? { filter: view.filter } : {}),
    ...(ticketing !== undefined || templatesOpen ? { ticketing: true } : {}),
  };
}

function watch(): void {
  tell({ type: "watch", watched: watchedOf(state) });
}

/** Goes to another view. The address follows, so that Back returns. */
export function go(view: View): void {
  const address = location.pathname + writeView(view);
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
  if (view.rack !== state.view.rack || view.dc !== state.view.dc) {
    const { cursor: _, ...rest } = state;
    state = rest;
  }
  change({ view });
  watch();
}

/** Changes a part of the view. */
export function turn(part: Partial<View>): void {
  go({ ...state.view, ...part });
}

/** Shows what a filter means; `""` shows everything. */
export function filterBy(text: string): void {
  const { filter: _, ...rest } = state.view;
  go(text === "" ? rest : { ...rest, filter: text });
}

/** The events that a ticket on the selection is about; undefined until the worker has told of this selection. */
export function ticketable(heat: State): Detail["ticketable"] {
  const { detail } = heat;
  return JSON.stringify(detail?.watched) === JSON.stringify(watchedOf(heat)) ? detail?.ticketable : undefined;
}

/** Whether the operator may do something about what is seen. */
export function mayAct({ me }: State): boolean {
  return me !== undefined && me.role !== "viewer";
}

/** Opens the dialog for a ticket on the selection, or on the ticket of this id. */
export function openTicket(ticketing: "new" | number): void {
  change({ ticketing });
  watch();
}

export function closeTicket(): void {
  const { ticketing: _, ...rest } = state;
  state = rest;
  change({});
  watch();
}

export function showTemplates(templatesOpen: boolean): void {
  change({ templatesOpen });
  watch();
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
    localStorage.setItem("heat.language", next.language);
    localStorage.setItem("heat.theme", next.theme);
    localStorage.setItem("heat.palette", next.palette);
  } catch {
    // A browser without storage forgets the taste, nothing else.
  }
  dress(next);
  change({ taste: next });
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

/** Starts the worker and follows the address. */
export function start(): void {
  dress(state.taste);
  worker = new Worker(new URL("../api/worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    switch (data.type) {
      case "tick":
        change({ tick: data.tick, tickedAt: performance.now(), beat: performance.now() });
        break;
      case "plan":
        change({ plan: data.plan });
        break;
      case "picture":
        change({ detail: data.detail, ...(data.frame ? { frame: data.frame } : {}) });
        break;
      case "me":
        change({ me: data.me });
        break;
      case "found":
        change({ found: data });
        break;
    }
  };
  watch();
  // A worker that hangs must not stop the page from counting how old its picture is.
  setInterval(() => {
    if (performance.now() - state.beat > 1500) change({ beat: performance.now() });
  }, 1000);
  addEventListener("popstate", () => {
    // What a dialog is about is left behind.
    const { ticketing: _, ...rest } = state;
    state = { ...rest, templatesOpen: false };
    change({ view: readView(location.search) });
    watch();
  });
  addEventListener("online", reconnect);
}
