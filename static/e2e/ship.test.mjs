// What is shipped: how much of it, and from where.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { mapOf } from "./browser.mjs";
import { aProblem, fresh, mock, only, page, rackOf, site, visit } from "./fixture.mjs";

const assets = new URL("../dist/assets/", import.meta.url);

describe("the page", only, () => {
  test("is at most 60 kB of compressed JavaScript, all of it counted, and has one dependency, of five at most", () => {
    const scripts = readdirSync(assets).filter((name) => name.endsWith(".js.gz"));
    const size = scripts.reduce((sum, name) => sum + readFileSync(new URL(name, assets)).length, 0);
    assert.ok(scripts.length > 0 && size <= 60_000, `${size} bytes in ${scripts.length} files`);
    const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    // Whoever adds another has a reason, and four more at most.
    assert.deepEqual(Object.keys(dependencies), ["preact"]);
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

  test("goes nowhere when a picture comes: address, focus, and how far map and panel are scrolled", async () => {
    const { rack } = rackOf(40);
    // As low as makes both of them longer than their room.
    const address = `?dc=sas&sel=rack:${rack.id}`;
    await visit(`/${address}`, { width: 1000, height: 300 });
    await mapOf(page);
    await page.locator(".panel .event").nth(39).waitFor();
    await page.locator("[role=gridcell][tabindex='0']").focus();
    const first = await page.evaluate(() => document.activeElement.id);
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((id) => document.activeElement.id !== id, first);
    await page.evaluate(() => {
      for (const box of document.querySelectorAll(".stage, .panel")) box.scrollTop = 40;
    });
    const standing = () =>
      page.evaluate(() => ({
        address: location.search,
        focus: document.activeElement.id,
        scrolled: [...document.querySelectorAll(".stage, .panel")].map(({ scrollTop }) => scrollTop),
      }));
    const before = await standing();
    assert.equal(before.address, address);
    assert.match(before.focus, /^cell-/);
    assert.deepEqual(before.scrolled, [40, 40]);
    const [one, other] = site.watched.filter(({ id }) => site.rackOf.get(id) !== rack.id);
    const mine = site.events.find(({ rack_id }) => rack_id === rack.id);
    for (const happens of [
      () => aProblem(one, { severity: 5 }),
      () =>
        site.fell(
          site.inventory.racks.find(({ id }) => id === site.rackOf.get(other.id)),
          Date.now(),
        ),
      () => Object.assign(mine, { severity: 5 }),
    ]) {
      happens();
      mock.push(fresh());
      await page.waitForFunction(
        (revision) => document.querySelector("#line").title.includes(String(revision)),
        mock.state.snapshot.revision,
      );
      assert.deepEqual(await standing(), before);
    }
    // The panel follows the map.
    await page.locator(".panel .event .swatch", { hasText: "5" }).waitFor();
    assert.deepEqual(await standing(), before);
  });
});
