// What every browser test stands on: a page in Chromium, and a stand-in for the API with a small site, new for each test.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { launch, open } from "./browser.mjs";
import { startMock } from "./mock.mjs";
import { makeSite } from "./site.mjs";

/** As the palette has it. */
export const HIGH = "#ea2c28";

// Where HEAT_URL names a stack, that is what is tested.
export const only = { skip: process.env.HEAT_URL ? "HEAT_URL names a stack" : false };

export let browser;
export let mock;
export let site;
export let page;

before(async () => {
  if (!only.skip) browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  site = makeSite({ racks: 60, devices: 900, events: 12 });
  mock = await startMock({ site });
});
afterEach(async () => {
  const complaints = page?.complaints ?? [];
  await page?.context().close();
  page = undefined;
  await mock.stop();
  mock = undefined;
  assert.deepEqual(complaints, [], "errors of the page");
});

/** Opens the page at an address. */
export const visit = async (query = "/", options = {}) => {
  page = await open(browser, mock.url + query, options);
  return page;
};

/** A snapshot newer than any before it. */
let revision = 0;
export const fresh = (changes = {}) => {
  revision = Math.max(revision + 1, Date.now());
  return { ...site.snapshot(Date.now() + mock.state.clock, changes), revision };
};

/** A rack in which nothing happens, and a device in it. */
export function quietPlace() {
  const busy = new Set([
    ...site.events.map((event) => event.rack_id),
    ...site.snapshot().no_data.map((id) => site.rackOf.get(id)),
  ]);
  const device = site.watched.find((other) => !busy.has(site.rackOf.get(other.id)));
  const rack = site.inventory.racks.find((other) => other.id === site.rackOf.get(device.id));
  return { device, rack };
}

export const aProblem = (device, fields = {}) =>
  site.makeEvent(900_000, device, ["Power supply 1 has failed", 4], Date.now() - 30_000, fields);

/** A quiet rack gets so many problems. */
export function rackOf(count, fields = {}) {
  const { device, rack } = quietPlace();
  const made = Array.from({ length: count }, (_, i) =>
    site.makeEvent(910_000 + i, device, [`Fan ${i + 1} has stalled`, 4], Date.now() - 60_000 - i, fields),
  );
  mock.push(fresh());
  return { made, rack, device };
}

/** Bodies of the writing requests of this name, `POST /notes`. */
export const written = (what) => mock.state.written.filter(([name]) => name === what).map(([, body]) => body);
