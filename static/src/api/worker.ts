/**
 * The worker: owns the socket and the documents, parses and rolls up, and hands the page what it draws.
 */
import { at, LIVE_FOR_S, ServerClock } from "../core/clock.ts";
import type { Coverage, Inventory, Me, Snapshot } from "../core/model.ts";
import { Reader } from "../core/reader.ts";
import { MapCanvas } from "../draw/canvas.ts";
import { keepLine, type Polled, type Socket } from "./live.ts";
import { Picture } from "./picture.ts";
import type { FromWorker, Line, Steps, ToWorker } from "./protocol.ts";
import { BASE, refusalOf } from "./rest.ts";

const scope = self as unknown as {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((message: MessageEvent<ToWorker>) => void) | null;
};

const picture = new Picture();
const reader = new Reader();
const clock = new ServerClock();
let line: Line = "connecting";
let trouble: string | undefined;

/** The server's now; before the first answer the machine's own clock is all there is. */
const now = () => clock.now(performance.now()) ?? Date.now();

const sinceEpoch = () => performance.timeOrigin + performance.now();

const ME_EVERY_MS = 600_000;
const INVENTORY_JITTER_MS = 10_000;
const RETRY_MS = 5_000;

// Who am I, and what time is it.

let lastMe = Number.NEGATIVE_INFINITY;

async function askMe(): Promise<void> {
  lastMe = performance.now();
  try {
    const asked = performance.now();
    const answer = await fetch(`${BASE}/me`, { cache: "no-store" });
    if (!answer.ok) throw await refusalOf(answer);
    clock.sync(answer.headers.get("Date"), asked, performance.now());
    const me = (await answer.json()) as Me;
    if (picture.configure(me.settings)) sendPlan();
    scope.postMessage({ type: "me", me });
    publish();
  } catch {
    // Asked again soon; until then the page says that it does not know the time.
    lastMe = performance.now() - ME_EVERY_MS + RETRY_MS;
  }
  tick();
}

// What the page is told.

let canvas: MapCanvas | undefined;

/** Tells the page what is looked at, and draws it: what somebody opened is read first. */
function publish(): void {
  const time = now();
  scope.postMessage({ type: "picture", frame: picture.frame(time), detail: picture.detail(time) });
  canvas?.draw(picture.scene(time));
}

/** The same of a message: what people see from afar comes first. */
function publishNews(message: Pick<Steps, "arrived" | "parsed">): void {
  const time = now();
  const scene = picture.scene(time);
  const counted = sinceEpoch();
  canvas?.draw(scene);
  const steps = { ...message, counted, drawn: sinceEpoch() };
  scope.postMessage({ type: "picture", frame: picture.frame(time), steps });
  const rings = picture.rings(time);
  // What a wall is held by goes by what rang, and nobody hears of what is not seen yet.
  scope.postMessage({ type: "picture", detail: picture.detail(time), rings });
}

function sendPlan(): void {
  if (picture.site) scope.postMessage({ type: "plan", plan: picture.site.plan });
}

function tick(): void {
  scope.postMessage({
    type: "tick",
    tick: { now: clock.now(performance.now()), line, ...(trouble === undefined ? {} : { trouble }) },
  });
}

// The documents.

function deliver(text: string): void {
  const arrived = sinceEpoch();
  let snapshot: Snapshot;
  try {
    snapshot = reader.read(text);
  } catch (error) {
    trouble = String(error);
    return;
  }
  const parsed = sinceEpoch();
  if (!picture.take(snapshot)) return;
  // What has just come should be of now. If it is not, the server's clock may have been set: by the old one the page would
  // say for minutes that the picture is old, or count as fresh what is not.
  const off = Math.abs(now() - at(snapshot.generated_at)) / 1000;
  if (off > LIVE_FOR_S && performance.now() - lastMe > LIVE_FOR_S * 1000) void askMe();
  publishNews({ arrived, parsed });
  reader.prepare();
  void fetchMissing();
}

let fetching = false;
let first = true;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function fetchDocument<T>(name: string): Promise<T> {
  const answer = await fetch(`${BASE}/${name}`, { cache: "no-cache" });
  if (!answer.ok) throw await refusalOf(answer);
  return (await answer.json()) as T;
}

/** Fetches the inventory and the coverage that the snapshot names; all pages at once would be a stampede. */
async function fetchMissing(wanted = picture.missing()): Promise<void> {
  if (fetching) return;
  fetching = true;
  for (let missing = wanted; missing.inventory !== undefined || missing.coverage !== undefined;) {
    if (!first) await pause(Math.random() * INVENTORY_JITTER_MS);
    try {
      const [inventory, coverage] = await Promise.all([
        missing.inventory === undefined ? undefined : fetchDocument<Inventory>("inventory"),
        missing.coverage === undefined ? undefined : fetchDocument<Coverage>("coverage"),
      ]);
      if (coverage) picture.takeCoverage(coverage);
      if (inventory) {
        picture.takeInventory(inventory);
        first = false;
        sendPlan();
      }
      publish();
    } catch {
      // There may be none yet, or the server is away. The snapshot says what is wanted.
    }
    missing = picture.missing();
    // The server may be a moment behind the version that the snapshot names.
    if (missing.inventory !== undefined || missing.coverage !== undefined)
      await pause(first ? 1000 : RETRY_MS);
    first = false;
  }
  fetching = false;
}

// The line.

let etag: string | undefined;

async function poll(): Promise<Polled> {
  const answer = await fetch(`${BASE}/snapshot`, {
    cache: "no-store",
    headers: etag === undefined ? {} : { "If-None-Match": etag },
  });
  if (answer.status === 304) return { kind: "same" };
  if (answer.status === 401 || answer.status === 403) return { kind: "refused" };
  if (!answer.ok) return { kind: "failed", reason: (await refusalOf(answer)).message };
  const text = await answer.text();
  etag = answer.headers.get("ETag") ?? undefined;
  return { kind: "text", text };
}

const reconnect = keepLine({
  open: () => {
    const address = new URL(`${BASE}/live`, self.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    return new WebSocket(address) as unknown as Socket;
  },
  poll,
  deliver,
  connected: () => {
    if (performance.now() - lastMe > RETRY_MS) void askMe();
  },
  changed: (next, reason) => {
    line = next;
    trouble = reason;
    tick();
  },
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
  random: Math.random,
});

// Time.

/** The wall clock less the monotonic one: it jumps when the machine slept or its clock was set. */
let drift = Date.now() - performance.now();

setInterval(() => {
  const drifted = Date.now() - performance.now();
  const slept = Math.abs(drifted - drift) > 2_000;
  drift = drifted;
  // The monotonic clock stands still while some machines sleep, so it is set anew.
  if (slept || performance.now() - lastMe > ME_EVERY_MS) void askMe();
  if (picture.heldTooLong(now())) picture.freeze(false, now());
  if (picture.outdated(now())) publish();
  tick();
}, 1000);

// At the start everything is asked for at once: the first picture is the one people wait for.
void askMe();
void fetchMissing({ inventory: "", coverage: "" });

scope.onmessage = ({ data }) => {
  switch (data.type) {
    case "canvas": {
      const made = new MapCanvas(data.canvas);
      canvas = made;
      data.canvas.addEventListener("contextrestored", () => {
        made.forget();
        made.draw(picture.scene(now()));
      });
      break;
    }
    case "stage":
      canvas?.set(data.stage);
      canvas?.draw(picture.scene(now()));
      break;
    case "watch":
      picture.watch(data.watched);
      picture.settle(now());
      publish();
      break;
    case "find":
      scope.postMessage({ type: "found", ...picture.find(data.text, now()) });
      break;
    case "next": {
      const next = picture.next(data.back, now());
      if (next) scope.postMessage({ type: "next", ...next });
      break;
    }
    case "pick": {
      const ids = picture.idsIn(data.rack, now());
      if (ids.length > 0) scope.postMessage({ type: "picked", ids });
      break;
    }
    case "save":
      scope.postMessage({ type: "saved", csv: picture.csv() });
      break;
    case "limit":
      picture.limit(data.limit);
      picture.settle(now());
      publish();
      break;
    case "freeze":
      picture.freeze(data.on, now());
      publish();
      break;
    case "reconnect":
      reconnect();
      break;
  }
};
