/**
 * What the page and its worker say to each other. The worker holds the documents and answers with what is drawn,
 * so that nothing large is ever parsed or walked on the page's own thread.
 */
import type { Cleared, HeatEvent, Incident, Me, Mount, Note, Source, TrayReason } from "../core/model.ts";
import type { Plan } from "../core/plan.ts";
import type { Bars, Cells, Counter, TabSummary, Unplaced } from "../core/rollup.ts";
import type { Found } from "../core/search.ts";
import type { Selection } from "../core/url.ts";

/** What the page looks at; the worker sends the details of that, and again whenever they change. */
export interface Watched {
  /** Rack id of the open elevation. */
  readonly rack?: number;
  readonly selection?: Selection;
  /** Key of the tab the overview is limited to. */
  readonly dc?: string;
  /** Key of the event whose details are open. */
  readonly event?: string;
  /** Id of the row that the overview is limited to. */
  readonly row?: number;
  readonly filter?: string;
  /** Send the events that somebody is about to do something about, too. */
  readonly acting?: Act;
  /** Ids of openings that were picked one by one. */
  readonly picked?: readonly string[];
  /** Which part of the list, sorted by what, is looked at; `all`: with maintenance and dependent ones. */
  readonly list?: {
    readonly sort: string;
    readonly all: boolean;
    readonly from: number;
    readonly count: number;
  };
}

/** What a saved view leaves of the picture: events that its filter means, at its racks and devices if it names some. */
export interface Limit {
  readonly filter: string;
  readonly racks?: readonly number[];
  readonly devices?: readonly number[];
}

/** What one may do about events. */
export type Act = "ticket" | "acknowledge" | "comment";

/** Where and how the map is drawn. */
export interface Stage {
  /** Of the map's area, in CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Pixels of the screen in a CSS pixel. */
  readonly ratio: number;
  /** Read across a room. */
  readonly across: boolean;
  readonly palette: readonly string[];
  readonly words: {
    /** Heads the rows that have no location. */
    readonly nowhere: string;
    readonly front: string;
    readonly rear: string;
    readonly beside: string;
  };
}

export type ToWorker =
  /** The canvas to draw on, for good. */
  | { readonly type: "canvas"; readonly canvas: OffscreenCanvas }
  | { readonly type: "stage"; readonly stage: Stage }
  | { readonly type: "watch"; readonly watched: Watched }
  | { readonly type: "find"; readonly text: string }
  /** Which unhandled event or incident comes after the open one, or before it? Answered by `next`. */
  | { readonly type: "next"; readonly back: boolean }
  /** Which openings of this rack (by index) would one act on? Without one: of the list. Answered by `picked`. */
  | { readonly type: "pick"; readonly rack?: number }
  /** The list, as it is, as CSV. Answered by `saved`. */
  | { readonly type: "save" }
  /** The saved view in force. */
  | { readonly type: "limit"; readonly limit: Limit | undefined }
  /** Hold the picture, or go on with the newest. */
  | { readonly type: "freeze"; readonly on: boolean }
  /** Connect again at once: the network came back, or somebody logged in again. */
  | { readonly type: "reconnect" };

/** An event as lists show it. */
export interface Listed {
  readonly event: HeatEvent;
  /** Index of its rack, −1: the tray. */
  readonly rack: number;
  /** Why it is in the tray. */
  readonly reason?: TrayReason;
  readonly link?: string;
  /** It stands for all of this incident, of which it is the worst event. */
  readonly incident?: Incident;
  /** It is over, since then. */
  readonly clearedAt?: string;
}

/** A place that a note may be on. */
export interface PlaceName {
  /** `rack:5`. */
  readonly place: string;
  readonly name: string;
}

/** The part of the sorted list that is looked at. */
export interface Page extends List {
  readonly from: number;
  /** How many of all have just cleared. */
  readonly over: number;
  /** How many are left out: maintenance and dependent ones. */
  readonly hidden: number;
}

export interface List {
  readonly items: readonly Listed[];
  /** How many there are; `items` may be cut. */
  readonly total: number;
}

export interface RackDevice {
  readonly id: number;
  readonly name: string;
  readonly label?: string;
  readonly type?: string;
  readonly hw?: string;
  /** Its mounts in this rack; none: it is inside `inside`. */
  readonly mounts: readonly Mount[];
  readonly inside?: string;
  /** It is mounted here too, but stands (and is counted) in another rack. */
  readonly elsewhere: boolean;
}

export interface RackDetail {
  /** Index of the rack. */
  readonly rack: number;
  readonly comment?: string;
  readonly tags: readonly string[];
  readonly devices: readonly RackDevice[];
  /** By index of the device. */
  readonly cells: Cells;
  /** Devices inside others that have no event and are left out of the drawing. */
  readonly quiet: number;
}

/** The details of what is watched. */
export interface Detail {
  readonly watched: Watched;
  /** Keys of what somebody must act on anywhere, high or worse. */
  readonly urgent: readonly string[];
  readonly rack?: RackDetail;
  /** Events of the selection; of the tray; without a selection what somebody must act on, worst first. */
  readonly list: List;
  /** The open event, wherever it is; absent once it cleared. */
  readonly event?: Listed;
  /** Of the selected rack. */
  readonly incident?: Incident;
  readonly cleared: readonly Cleared[];
  /** If asked for: what was picked, or is open, or of the selection what somebody should act on; worst first. */
  readonly about?: readonly HeatEvent[];
  /** If asked for. */
  readonly page?: Page;
  /** The places around what is looked at, the nearest first. */
  readonly places: readonly PlaceName[];
  /** The notes on them; of the whole site all. */
  readonly notes: readonly (Note & { readonly where: string })[];
}

/** What is drawn: the strips of the view, or a rack. */
export interface Scene {
  readonly plan: Plan | undefined;
  readonly dc: string | undefined;
  readonly row: number | undefined;
  /** A rack is looked at; `rack`: if there is one of that id. */
  readonly zoomed: boolean;
  readonly rack: RackDetail | undefined;
  /** Absent before the first snapshot. */
  readonly cells: Cells | undefined;
  /** The devices of the racks of the tab or row that is looked at. */
  readonly bars: Bars | undefined;
}

/** The whole map. Typed arrays: cheap to hand over. */
export interface Frame {
  readonly revision: number;
  /** Milliseconds. */
  readonly generatedAt: number;
  readonly templatesVersion?: string;
  readonly sources: readonly Source[];
  readonly cells: Cells;
  readonly tabs: readonly TabSummary[];
  /** What stands on no rack, and all of the site, as in `Rollup`. */
  readonly unplaced: Unplaced;
  readonly whole: TabSummary;
  readonly counters: readonly Counter[];
  /** Unhandled incidents and problems outside them that pass the filter, by severity. */
  readonly waiting: readonly number[];
  /** Unhandled events that are older than a week. */
  readonly old: number;
  /** The picture is held since then (the server's time in milliseconds); so many newer ones came. */
  readonly frozen?: { readonly at: number; readonly newer: number };
  /** When the newest picture was made, held back or not. Milliseconds. */
  readonly newestAt: number;
  readonly tray: Readonly<Record<TrayReason, number>>;
  readonly events: number;
  /** How many of them pass the filter; absent while there is none, or one with a mistake. */
  readonly passed?: number;
  readonly atLeast: boolean;
  /** The inventory named by the snapshot is not here yet, or the snapshot names none. */
  readonly inventory: "here" | "coming" | "none";
}

/** For measuring: when the steps of a message were done, in milliseconds since the epoch by the monotonic clock. */
export interface Steps {
  /** Its message was here, inflated and decoded. */
  readonly arrived: number;
  readonly parsed: number;
  readonly counted: number;
  readonly drawn: number;
}

/**
 * `live`: the socket is up. `polling`: it is not, the picture comes by HTTP. `connecting`: neither has answered
 * yet. `refused`: the server wants a login.
 */
export type Line = "connecting" | "live" | "polling" | "refused";

export interface Tick {
  /** The server's now in milliseconds, undefined while unknown. */
  readonly now: number | undefined;
  readonly line: Line;
  /** Why the last attempt failed, in the server's words. */
  readonly trouble?: string;
}

/** What to act on next: an event by its key, or an incident by its rack's id. */
export type Next = { readonly event: string } | { readonly rack: number };

/** What the text of the search box may mean. */
export interface Answers {
  readonly text: string;
  readonly found: readonly Found[];
  /** How many events pass it as a filter; absent when it is none. */
  readonly passed?: number;
}

export type FromWorker =
  | { readonly type: "plan"; readonly plan: Plan }
  /** Of a message that just came the frame first; of what the page asked for both at once, so that it renders once. */
  | {
      readonly type: "picture";
      readonly frame?: Frame | undefined;
      readonly detail?: Detail;
      /** Somebody must act on these, since the picture before. */
      readonly rings?: readonly Ring[];
      /** Of a message. */
      readonly steps?: Steps;
    }
  | { readonly type: "tick"; readonly tick: Tick }
  | { readonly type: "me"; readonly me: Me }
  | ({ readonly type: "found" } & Answers)
  | ({ readonly type: "next" } & Next)
  | { readonly type: "picked"; readonly ids: readonly string[] }
  | { readonly type: "saved"; readonly csv: string };

/** An incident, or an event outside one, that somebody must act on. */
export interface Ring {
  readonly key: string;
  readonly name: string;
  readonly host: string;
  readonly severity: number;
  /** Key of the tab it stands in. */
  readonly tab?: string;
}
