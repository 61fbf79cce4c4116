// Measures the page's budgets in this machine's Chromium, on 2,000 racks and 50,000 devices, and prints a table:
// `npm run build && npm run bench`. It asserts nothing: what a machine is busy with decides, too.
//
// message → map      from the first byte that leaves the server (deflated, as in production) to the end of drawing the
//                    map; with each message one event in a hundred is news, see bench/storm.mjs
// → page             the same until counters, tabs and the panel's numbers are rendered in a frame
// all news           message → map of a message in which no event says what it said before
// blocked            the longest task on the page's own thread while messages came; 0: none took over 50 ms
// key → frame        from a key on the map to the next frame
// heap               of page and worker, after a collection: at 50 snapshots, at 1,000, and by how much it grew
import { launch, mapOf, open } from "../e2e/browser.mjs";
import { startMock } from "../e2e/mock.mjs";
import { makeStorm } from "./storm.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 40);
const SNAPSHOTS = Number(process.env.SNAPSHOTS ?? 1000);
const SIZES = (process.env.EVENTS ?? "200,20000,50000").split(",").map(Number);
const HEAP_EVENTS = Number(process.env.HEAP_EVENTS ?? 5000);

const at = (numbers, part) =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
const ms = (number) => `${Math.round(number)} ms`;
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Has a page tell what blocks its thread, and when pictures were drawn. */
async function watch(page) {
  await page.addInitScript(() => {
    window.blocked = [];
    window.drawn = [];
    new PerformanceObserver((list) => {
      for (const { detail, startTime, duration } of list.getEntries())
        window.drawn.push({ ...detail, shown: performance.timeOrigin + startTime + duration });
    }).observe({ type: "measure", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.blocked.push(entry.duration);
    }).observe({ type: "longtask", buffered: true });
  });
}

async function start(browser, mock) {
  const page = await open(browser, "about:blank", { timeout: 120_000 });
  await watch(page);
  await page.goto(mock.url);
  await mapOf(page);
  await page.waitForFunction(() => window.drawn.length > 0);
  return page;
}

/** The steps from a message to pixels, by what ends each. */
const STEPS = {
  arrived: "send, inflate, decode",
  parsed: "parse",
  counted: "count",
  drawn: "draw",
  heard: "to the page",
  shown: "render, wait for a frame",
};

/** Sends a snapshot and waits until it is drawn; when it was sent, and when each step was done. */
async function draw(page, mock, snapshot) {
  await page.evaluate(() => window.drawn.splice(0));
  const sent = mock.push(snapshot);
  await page.waitForFunction(() => window.drawn.length > 0, undefined, { polling: "raf" });
  return { sent, ...(await page.evaluate(() => window.drawn.at(-1))) };
}

/** How long each step took, in milliseconds. */
const splitOf = (times) => {
  const ends = [times.sent, ...Object.keys(STEPS).map((step) => times[step])];
  return ends.slice(1).map((end, i) => end - ends[i]);
};

async function speed(browser, events) {
  const storm = makeStorm(events);
  const { site } = storm;
  const mock = await startMock({ site, compress: true });
  const page = await start(browser, mock);
  const paint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  );
  const atStart = Math.max(0, ...(await page.evaluate(() => window.blocked.splice(0))));
  const took = [];
  const told = [];
  const split = [];
  for (let round = 0; round < ROUNDS; round++) {
    const times = await draw(page, mock, storm.next());
    took.push(times.drawn - times.sent);
    told.push(times.shown - times.sent);
    split.push(splitOf(times));
    await page.waitForTimeout(150);
  }
  const anew = [];
  for (let round = 0; round < ROUNDS / 4; round++) {
    const times = await draw(page, mock, storm.anew());
    anew.push(times.drawn - times.sent);
    await page.waitForTimeout(150);
  }
  const blocked = Math.max(0, ...(await page.evaluate(() => window.blocked.splice(0))));
  await page.locator("[role=gridcell][tabindex='0']").focus();
  const keys = [];
  for (let round = 0; round < ROUNDS; round++) {
    keys.push(
      await page.evaluate(
        () =>
          new Promise((resolve) => {
            const from = performance.now();
            document.activeElement.dispatchEvent(
              new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }),
            );
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - from)));
          }),
      ),
    );
  }
  const size = JSON.stringify(mock.state.snapshot).length;
  await page.context().close();
  await mock.stop();
  const row = [
    events.toLocaleString("en"),
    mb(size),
    `${ms(at(took, 0.5))} (p95 ${ms(at(took, 0.95))})`,
    `${ms(at(told, 0.5))} (p95 ${ms(at(told, 0.95))})`,
    ms(at(anew, 0.5)),
    ms(blocked),
    `${ms(at(keys, 0.5))} (p95 ${ms(at(keys, 0.95))})`,
    ms(paint),
    ms(atStart),
  ];
  const steps = Object.values(STEPS).map((_, i) =>
    ms(
      at(
        split.map((one) => one[i]),
        0.5,
      ),
    ),
  );
  return { row, steps: [events.toLocaleString("en"), ...steps] };
}

/** Heap in use after a collection, of the page and of its worker. */
function heapOf(session, workers) {
  let next = 0;
  const ask = (worker, method) =>
    new Promise((resolve) => {
      const id = ++next;
      const hear = ({ sessionId, message }) => {
        const answer = JSON.parse(message);
        if (sessionId !== worker || answer.id !== id) return;
        session.off("Target.receivedMessageFromTarget", hear);
        resolve(answer.result);
      };
      session.on("Target.receivedMessageFromTarget", hear);
      void session.send("Target.sendMessageToTarget", {
        sessionId: worker,
        message: JSON.stringify({ id, method }),
      });
    });
  return async () => {
    await session.send("HeapProfiler.collectGarbage");
    let { usedSize } = await session.send("Runtime.getHeapUsage");
    for (const worker of workers) {
      await ask(worker, "HeapProfiler.collectGarbage");
      usedSize += (await ask(worker, "Runtime.getHeapUsage")).usedSize;
    }
    return usedSize;
  };
}

async function heap(browser) {
  const storm = makeStorm(HEAP_EVENTS);
  const { site } = storm;
  const mock = await startMock({ site, compress: true });
  const page = await open(browser, "about:blank", { timeout: 120_000 });
  const session = await page.context().newCDPSession(page);
  const workers = [];
  session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if (targetInfo.type === "worker") workers.push(sessionId);
  });
  await session.send("Target.setAutoAttach", {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  await watch(page);
  await page.goto(`${mock.url}/?list=drawer`);
  await mapOf(page);
  const measure = heapOf(session, workers);
  let early = 0;
  for (let n = 1; n <= SNAPSHOTS; n++) {
    await draw(page, mock, storm.next());
    if (n === 50) early = await measure();
  }
  const late = await measure();
  await page.context().close();
  await mock.stop();
  return { early, late, workers: workers.length };
}

function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  for (const row of rows) {
    process.stdout.write(
      `${row
        .map((text, i) => text.padEnd(widths[i]))
        .join("  ")
        .trimEnd()}\n`,
    );
  }
}

const browser = await launch();
const rows = [
  [
    "events",
    "size",
    "message → map",
    "→ page",
    "all news",
    "blocked",
    "key → frame",
    "first paint",
    "blocked at start",
  ],
];
const split = [["events", ...Object.values(STEPS)]];
for (const events of SIZES) {
  const { row, steps } = await speed(browser, events);
  rows.push(row);
  split.push(steps);
}
table(rows);
process.stdout.write("\nof which, each step's median:\n");
table(split);
if (SNAPSHOTS > 0) {
  const { early, late, workers } = await heap(browser);
  process.stdout.write(
    `heap with ${HEAP_EVENTS} events, page and ${workers} worker: ${mb(early)} after 50 snapshots, ` +
      `${mb(late)} after ${SNAPSHOTS}: ${((late / early - 1) * 100).toFixed(1)} %\n`,
  );
}
await browser.close();
