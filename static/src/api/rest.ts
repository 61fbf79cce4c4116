/**
 * Requests the page itself makes: comments, tickets, templates. Every failure becomes a `Refusal` with the server's own
 * words.
 */
import type {
  AcknowledgeRequest,
  Comment,
  CommentPage,
  Covered,
  NewNote,
  NoteEdits,
  Problem,
  Rendered,
  SavedView,
  Templates,
  Ticket,
  TicketEdits,
  TicketRequest,
  ViewWish,
} from "../core/model.ts";

export const BASE = "/api/v1";

export class Refusal extends Error {
  readonly status: number;
  /** What else the server says about it. */
  readonly problem: Partial<Problem>;

  constructor(status: number, detail: string, problem: Partial<Problem> = {}) {
    super(detail);
    this.status = status;
    this.problem = problem;
  }

  /** Of a ticket that was asked for: openings that open tickets cover. */
  get covered(): readonly Covered[] {
    return this.problem.covered ?? [];
  }
}

/** What an answer that is not a success says about itself. */
export async function refusalOf(answer: Response): Promise<Refusal> {
  const type = answer.headers.get("content-type") ?? "";
  if (type.startsWith("application/problem+json")) {
    const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
    const detail = problem.detail ?? problem.title ?? String(answer.status);
    return new Refusal(answer.status, detail, problem);
  }
  return new Refusal(answer.status, `${answer.status} ${answer.statusText}`.trim());
}

/** Why a request failed, in words. */
export const why = (error: unknown) => (error instanceof Refusal ? error.message : String(error));

async function ask<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const answer = await fetch(BASE + path, {
    method,
    cache: "no-store",
    ...(body === undefined
      ? { headers }
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } }),
  }).catch((error: unknown) => {
    throw new Refusal(0, String(error));
  });
  if (!answer.ok) throw await refusalOf(answer);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export function read<T>(path: string): Promise<T> {
  return ask("GET", path);
}

/** Makes a view, or changes the one of this version. */
export function saveView(wish: ViewWish, id?: number, version?: number): Promise<SavedView> {
  if (id === undefined) return ask("POST", "/views", wish);
  return ask("PUT", `/views/${id}`, wish, { "If-Match": `"${version}"` });
}

/** Deletes the view, if it is of this version still. */
export function forget(id: number, version: number): Promise<void> {
  return ask("DELETE", `/views/${id}`, undefined, { "If-Match": `"${version}"` });
}

/** One path segment, whatever is in it. */
const segment = encodeURIComponent;

export function listComments(key: string, cursor?: string): Promise<CommentPage> {
  const query = cursor === undefined ? "" : `?cursor=${segment(cursor)}`;
  return ask("GET", `/events/${segment(key)}/comments${query}`);
}

/** `onTicket`: it is written on the open ticket that covers the event, too. */
export function createComment(key: string, text: string, onTicket: boolean): Promise<Comment> {
  return ask("POST", `/events/${segment(key)}/comments`, { text, ...(onTicket ? { on_ticket: true } : {}) });
}

export function editComment(id: number, text: string): Promise<Comment> {
  return ask("PATCH", `/comments/${id}`, { text });
}

export function deleteComment(id: number): Promise<void> {
  return ask("DELETE", `/comments/${id}`);
}

/** The event's whole text, which the snapshot cuts. */
export async function wholeText(key: string, id: string): Promise<string | undefined> {
  const answer = await ask<{ events?: { id: string; text?: string }[] }>("GET", `/events/${segment(key)}`);
  return answer.events?.find((event) => event.id === id)?.text;
}

/** More ids than these are not needed to tell which template fits, and would not fit into an address. */
const IDS_IN_QUERY = 50;

/** The templates and the tracker; the best templates for these openings first in `best`. */
export function listTemplates(ids: readonly string[] = []): Promise<Templates> {
  const query = ids.slice(0, IDS_IN_QUERY).map((id) => `id=${segment(id)}`);
  return ask("GET", `/templates${query.length > 0 ? `?${query.join("&")}` : ""}`);
}

export function renderTemplate(name: string, ids: readonly string[]): Promise<Rendered> {
  return ask("POST", `/templates/${segment(name)}/render`, { ids });
}

/** Asks for a ticket. With the same `name`, the same request makes one ticket however often it is sent. */
export function createTicket(request: TicketRequest, name: string): Promise<Ticket> {
  return ask("POST", "/tickets", request, { "Idempotency-Key": name });
}

export function showTicket(id: number): Promise<Ticket> {
  return ask("GET", `/tickets/${id}`);
}

export function addToTicket(id: number, ids: readonly string[]): Promise<Ticket> {
  return ask("POST", `/tickets/${id}/events`, { ids });
}

export function editTicket(id: number, edits: TicketEdits): Promise<Ticket> {
  return ask("PATCH", `/tickets/${id}`, edits);
}

export function retryTicket(id: number): Promise<Ticket> {
  return ask("POST", `/tickets/${id}/retry`);
}

/** What became of some openings: those of which the server does not know. */
interface Missed {
  readonly unknown?: readonly string[];
}

export function acknowledge(request: AcknowledgeRequest): Promise<Missed> {
  return ask("POST", "/events/acknowledge", request);
}

export function withdraw(ids: readonly string[]): Promise<Missed> {
  return ask("DELETE", "/events/acknowledge", { ids });
}

export function commentOnMany(ids: readonly string[], text: string, onTicket: boolean): Promise<Missed> {
  return ask("POST", "/comments", { ids, text, ...(onTicket ? { on_ticket: true } : {}) });
}

export function createNote(note: NewNote): Promise<void> {
  return ask("POST", "/notes", note);
}

export function editNote(id: number, edits: NoteEdits): Promise<void> {
  return ask("PATCH", `/notes/${id}`, edits);
}

export function deleteNote(id: number): Promise<void> {
  return ask("DELETE", `/notes/${id}`);
}
