/**
 * The line to the server: a WebSocket while one can be had, `GET /api/v1/snapshot` while not. Everything it touches
 * is handed in, so that tests run it without a network and without waiting.
 */
import type { Line } from "./protocol.ts";

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: ((close: { code: number }) => void) | null;
  close(): void;
}

/** An answer to `GET /snapshot`: the text, or that it has not changed, or why there is none. */
export type Polled =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "same" }
  | { readonly kind: "refused" }
  | { readonly kind: "failed"; readonly reason: string };

export interface LineParts {
  readonly open: () => Socket;
  readonly poll: () => Promise<Polled>;
  /** A whole snapshot arrived. */
  readonly deliver: (text: string) => void;
  readonly changed: (line: Line, trouble: string | undefined) => void;
  /** The socket is up (again). */
  readonly connected: () => void;
  readonly after: (milliseconds: number, run: () => void) => () => void;
  readonly random: () => number;
}

/** The server is going away and says so: another replica answers at once. */
const GOING_AWAY = 1012;
const POLL_MS = 5_000;
/** The server sends at least every 20 seconds; a socket silent for longer than this is dead, whatever TCP says. */
const SILENT_MS = 50_000;
/** A socket that is not up by then was given to a replica that stands still; HTTP finds another. */
const HANDSHAKE_MS = 4_000;
const LONGEST_S = 30;
/** A socket that is up but has brought no picture for this long has none to bring. */
const FIRST_PICTURE_MS = 2_000;

/** How long to wait before attempt `n` (0: the first after a loss), in milliseconds, jittered. */
export function backOff(attempt: number, random: number): number {
  if (attempt === 0) return random * 1000;
  const ceiling = Math.min(LONGEST_S, 2 ** attempt);
  return (1 + random * (ceiling - 1)) * 1000;
}

/** Keeps the line up until the page is closed. Returns what connects again at once. */
export function keepLine(parts: LineParts): () => void {
  let line: Line = "connecting";
  let trouble: string | undefined;
  let attempt = 0;
  let socket: Socket | undefined;
  let polling = false;
  let cancelRetry = () => {};
  let cancelSilence = () => {};
  let cancelPoll = () => {};

  const say = (next: Line, reason?: string) => {
    line = next;
    trouble = reason;
    parts.changed(line, trouble);
  };

  const heard = (from: Socket) => {
    cancelSilence();
    cancelSilence = parts.after(SILENT_MS, () => lost(from, 1006));
  };

  const lost = (from: Socket, code: number) => {
    if (from !== socket) return;
    socket = undefined;
    cancelSilence();
    from.onopen = from.onmessage = from.onclose = null;
    from.close();
    if (line === "live") say("connecting");
    cancelRetry();
    // At once only after a picture came: a server that sends everybody away must not be stormed.
    const wait = code === GOING_AWAY && attempt === 0 ? 0 : backOff(attempt, parts.random());
    attempt++;
    cancelRetry = parts.after(wait, connect);
    // The first retry comes within a second; only if that fails too the picture is fetched by HTTP.
    if (attempt > 1) void poll();
  };

  const connect = () => {
    cancelRetry();
    const mine = parts.open();
    socket = mine;
    mine.onopen = () => {
      heard(mine);
      parts.connected();
      // A server without a picture says so by HTTP, and says why.
      cancelPoll();
      cancelPoll = parts.after(FIRST_PICTURE_MS, () => {
        if (mine === socket && line !== "live") void poll();
      });
    };
    mine.onmessage = ({ data }) => {
      heard(mine);
      attempt = 0;
      if (line !== "live") say("live");
      if (typeof data === "string") parts.deliver(data);
    };
    mine.onclose = ({ code }) => lost(mine, code);
    cancelSilence();
    cancelSilence = parts.after(HANDSHAKE_MS, () => {
      lost(mine, 1006);
      void poll();
    });
  };

  const poll = async () => {
    cancelPoll();
    if (polling) return;
    polling = true;
    const answer = await parts
      .poll()
      .catch((error: unknown): Polled => ({ kind: "failed", reason: String(error) }));
    polling = false;
    if (line === "live") return;
    if (answer.kind === "text") parts.deliver(answer.text);
    if (answer.kind === "refused") say("refused");
    else if (answer.kind === "failed") say("connecting", answer.reason);
    else if (line !== "polling") say("polling");
    cancelPoll = parts.after(POLL_MS * (0.8 + 0.4 * parts.random()), () => {
      if (line !== "live") void poll();
    });
  };

  connect();
  return () => {
    attempt = 0;
    if (line !== "live") {
      const old = socket;
      socket = undefined;
      old?.close();
      connect();
      void poll();
    }
  };
}
