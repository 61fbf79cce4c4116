/** Requests the page itself makes: comments. Every failure becomes a `Refusal` with the server's own words. */
import type { Comment, CommentPage, Problem } from "../core/model.ts";

export const BASE = "/api/v1";

export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** What an answer that is not a success says about itself. */
export async function refusalOf(answer: Response): Promise<Refusal> {
  const type = answer.headers.get("content-type") ?? "";
  if (type.startsWith("application/problem+json")) {
    const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
    return new Refusal(answer.status, problem.detail ?? problem.title ?? String(answer.status));
  }
  return new Refusal(answer.status, `${answer.status} ${answer.statusText}`.trim());
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(BASE + path, {
    method,
    cache: "no-store",
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  }).catch((error: unknown) => {
    throw new Refusal(0, String(error));
  });
  if (!answer.ok) throw await refusalOf(answer);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** One path segment, whatever is in it. */
const segment = encodeURIComponent;

export function listComments(key: string, cursor?: string): Promise<CommentPage> {
  const query = cursor === undefined ? "" : `?cursor=${segment(cursor)}`;
  return ask("GET", `/events/${segment(key)}/comments${query}`);
}

export function createComment(key: string, text: string): Promise<Comment> {
  return ask("POST", `/events/${segment(key)}/comments`, { text });
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
