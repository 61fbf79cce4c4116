// Of a new picture only the cells that differ are drawn: it must look as if all of it had been drawn anew.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { mapOf, open, until } from "./browser.mjs";
import { browser, only } from "./fixture.mjs";
import { startMock } from "./mock.mjs";
import { makeSite, randomOf, stamp } from "./site.mjs";

/** When the message that was drawn last arrived. */
const lastDrawn = (page) =>
  page.evaluate(() => performance.getEntriesByType("measure").at(-1)?.detail.arrived ?? 0);

/** Waits until what was asked for is on the canvas. */
const frames = (page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** A number for all that the canvas shows (FNV-1a). */
const pixels = (page) =>
  page.evaluate(() => {
    const { data, width, height } = window.painted();
    const colours = new Uint32Array(data.buffer);
    const hash = colours.reduce((sum, colour) => Math.imul(sum ^ colour, 0x01000193), 0x811c9dc5);
    return `${width}×${height} ${hash}`;
  });

/** Whether two pages come to show the same, and what: what a worker draws is on the screen some frames later. */
async function sameOf(page, other) {
  let [one, two] = ["", "other"];
  for (let n = 0; n < 100 && one !== two; n++) {
    await frames(page);
    [one, two] = [await pixels(page), await pixels(other)];
  }
  return one === two ? one : undefined;
}

/** Another size and back: all of the canvas is drawn anew. */
async function drawAnew(page) {
  const { width, height } = page.viewportSize();
  const before = await page.evaluate(() => document.querySelector("canvas").width);
  for (const [size, what] of [
    [width - 200, "another size"],
    [width, "the size before"],
  ]) {
    await page.setViewportSize({ width: size, height });
    await until(page, what, ([n, same]) => (document.querySelector("canvas").width === n) === same, [
      before,
      size === width,
    ]);
    await frames(page);
  }
}

/** Lets so many events, taken at random, come, go and change. */
function shuffle(site, random, count) {
  const some = (list) => list[Math.floor(random() * list.length)];
  for (let n = 0; n < count; n++) {
    const event = some(site.events);
    const what = Math.floor(random() * 7);
    if (what === 0) site.events.splice(site.events.indexOf(event), 1);
    else if (what === 1) event.severity = Math.floor(random() * 6);
    else if (what === 2) event.handled = some([undefined, "acknowledged", "suppressed", "dependent"]);
    else if (what === 3) event.since = stamp(Date.now() - random() * 300_000);
    else if (what === 4) event.incident = some([undefined, `rack:${event.rack_id}@1`]);
    else {
      const device = some(site.watched);
      for (let many = random() < 0.2 ? 14 : 1; many > 0; many--) {
        const id = 1_000_000 + Math.floor(random() * 1e9);
        site.makeEvent(id, device, ["Fan has stalled", Math.floor(random() * 6)], Date.now());
      }
    }
  }
}

describe("drawing what changed", only, () => {
  let mock;
  after(() => mock?.stop());

  for (const [name, address, options] of [
    // Of a screen with parts of pixels two full drawings differ already, by how the browser sets letters.
    ["the site", "/", {}],
    ["a data centre with its devices", "/?dc=vla", {}],
    ["a filter", "/?filter=sev%3E%3Dhigh", {}],
    ["a wall", "/?kiosk=1", {}],
  ]) {
    test(`gives the pixels of drawing all anew: ${name}`, async () => {
      const random = randomOf(7);
      const site = makeSite({ racks: 400, devices: 4000, events: 400, seed: 5 });
      await mock?.stop();
      mock = await startMock({ site });
      // One draws what differs, the other one, of the same picture, all of it anew.
      const visit = async () => {
        const one = await open(browser, mock.url + address, options);
        await mapOf(one);
        return one;
      };
      const page = await visit();
      // A wall that comes later has not jumped to what was new before.
      const wall = address.includes("kiosk") ? await visit() : undefined;
      let different = 0;
      let before = "";
      for (let round = 1; round <= 8; round++) {
        const pages = wall ? [page, wall] : [page];
        const arrived = await Promise.all(pages.map(lastDrawn));
        shuffle(site, random, 20);
        const note = { id: 1, place: `rack:${site.inventory.racks[round].id}`, text: "x" };
        mock.push({ ...site.snapshot(Date.now()), revision: Date.now() + round, notes: [note] });
        for (const [i, one] of pages.entries()) {
          await one.waitForFunction(
            (n) => (performance.getEntriesByType("measure").at(-1)?.detail.arrived ?? 0) > n,
            arrived[i],
          );
        }
        let anew;
        // In a worker's first moments a browser that pretends to have other pixels may set letters otherwise.
        for (let tries = 0; tries < 4 && anew === undefined; tries++) {
          if (wall) await drawAnew(wall);
          const other = wall ?? (await visit());
          anew = await sameOf(page, other);
          if (!wall) await other.context().close();
        }
        assert.ok(anew, `round ${round}: the pixels differ`);
        if (anew !== before) different++;
        before = anew;
      }
      assert.ok(different > 5, "pictures differ");
      for (const one of wall ? [page, wall] : [page]) {
        assert.deepEqual(one.complaints, []);
        await one.context().close();
      }
    });
  }
});
