/**
 * The documents as the server sends them, under the names the rest of the page uses. The shapes are generated
 * from `lib/openapi.json`, so a field that changes there fails the type check here.
 */
import type { components } from "../api/types.ts";

type Schemas = components["schemas"];

export type Snapshot = Schemas["Snapshot"];
export type HeatEvent = Schemas["Event"];
export type Cleared = Schemas["ClearedEvent"];
export type Incident = Schemas["Incident"];
export type Note = Schemas["Note"];
export type NoteEdits = Schemas["NoteEdits"];
export type NewNote = Schemas["NewNote"];
export type AcknowledgeRequest = Schemas["AcknowledgeRequest"];
export type Source = Schemas["Source"];
export type Inventory = Schemas["Inventory"];
export type Device = Schemas["Device"];
export type Mount = Schemas["Mount"];
export type Rack = Schemas["Rack"];
export type Coverage = Schemas["Coverage"];
export type Me = Schemas["Me"];
export type Comment = Schemas["Comment"];
export type CommentPage = Schemas["CommentPage"];
export type Problem = Schemas["Problem"];
export type TicketRef = Schemas["TicketRef"];
export type Ticket = Schemas["Ticket"];
export type TicketDraft = Schemas["TicketDraft"];
export type TicketEdits = Schemas["TicketEdits"];
export type TicketRequest = Schemas["TicketRequest"];
export type Covered = Schemas["Covered"];
export type Templates = Schemas["Templates"];
export type PastOpening = Schemas["PastOpening"] & Partial<Pick<Schemas["RackOpening"], "key">>;
export type History = Schemas["EventHistory"] | Schemas["RackHistory"];
export type Change = Schemas["Change"];
export type ChangePage = Schemas["ChangePage"];
export type Rendered = Schemas["Rendered"];
export type WholeRack = Schemas["WholeRack"];
export type WholeDevice = Schemas["WholeDevice"];
export type InventoryProblem = Schemas["InventoryProblem"];
export type InventoryProblems = Schemas["InventoryProblemPage"];
export type SavedView = Schemas["View"];
export type ViewWish = Schemas["ViewWish"];
export type ViewPage = Schemas["ViewPage"];
export type ViewMembers = Schemas["ViewMembers"];

/** Zabbix's scale: 0 not classified … 5 disaster. */
export type Severity = 0 | 1 | 2 | 3 | 4 | 5;
export const SEVERITIES: readonly Severity[] = [0, 1, 2, 3, 4, 5];

/** In a byte array of severities: there is none. */
export const NONE = 255;

/**
 * Why an event stands in the tray. The first four are the server's; `elsewhere`: its rack is not in the inventory
 * this page holds (a newer inventory is on its way).
 */
export type TrayReason = NonNullable<HeatEvent["unplaced"]> | "elsewhere";
export const TRAY_REASONS: readonly TrayReason[] = [
  "unknown_host",
  "ambiguous",
  "no_rack",
  "host_pending",
  "elsewhere",
];
