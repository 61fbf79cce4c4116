// Measures the page's budgets in this machine's Chromium, on 2,000 racks and 50,000 devices, and prints a table:
// `npm run build && npm run bench`. It asserts nothing: what a machine is busy with decides, too.
//
// message → pixels   from the first byte that leaves the server (deflated, as in production) to the end of drawing
// blocked            the longest task on the page's own thread while messages came; 0: none took over 50 ms
// key → frame        from a key on the map to the next frame
// heap               of page and worker, after a collection: at 50 snapshots, at 1,000, and by how much it grew
import { launch, mapOf, open } from "../e2e/browser.mjs";
import { startMock } from "../e2e/mock.mjs";
import { makeSite } from "../e2e/site.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 40);
const SNAPSHOTS = Number(process.env.SNAPSHOTS ?? 1000);
const SIZES = (process.env.EVENTS ?? "200,20000,50000").split(",").map(Number);
const HEAP_EVENTS = Number(process.env.HEAP_EVENTS ?? 5000);

const at = (numbers, part) =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
const ms = (number) => `${Math.round(number)} ms`;
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Opens the page and tells, besides, what blocks its thread. */
async function start(browser, mock, query = "/") {
  const page = await open(browser, "about:blank", { timeout: 120_000 });
  await page.addInitScript(() => {
    window.blocked = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.blocked.push(entry.duration);
    }).observe({ type: "longtask", buffered: true });
  });
  await page.goto(mock.url + query);
  await mapOf(page);
  await page.waitForFunction(() => performance.getEntriesByType("measure").length > 0);
  return page;
}

/** Sends a snapshot and waits until it is drawn. */
async function draw(page, mock, snapshot) {
  const before = await page.evaluate(() => performance.getEntriesByType("measure").length);
  const sent = mock.push(snapshot);
  await page.waitForFunction((n) => performance.getEntriesByType("measure").length > n, before, {
    polling: "raf",
  });
  const drawn = await page.evaluate(() => {
    const last = performance.getEntriesByType("measure").at(-1);
    return performance.timeOrigin + last.startTime + last.duration;
  });
  return drawn - sent;
}

async function speed(browser, events) {
  const site = makeSite({ racks: 2000, devices: 50_000, events });
  const mock = await startMock({ site, compress: true });
  const page = await start(browser, mock);
  const paint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  );
  const atStart = Math.max(0, ...(await page.evaluate(() => window.blocked.splice(0))));
  const took = [];
  for (let round = 0; round < ROUNDS; round++) {
    site.events[round % site.events.length].severity = (round + 1) % 6;
    took.push(await draw(page, mock, site.snapshot(Date.now() + round)));
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
  return [
    events.toLocaleString("en"),
    mb(size),
    `${ms(at(took, 0.5))} (p95 ${ms(at(took, 0.95))})`,
    ms(blocked),
    `${ms(at(keys, 0.5))} (p95 ${ms(at(keys, 0.95))})`,
    ms(paint),
    ms(atStart),
  ];
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
  const site = makeSite({ racks: 2000, devices: 50_000, events: HEAP_EVENTS });
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
  await page.goto(`${mock.url}/?list=drawer`);
  await mapOf(page);
  const measure = heapOf(session, workers);
  let early = 0;
  for (let n = 1; n <= SNAPSHOTS; n++) {
    site.events[n % site.events.length].severity = n % 6;
    await draw(page, mock, site.snapshot(Date.now() + n));
    await page.evaluate(() => performance.clearMeasures());
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
  ["events", "size", "message → pixels", "blocked", "key → frame", "first paint", "blocked at start"],
];
for (const events of SIZES) rows.push(await speed(browser, events));
table(rows);
if (SNAPSHOTS > 0) {
  const { early, late, workers } = await heap(browser);
  process.stdout.write(
    `heap with ${HEAP_EVENTS} events, page and ${workers} worker: ${mb(early)} after 50 snapshots, ` +
      `${mb(late)} after ${SNAPSHOTS}: ${((late / early - 1) * 100).toFixed(1)} %\n`,
  );
}
await browser.close();
