// Measures what SCREEN's budgets name, in this machine's Chromium: `npm run measure`. Prints a table, asserts nothing.
import { launch, mapOf, open } from "./browser.mjs";
import { startMock } from "./mock.mjs";
import { makeSite } from "./site.mjs";

const ROUNDS = 15;
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

const browser = await launch();
for (const events of [200, 20_000, 50_000]) {
  const site = makeSite({ racks: 2000, devices: 50_000, events });
  const mock = await startMock({ site });
  const page = await open(browser, "about:blank", { timeout: 60_000 });
  await page.addInitScript(() => {
    window.blocked = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.blocked.push(entry.duration);
    }).observe({ type: "longtask", buffered: true });
  });
  const started = Date.now();
  await page.goto(mock.url);
  await mapOf(page);
  const firstMap = Date.now() - started;
  const firstPaint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  );
  const startBlocked = await page.evaluate(() => window.blocked.splice(0));
  await page.evaluate(() => performance.clearMeasures());
  const wanted = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = await page.evaluate(() => performance.getEntriesByType("measure").length);
    site.events[round].severity = (site.events[round].severity + 1) % 6;
    mock.push(site.snapshot(Date.now()));
    await page.waitForFunction((n) => performance.getEntriesByType("measure").length > n, before);
    wanted.push(await page.evaluate(() => performance.getEntriesByType("measure").at(-1).duration));
    await page.waitForTimeout(300);
  }
  const blocked = await page.evaluate(() => window.blocked);
  // What the keyboard feels: from a key to the next frame.
  const answers = [];
  await page.locator("[role=gridcell][tabindex='0']").focus();
  for (let round = 0; round < ROUNDS; round++) {
    answers.push(
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
  const size = (JSON.stringify(mock.state.snapshot).length / 1e6).toFixed(1);
  process.stdout.write(
    `${events} events (${size} MB): first paint ${Math.round(firstPaint ?? 0)} ms, first map ${firstMap} ms, ` +
      `message to pixels ${median(wanted).toFixed(0)} ms (worst ${Math.max(...wanted).toFixed(0)}), ` +
      `key to frame ${median(answers).toFixed(0)} ms, page blocked over 50 ms: ` +
      `${startBlocked.length} times at the start (worst ${Math.max(0, ...startBlocked)} ms), ` +
      `${blocked.length} in ${ROUNDS} messages (worst ${Math.max(0, ...blocked)} ms)\n`,
  );
  await page.context().close();
  await mock.stop();
}
await browser.close();
