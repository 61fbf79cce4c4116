// What the worker does by itself as time goes by. Its clock is set, so that nobody has to wait.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mapOf } from "./browser.mjs";
import { fresh, mock, only, page, site, visit } from "./fixture.mjs";

/** The worker of the page, with clocks that can be set (`skew`, in milliseconds) and a count of its ticks. */
async function workerOf() {
  const [worker] = page.workers();
  await worker.evaluate(() => {
    const [monotonic, date, post] = [
      performance.now.bind(performance),
      Date.now,
      self.postMessage.bind(self),
    ];
    self.skew = 0;
    self.ticks = 0;
    performance.now = () => monotonic() + self.skew;
    Date.now = () => date() + self.skew;
    self.postMessage = (message, ...rest) => {
      if (message.type === "tick") self.ticks++;
      post(message, ...rest);
    };
  });
  return worker;
}

/** Sets the clocks ahead, and lets the worker look at them more than once. */
async function goOn(worker, milliseconds) {
  await worker.evaluate((ahead) => {
    self.skew += ahead;
    self.ticks = 0;
  }, milliseconds);
  while ((await worker.evaluate(() => self.ticks)) < 3);
}

const asked = (path) => mock.state.requests.filter((one) => one === `GET ${path}`).length;

describe("as time goes by", only, () => {
  test("the server is asked what time it is every ten minutes", async () => {
    await visit();
    await mapOf(page);
    const worker = await workerOf();
    const before = asked("/api/v1/me");
    await goOn(worker, 580_000);
    assert.equal(asked("/api/v1/me"), before, "not before");
    await goOn(worker, 30_000);
    assert.equal(asked("/api/v1/me"), before + 1);
    await goOn(worker, 580_000);
    assert.equal(asked("/api/v1/me"), before + 1, "and not all the time from then on");
  });

  test("a newer inventory is fetched at a moment of its own within ten seconds: a thousand pages are no stampede", async () => {
    for (const [random, pause] of [
      [0.999, 9990],
      [0.25, 2500],
    ]) {
      await visit();
      await mapOf(page);
      const [worker] = page.workers();
      await worker.evaluate((chosen) => {
        Math.random = () => chosen;
        const wait = self.setTimeout.bind(self);
        self.pauses = [];
        self.setTimeout = (run, milliseconds) => {
          // Longer ones watch over the line.
          if (milliseconds > 10_000) return wait(run, milliseconds);
          self.pauses.push(milliseconds);
          return wait(run, 0);
        };
      }, random);
      const version = `newer-${pause}`;
      mock.state.inventory = { ...site.inventory, version };
      const before = asked("/api/v1/inventory");
      mock.push({ ...fresh(), inventory_version: version });
      while (asked("/api/v1/inventory") === before)
        await page.evaluate(() => new Promise(requestAnimationFrame));
      assert.equal(Math.round((await worker.evaluate(() => self.pauses))[0]), pause);
    }
  });

  test("what is held goes on by itself after five minutes", async () => {
    await visit();
    await mapOf(page);
    const worker = await workerOf();
    await page.keyboard.press(" ");
    const held = page.locator("button.held");
    await held.waitFor();
    await goOn(worker, 290_000);
    assert.equal(await held.count(), 1);
    await goOn(worker, 11_000);
    await held.waitFor({ state: "detached" });
  });
});
