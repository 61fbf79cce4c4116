/** Tickets: how one stands, which events one may be asked for, and what is sent. No tracker is asked here. */
import type { Covered, HeatEvent, TicketDraft, TicketEdits, TicketRef, TicketRequest } from "./model.ts";

/** A ticket of Heat's own: it may be given events and comments. A source's own ticket is only shown. */
export type OwnTicket = TicketRef & { readonly id: number };

export function isOwn(ticket: TicketRef): ticket is OwnTicket {
  return ticket.id !== undefined;
}

/** The ticket of Heat's own, if it takes care of the event. */
export function openTicketOf({ ticket }: HeatEvent): OwnTicket | undefined {
  if (!ticket || !isOwn(ticket)) return undefined;
  return ticket.state === "pending" || ticket.state === "created" ? ticket : undefined;
}

/** A page of the tracker, if it is one that may be opened: an address is the tracker's word, a script must not be. */
export function pageOf(url: string | null | undefined): string | undefined {
  return url && /^https?:\/\//i.test(url) ? url : undefined;
}

/** Whether a ticket may be asked for an event: its id is not final before its host is known. */
export function mayHaveTicket(event: HeatEvent): boolean {
  return event.unplaced !== "host_pending";
}

/** Whether an event of many belongs into a ticket: somebody must act on it, or a ticket is what was done about it. */
export function wantsTicket(event: HeatEvent): boolean {
  return event.handled === undefined || event.handled === "ticketed";
}

/** An open ticket that covers some of the events. */
export interface Taker {
  readonly id: number;
  /** The tracker's key, once it has one. */
  readonly key?: string;
  readonly url?: string;
  /** Ids of openings. */
  readonly ids: readonly string[];
}

/** Which of the events open tickets cover. */
export interface Cover {
  /** The ticket with the most of them first. */
  readonly takers: readonly Taker[];
  /** Ids of openings that none covers. */
  readonly free: readonly string[];
}

/** Sorts events by their open tickets. `told` is what the server refused a request with: it may know of newer ones. */
export function coverOf(events: readonly HeatEvent[], told: readonly Covered[] = []): Cover {
  const takers = new Map<number, { id: number; key?: string; url?: string; ids: string[] }>();
  const free: string[] = [];
  const toldOf = new Map(told.map(({ id, ticket }) => [id, ticket]));
  for (const event of events) {
    const ticket = openTicketOf(event) ?? toldOf.get(event.id);
    if (!ticket) {
      free.push(event.id);
      continue;
    }
    const taker = takers.get(ticket.id) ?? {
      id: ticket.id,
      ...(ticket.key ? { key: ticket.key } : {}),
      ...(ticket.url ? { url: ticket.url } : {}),
      ids: [],
    };
    taker.ids.push(event.id);
    takers.set(ticket.id, taker);
  }
  return { takers: [...takers.values()].sort((a, b) => b.ids.length - a.ids.length || a.id - b.id), free };
}

/** What to do where open tickets cover some: add the others to one of these, a ticket for the others, one for all. */
export type Way =
  { readonly kind: "add"; readonly to: number } | { readonly kind: "others" } | { readonly kind: "all" };

/** What is offered, the default first; nothing to choose while no ticket covers any. */
export function waysOf({ takers, free }: Cover): readonly Way[] {
  if (takers.length === 0) return [];
  if (free.length === 0) return [{ kind: "all" }];
  return [
    ...takers.map(({ id }): Way => ({ kind: "add", to: id })),
    { kind: "others" } as const,
    { kind: "all" } as const,
  ];
}

const sameWay = (a: Way, b: Way) =>
  a.kind === b.kind && (a.kind !== "add" || b.kind !== "add" || a.to === b.to);

/**
 * What holds of the ways that are offered: the one that was picked, while it is still offered. To take all events from
 * their tickets is never a default.
 */
export function wayOf(cover: Cover, picked: Way | undefined): Way | undefined {
  const ways = waysOf(cover);
  const still = picked && ways.find((way) => sameWay(way, picked));
  if (still) return still;
  return ways[0]?.kind === "all" ? undefined : ways[0];
}

/** The openings that a ticket by this way is for. */
export function idsOf({ takers, free }: Cover, way: Way | undefined): readonly string[] {
  return way?.kind === "all" ? [...free, ...takers.flatMap(({ ids }) => ids)].sort() : free;
}

/** What of a ticket operators write themselves. */
export const WRITABLE = ["summary", "description", "queue", "type", "priority"] as const;
export type Writable = (typeof WRITABLE)[number];
export type Typed = Readonly<Partial<Record<Writable, string>>>;

/** What somebody typed otherwise than the draft has it. */
export function editsOf(draft: Partial<TicketDraft>, typed: Typed): TicketEdits {
  const edits: TicketEdits = {};
  for (const field of WRITABLE) {
    const text = typed[field];
    if (text !== undefined && text !== (draft[field] ?? "")) edits[field] = text;
  }
  return edits;
}

/** By what a ticket is made. */
export type Means =
  | { readonly kind: "template"; readonly name: string }
  | { readonly kind: "own" }
  | { readonly kind: "existing" };

/** What an operator has filled in. Nothing but the operator changes it. */
export interface Form {
  readonly means?: Means;
  readonly typed: Typed;
  /** Key of a ticket that was opened elsewhere. */
  readonly existing: string;
  /** Ids of openings that shall not be under the ticket. */
  readonly without: ReadonlySet<string>;
  readonly way?: Way;
}

export const BLANK: Form = { typed: {}, existing: "", without: new Set() };

/** The request for a ticket. `draft` is what the template says, if there is one. */
export function requestOf(
  form: Form,
  means: Means,
  draft: Partial<TicketDraft>,
  cover: Cover,
  way: Way | undefined,
): TicketRequest {
  const edits = editsOf(draft, form.typed);
  const existing = form.existing.trim();
  return {
    ids: [...idsOf(cover, way)],
    ...(means.kind === "template" ? { template: means.name } : {}),
    ...(means.kind !== "existing" && Object.keys(edits).length > 0 ? { edits } : {}),
    ...(existing ? { existing } : {}),
    ...(way?.kind === "all" ? { force: true } : {}),
  };
}

/** The page that opens a ticket by hand, filled in; undefined when the configured one may not be opened. */
export function handOpened(link: string | undefined, draft: Partial<TicketDraft>): string | undefined {
  const filled = link?.replace(/\{(queue|summary|description)\}/g, (_, field: Writable) =>
    encodeURIComponent(draft[field] ?? ""),
  );
  return pageOf(filled);
}

/**
 * Names of the templates, those that fit first as the server ranks them, then the others; and how many fit.
 */
export function templatesInOrder(names: readonly string[], best: readonly string[]) {
  const fitting = best.filter((name) => names.includes(name));
  return { names: [...fitting, ...names.filter((name) => !fitting.includes(name))], fitting: fitting.length };
}
