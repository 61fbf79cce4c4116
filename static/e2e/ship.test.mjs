// What is shipped: how much of it, and from where.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { mapOf } from "./browser.mjs";
import { fresh, mock, only, page, site, visit } from "./fixture.mjs";

const assets = new URL("../dist/assets/", import.meta.url);

describe("the page", only, () => {
  test("is at most 60 kB of compressed JavaScript, all of it counted, and has at most five dependencies", () => {
    const scripts = readdirSync(assets).filter((name) => name.endsWith(".js.gz"));
    const size = scripts.reduce((sum, name) => sum + readFileSync(new URL(name, assets)).length, 0);
    assert.ok(scripts.length > 0 && size <= 60_000, `${size} bytes in ${scripts.length} files`);
    const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    assert.ok(Object.keys(dependencies).length <= 5);
  });

  test("asks nobody but its own server, and moves nothing when a picture comes", async () => {
    await visit("/favicon.svg");
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(mock.url);
    await mapOf(page);
    await page.locator("#line[data-line=live]").waitFor();
    const others = asked.filter((address) => !address.startsWith(mock.url) && !address.startsWith("data:"));
    assert.deepEqual(others, []);
    const dictionaries = asked.filter((address) => /\/(en|ru)-[^/]*\.json$/.test(address));
    assert.equal(dictionaries.length, 1, "one language is loaded");
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          window.shifts = [];
          new PerformanceObserver((list) => {
            for (const { node } of list.getEntries().flatMap(({ sources }) => sources))
              if (node)
                window.shifts.push({
                  node: node.nodeName,
                  list: node.parentElement?.closest(".events") !== null,
                });
          }).observe({ type: "layout-shift" });
          resolve();
        }),
    );
    const event = site.events.find(({ handled }) => handled === undefined);
    for (const news of [{}, { severity: 5 }, { handled: "acknowledged" }]) {
      Object.assign(event, news);
      mock.push(fresh());
      await page.waitForFunction(
        (revision) => document.querySelector("#line").title.includes(String(revision)),
        mock.state.snapshot.revision,
      );
      const shifts = await page.evaluate(() => window.shifts);
      // The list is in the order of who is worst, and that may be news. All else stays.
      const mayMove = ({ list }) => list && Object.keys(news).length > 0;
      assert.deepEqual(
        shifts.filter((shift) => !mayMove(shift)),
        [],
      );
    }
  });
});
