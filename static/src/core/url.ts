/**
 * The URL is the state: what is looked at, filtered and selected. Two people with the same address see the same.
 */

export type Selection =
  | { readonly kind: "rack"; readonly id: number }
  | { readonly kind: "device"; readonly id: number }
  | { readonly kind: "source"; readonly name: string }
  | { readonly kind: "tray" };

/** How the list of events is shown: below the map, or instead of it. */
export type ListForm = "drawer" | "page";

export interface View {
  /** Key of the tab; absent: the whole site (zoom 0). */
  readonly dc?: string;
  /** The row that is looked at alone (zoom 1, as a tab is). */
  readonly row?: number;
  /** The rack that is open (zoom 2). */
  readonly rack?: number;
  readonly selection?: Selection;
  /** Key of the event whose details and comments are open. */
  readonly event?: string;
  /** Which events are meant, as somebody wrote it; it may have a mistake. Absent: all. */
  readonly filter?: string;
  /** Id of the saved view in force. */
  readonly saved?: number;
  readonly list?: ListForm;
  /** What the list is sorted by, `-` before it turns it round; absent: the worst first. */
  readonly sort?: string;
  /** The list shows maintenance and what follows from other problems, too. */
  readonly all?: true;
  /** The panel shows what has changed. */
  readonly changes?: true;
  /** The panel stands beside the map; else it comes over it when something is opened, and goes when that is left. */
  readonly pinned: boolean;
  /** Nothing but the map. */
  readonly kiosk?: true;
  /** Keys of the tabs that a kiosk shows in turn. */
  readonly rotate?: readonly string[];
  /** Seconds for each of them. */
  readonly every?: number;
}

/** A view without some of its parts. */
export function without(view: View, ...parts: readonly Exclude<keyof View, "pinned">[]): View {
  const rest = { ...view };
  for (const part of parts) delete rest[part];
  return rest;
}

export const HOME: View = { pinned: true };

/** What the panel is about: the selection, or the rack that is open. */
export function subject({ selection, rack }: Pick<View, "selection" | "rack">): Selection | undefined {
  return selection ?? (rack === undefined ? undefined : { kind: "rack", id: rack });
}

function natural(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function readSelection(text: string | null): Selection | undefined {
  if (text === null) return undefined;
  if (text === "tray") return { kind: "tray" };
  const [kind, rest] = [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
  const id = natural(rest);
  if ((kind === "rack" || kind === "device") && id !== undefined) return { kind, id };
  return kind === "source" && rest !== "" ? { kind, name: rest } : undefined;
}

function writeSelection(selection: Selection): string {
  if (selection.kind === "tray") return "tray";
  return `${selection.kind}:${selection.kind === "source" ? selection.name : selection.id}`;
}

/** What stays of a view wherever one goes: all but the place and what is selected there. */
export function kept(view: View): View {
  return without(view, "dc", "row", "rack", "selection", "event");
}

const LIST_FORMS: readonly string[] = ["drawer", "page"] satisfies ListForm[];
/** By what lists are sorted. */
export const SORTS = ["severity", "since", "host", "place", "name", "comment", "ticket", "source"] as const;

/** Reads the query of an address. What is not understood is left out: an old link still opens. */
export function readView(query: string): View {
  const params = new URLSearchParams(query);
  const dc = params.get("dc");
  const [row, rack, saved, every] = ["row", "rack", "view", "every"].map((name) => natural(params.get(name)));
  const selection = readSelection(params.get("sel"));
  const event = params.get("event");
  const filter = params.get("filter")?.trim();
  const list = params.get("list") ?? "";
  const sort = params.get("sort") ?? "";
  const rotate = (params.get("rotate") ?? "").toLowerCase().split(",").filter(Boolean);
  const on = (name: string) => params.get(name) === "1";
  return {
    ...(dc ? { dc: dc.toLowerCase() } : {}),
    ...(row === undefined ? {} : { row }),
    ...(rack === undefined ? {} : { rack }),
    ...(selection ? { selection } : {}),
    ...(event ? { event } : {}),
    ...(filter ? { filter } : {}),
    ...(saved === undefined ? {} : { saved }),
    ...(LIST_FORMS.includes(list) ? { list: list as ListForm } : {}),
    ...((SORTS as readonly string[]).includes(sort.replace(/^-/, "")) ? { sort } : {}),
    ...(on("all") ? { all: true } : {}),
    ...(on("changes") ? { changes: true } : {}),
    pinned: params.get("panel") !== "0",
    ...(on("kiosk") ? { kiosk: true } : {}),
    ...(rotate.length > 0 ? { rotate } : {}),
    ...(every ? { every } : {}),
  };
}

/** The openings that an address names as picked, by their ids. */
export function readPicked(query: string): string[] {
  return new URLSearchParams(query).getAll("pick");
}

/** Servers refuse addresses that are much longer: nginx from 8 kB on, and a login puts one into another. */
const LONGEST = 4000;

/**
 * Writes a view and what was picked as a query, `""` for the whole site. The shortest form that reads back the same, but
 * for picks that do not fit: a part of them would be something else than what was picked, so that none is written.
 */
export function writeView(view: View, picked: Iterable<string> = []): string {
  const picks = [...picked].map((id): [string, string] => ["pick", id]);
  const parts: [string, string | number | undefined][] = [
    ["kiosk", view.kiosk && "1"],
    ["dc", view.dc],
    ["row", view.row],
    ["rack", view.rack],
    ["sel", view.selection && writeSelection(view.selection)],
    ["event", view.event],
    ["filter", view.filter],
    ["view", view.saved],
    ["list", view.list],
    ["sort", view.sort],
    ["all", view.all && "1"],
    ["changes", view.changes && "1"],
    ["panel", view.pinned ? undefined : "0"],
    ["rotate", view.rotate?.join(",")],
    ["every", view.every],
    ...picks,
  ];
  // Left as they are where a query allows it, so that people can read and type the address.
  const plain = (text: string) =>
    encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%20", "+");
  const query = parts.flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [`${name}=${plain(String(value))}`],
  );
  const address = query.length === 0 ? "" : `?${query.join("&")}`;
  return picks.length > 0 && address.length > LONGEST ? writeView(view) : address;
}

/** One step out on the map: rack → row → tab → site. */
export function zoomOut(view: View): View {
  const { rack } = view;
  if (rack !== undefined) return { ...without(view, "rack", "event"), selection: { kind: "rack", id: rack } };
  return without(view, view.row === undefined ? "dc" : "row");
}

/** One step up: event → selection → rack → row → tab → site → no changes, filter, view. The panel and the list stay. */
export function up(view: View): View {
  if (view.event !== undefined) return without(view, "event");
  const { selection, rack } = view;
  if (selection && !(selection.kind === "rack" && selection.id === rack)) return without(view, "selection");
  if (rack !== undefined) return { ...without(view, "rack"), selection: { kind: "rack", id: rack } };
  const step = (["row", "dc", "changes", "filter", "saved"] as const).find(
    (part) => view[part] !== undefined,
  );
  return step ? without(view, step) : view;
}
