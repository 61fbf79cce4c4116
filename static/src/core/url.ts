/**
 * The URL is the state: what is looked at, filtered and selected. Two people with the same address see the same.
 */
import { chooseSeverities, printFilter, readFilter } from "./filter.ts";
import { SEVERITIES } from "./model.ts";

export type Selection =
  | { readonly kind: "rack"; readonly id: number }
  | { readonly kind: "device"; readonly id: number }
  | { readonly kind: "source"; readonly name: string }
  | { readonly kind: "tray" };

export interface View {
  /** Key of the tab; absent: the whole site. */
  readonly dc?: string;
  /** The rack that is open (zoom 2); absent: all rows (zoom 0). */
  readonly rack?: number;
  readonly selection?: Selection;
  /** Key of the event whose details and comments are open. */
  readonly event?: string;
  /** Which events are meant, as somebody wrote it; it may have a mistake. Absent: all. */
  readonly filter?: string;
  /** The panel is folded away. */
  readonly bare: boolean;
}

export const HOME: View = { bare: false };

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

/** What stays of a view wherever one goes: the filter, and whether the panel is folded away. */
export function kept({ filter, bare }: View): View {
  return { bare, ...(filter === undefined ? {} : { filter }) };
}

/** The filter of an address. Older addresses chose severities as `sev=4,5`. */
function filterOf(params: URLSearchParams): string {
  const text = params.get("filter")?.trim() ?? "";
  const old = (params.get("sev") ?? "").split(",");
  const severities = SEVERITIES.filter((severity) => old.includes(String(severity)));
  const reading = readFilter(text);
  if (severities.length === 0 || "mistake" in reading) return text;
  const bits = severities.reduce<number>((all, severity) => all | (1 << severity), 0);
  return printFilter(chooseSeverities(reading.filter, bits));
}

/** Reads the query of an address. What is not understood is left out: an old link still opens. */
export function readView(query: string): View {
  const params = new URLSearchParams(query);
  const dc = params.get("dc");
  const rack = natural(params.get("rack"));
  const selection = readSelection(params.get("sel"));
  const event = params.get("event");
  const filter = filterOf(params);
  return {
    ...(dc ? { dc: dc.toLowerCase() } : {}),
    ...(rack === undefined ? {} : { rack }),
    ...(selection ? { selection } : {}),
    ...(event ? { event } : {}),
    ...(filter ? { filter } : {}),
    bare: params.get("panel") === "0",
  };
}

/** Writes a view as a query, `""` for the whole site. The shortest form that reads back the same. */
export function writeView(view: View): string {
  const parts: [string, string][] = [];
  if (view.dc) parts.push(["dc", view.dc]);
  if (view.rack !== undefined) parts.push(["rack", String(view.rack)]);
  if (view.selection) parts.push(["sel", writeSelection(view.selection)]);
  if (view.event) parts.push(["event", view.event]);
  if (view.filter) parts.push(["filter", view.filter]);
  if (view.bare) parts.push(["panel", "0"]);
  // Left as they are where a query allows it, so that people can read and type the address.
  const plain = (text: string) =>
    encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%20", "+");
  return parts.length === 0 ? "" : `?${parts.map(([name, value]) => `${name}=${plain(value)}`).join("&")}`;
}

/** One step up: event → selection → rack → tab → site. The filter and the panel stay. */
export function up(view: View): View {
  const { event, ...selected } = view;
  if (event !== undefined) return selected;
  const { selection, ...open } = selected;
  if (selection && !(selection.kind === "rack" && selection.id === view.rack)) return open;
  const { rack, ...tab } = open;
  if (rack !== undefined) return { ...tab, selection: { kind: "rack", id: rack } };
  const { dc: _, ...site } = tab;
  return site;
}
