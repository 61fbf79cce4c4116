// Of a new picture only the cells that differ are drawn: it must look as if all of it had been drawn anew. Both are
// drawn by the page's own modules on canvases of their own, so that nothing but that can make a difference.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import { browser, only } from "./fixture.mjs";
import { makeSite, randomOf, stamp } from "./site.mjs";

const STAGE = {
  width: 1200,
  height: 811,
  ratio: 1,
  across: false,
  words: { nowhere: "Nowhere", front: "Front", rear: "Rear", beside: "Beside" },
};

/** Runs in the page: what draws a site, as it is watched, there and so. */
async function begin({ inventory, coverage, watched, stage }) {
  const load = (path) => import(path);
  const { MapCanvas } = await load("/src/draw/canvas.ts");
  const { Picture } = await load("/src/api/picture.ts");
  const { PALETTES } = await load("/src/core/palette.ts");
  const picture = new Picture();
  picture.configure({ map_severity: 2 });
  picture.takeInventory(inventory);
  picture.takeCoverage(coverage);
  picture.watch(watched);
  const make = () => {
    const surface = new OffscreenCanvas(1, 1);
    const drawing = new MapCanvas(surface);
    drawing.set({ ...stage, palette: PALETTES.heat });
    const look = () =>
      new Uint32Array(surface.getContext("2d").getImageData(0, 0, surface.width, surface.height).data.buffer);
    return { drawing, look };
  };
  window.test = { picture, make, lasting: make(), shown: new Uint32Array() };
}

/** Runs in the page: whether the next picture looks like drawn anew, and how many pixels differ from the one before. */
function next([snapshot, now]) {
  const { picture, make, lasting, shown } = window.test;
  picture.take(snapshot);
  const scene = picture.scene(now);
  const anew = make();
  for (const { drawing } of [lasting, anew]) drawing.draw(scene);
  const [left, right] = [lasting.look(), anew.look()];
  window.test.shown = left;
  const differ = (one, two) => one.reduce((sum, pixel, i) => sum + Number(pixel !== two[i]), 0);
  return { wrong: differ(left, right), news: differ(left, shown), colours: new Set(left).size };
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
  let server;
  before(async () => {
    const root = fileURLToPath(new URL("..", import.meta.url));
    server = await createServer({
      root,
      logLevel: "error",
      server: { host: "127.0.0.1", port: 0, hmr: false, watch: null },
      optimizeDeps: { noDiscovery: true },
    });
    await server.listen();
  });
  after(() => server?.close());

  for (const [name, watched, stage] of [
    ["the site", {}, {}],
    ["the site on a screen of other pixels", {}, { ratio: 1.25 }],
    ["a large site, in less room than it needs", {}, { width: 500, height: 300 }],
    ["a data centre with its devices", { dc: "vla" }, {}],
    ["a data centre on a screen of other pixels", { dc: "vla" }, { ratio: 1.5 }],
    ["a filter", { filter: "sev>=high" }, {}],
    ["a wall", {}, { across: true, width: 1872, height: 986 }],
    ["a wall of other pixels", { dc: "sas" }, { across: true, width: 1872, height: 986, ratio: 1.25 }],
  ]) {
    test(`gives the pixels of drawing all anew: ${name}`, async () => {
      const random = randomOf(7);
      const site = makeSite({ racks: 400, devices: 4000, events: 400, seed: 5 });
      const page = await (await browser.newContext()).newPage();
      const { port } = server.httpServer.address();
      await page.route("**/blank", (route) => route.fulfill({ contentType: "text/html", body: "" }));
      await page.goto(`http://127.0.0.1:${port}/blank`);
      const { inventory, coverage } = site;
      await page.evaluate(begin, { inventory, coverage, watched, stage: { ...STAGE, ...stage } });
      let different = 0;
      for (let round = 0; round < 20; round++) {
        const note = { id: 1, place: `rack:${inventory.racks[round].id}`, text: "x" };
        const time = Date.now() + round * 2000;
        const snapshot = { ...site.snapshot(time), revision: time, notes: [note] };
        const { wrong, news, colours } = await page.evaluate(next, [snapshot, time]);
        assert.equal(wrong, 0, `round ${round}`);
        assert.ok(colours > 20, "something is drawn");
        if (round > 0 && news > 0) different++;
        shuffle(site, random, 20);
      }
      assert.ok(different > 15, "pictures differ");
      await page.context().close();
    });
  }
});
