// What a night needs: the wall, the sound, the held picture, and the first days.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cell, mapOf, until } from "./browser.mjs";
import { aProblem, fresh, mock, only, page, quietPlace, rackOf, site, visit, written } from "./fixture.mjs";
import { stamp } from "./site.mjs";

const title = () => page.locator(".kiosk h1");
const tabOf = (rack) =>
  site.inventory.rows
    .find(({ id }) => id === rack.row_id)
    .name.slice(0, 3)
    .toLowerCase();

/** A rack of another data centre than this, in which nothing happens. */
function elsewhere(dc) {
  const busy = new Set(site.events.map((event) => event.rack_id));
  const device = site.watched.find((one) => {
    const rack = site.inventory.racks.find(({ id }) => id === site.rackOf.get(one.id));
    return !busy.has(rack.id) && tabOf(rack) !== dc;
  });
  const rack = site.inventory.racks.find(({ id }) => id === site.rackOf.get(device.id));
  return { device, rack, dc: tabOf(rack) };
}

describe("a kiosk", only, () => {
  test("is nothing but the map, and goes round", async () => {
    await visit("/?kiosk=1&dc=sas&rotate=sas,vla&every=30");
    await title().filter({ hasText: "SAS" }).waitFor();
    await mapOf(page);
    for (const chrome of ["header.top", ".panel", ".crumbs", ".legend"]) {
      assert.equal(await page.locator(chrome).count(), 0, chrome);
    }
    assert.equal(await page.locator(".kiosk").evaluate((one) => getComputedStyle(one).cursor), "none");
    assert.match(page.url(), /kiosk=1&dc=sas&rotate=sas,vla&every=30/);
    // Nobody stands before it to let go of what is held.
    await page.keyboard.press(" ");
    site.makeEvent(960_001, quietPlace().device, ["Only now", 4], Date.now());
    mock.push(fresh());
    await cell(page, /High, 1 to act on, new/).waitFor({ state: "attached" });
  });

  test("goes round by itself, and `k` or Escape leave it", async () => {
    await visit("/?kiosk=1&rotate=sas,vla&every=1");
    for (const name of ["SAS", "VLA", "SAS"]) await title().filter({ hasText: name }).waitFor();
    await page.keyboard.press("k");
    await page.waitForURL((url) => url.search === "");
    await page.locator("header.top").waitFor();
    await page.keyboard.press("k");
    await page.waitForURL("**/?kiosk=1");
    await title().filter({ hasText: "All racks" }).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => url.search === "");
  });

  test("counts what stands on no rack too, with its worst severity, and has one number with the counters", async () => {
    site.events.length = 0;
    const { device } = quietPlace();
    aProblem(device);
    // One trigger over two hosts is one problem.
    for (const host of ["a", "b"]) {
      site.makeEvent(970_000, device, ["Nobody knows where", 5], Date.now() - 60_000, {
        id: `zabbix:970000:${host}`,
        key: `zabbix:970000:${host}`,
        rack_id: undefined,
        device_id: undefined,
        unplaced: "unknown_host",
      });
    }
    site.makeEvent(970_001, device, ["Somebody is at it", 5], Date.now() - 60_000, {
      rack_id: undefined,
      device_id: undefined,
      unplaced: "unknown_host",
      handled: "acknowledged",
    });
    mock.push(fresh());
    await visit("/?kiosk=1");
    await page.locator(".kiosk-count", { hasText: /^2 to act on · no data of \d+ racks?$/ }).waitFor();
    const unplaced = page.locator(".kiosk-unplaced", { hasText: "Unplaced 1" });
    await unplaced.locator("[title=Disaster]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#tray", { hasText: /^.?Unplaced1\/ 2$/ }).waitFor();
    await page.locator(".tab b").first().filter({ hasText: /^2$/ }).waitFor();
    const open = await page.locator(".counter[data-severity] b").allTextContents();
    assert.equal(
      open.reduce((sum, text) => sum + Number(text), 0),
      2,
    );
  });

  test("says when the address names a data centre that is not there", async () => {
    await visit("/?kiosk=1&dc=nosuch");
    await page.locator(".kiosk-bar .why", { hasText: "No such data centre: nosuch" }).waitFor();
    await page.goto(`${mock.url}/?kiosk=1&dc=sas`);
    await title().filter({ hasText: "SAS" }).waitFor();
    assert.equal(await page.locator(".kiosk-bar .why").count(), 0);
  });

  test("jumps to what is new and high, and stays until somebody takes care of it", async () => {
    await visit("/?kiosk=1&dc=sas");
    await title().filter({ hasText: "SAS" }).waitFor();
    const other = elsewhere("sas");
    const event = aProblem(other.device);
    mock.push(fresh());
    await title().filter({ hasText: other.dc.toUpperCase() }).waitFor();
    await page.locator(".kiosk-bar .held", { hasText: event.name }).waitFor();
    event.handled = "acknowledged";
    event.acknowledged = { by: "a", at: stamp(Date.now()), origin: "heat" };
    mock.push(fresh());
    await title().filter({ hasText: "SAS" }).waitFor();
  });

  test("goes back after five minutes, though nobody took care of it, and keeps the screen awake", async () => {
    await visit();
    await page.addInitScript(() =>
      Object.defineProperty(navigator, "wakeLock", {
        value: { request: (what) => Promise.resolve((window.awake = what)) },
      }),
    );
    await page.clock.install();
    await page.goto(`${mock.url}/?kiosk=1&dc=sas`);
    await title().filter({ hasText: "SAS" }).waitFor();
    assert.equal(await page.evaluate(() => window.awake), "screen");
    const other = elsewhere("sas");
    aProblem(other.device);
    mock.push(fresh());
    await title().filter({ hasText: other.dc.toUpperCase() }).waitFor();
    await page.clock.fastForward("04:50");
    mock.push(fresh());
    assert.equal(await title().textContent(), other.dc.toUpperCase());
    await page.clock.fastForward("00:20");
    mock.push(fresh());
    await title().filter({ hasText: "SAS" }).waitFor();
  });

  test("keeps to a saved view, and says which", async () => {
    const { rack } = quietPlace();
    mock.state.views.push({
      id: 1,
      name: "Core",
      expression: "{core}",
      filter: "",
      owner: "a",
      shared: true,
      version: 1,
      updated_at: stamp(Date.now()),
    });
    mock.state.members[1] = { racks: [rack.id] };
    await visit("/?kiosk=1&view=1");
    await page.locator(".kiosk-bar", { hasText: "Core" }).waitFor();
    await until(
      page,
      "all but one are dimmed",
      (n) => {
        const cells = [...document.querySelectorAll("[role=gridcell]")];
        return cells.filter((one) => /not in the filter/.test(one.ariaLabel)).length === n - 1;
      },
      site.inventory.racks.length,
    );
  });

  test("does not jump for what is less than high", async () => {
    await visit("/?kiosk=1&dc=sas");
    await title().filter({ hasText: "SAS" }).waitFor();
    const other = elsewhere("sas");
    site.makeEvent(930_000, other.device, ["Fan is slow", 3], Date.now());
    const snapshot = fresh();
    mock.push(snapshot);
    await cell(page, /./).first().waitFor({ state: "attached" });
    await until(page, "the picture", (n) => document.title === `(${n}) Heat`, await waitingOf(snapshot));
    assert.equal(await title().textContent(), "SAS");
  });

  test("says NOT LIVE, and which source cannot be trusted", async () => {
    const stale = fresh();
    stale.sources.find(({ name }) => name === "zabbix").fetched_at = stamp(Date.now() - 600_000);
    mock.push(stale);
    await visit("/?kiosk=1");
    await page.locator(".kiosk-bar .chip.stale", { hasText: "zabbix" }).waitFor();
    await page.locator(".kiosk-count", { hasText: /^≥ \d+ to act on · no data of \d+ racks?$/ }).waitFor();
    // Nor is it calm, as far as anybody knows.
    site.events.length = 0;
    const empty = fresh({ sources: stale.sources });
    mock.push(empty);
    await page.locator(".kiosk-count", { hasText: /^≥ 0 to act on · no data of \d+ racks?$/ }).waitFor();
    mock.state.clock = 300_000;
    await page.reload();
    await page.locator(".kiosk-bar .band b", { hasText: "NOT LIVE" }).waitFor();
  });

  for (const [width, locale] of [
    [1280, "ru-RU"],
    [1280, "en-GB"],
    [3840, "en-GB"],
  ]) {
    test(`says NOT LIVE to be read whole, ${width} wide, ${locale}`, async () => {
      const stale = fresh();
      for (const source of stale.sources) source.fetched_at = stamp(Date.now() - 600_000);
      mock.push(stale);
      mock.state.clock = 300_000;
      await visit("/?kiosk=1&dc=sas", { width, height: 800, locale });
      await page.locator(".kiosk-bar .band b").waitFor();
      const { cut, size, title } = await page.evaluate(() => {
        const band = document.querySelector(".band");
        const right = band.getBoundingClientRect().right;
        const parts = [...band.querySelectorAll("b, span, button")];
        return {
          cut:
            parts.filter(
              (part) => part.scrollWidth > part.clientWidth && getComputedStyle(part).display !== "inline",
            ).length + parts.filter((part) => part.getBoundingClientRect().right > right).length,
          size: getComputedStyle(band.querySelector("b")).fontSize,
          title: getComputedStyle(document.querySelector(".kiosk-bar")).fontSize,
        };
      });
      assert.equal(cut, 0);
      assert.equal(size, title, "as large as what stands beside it");
    });
  }

  test("names the racks of which nothing is heard, however calm the others are", async () => {
    site.events.length = 0;
    mock.push(fresh({ no_data: [] }));
    await visit("/?kiosk=1&dc=sas");
    await page.locator(".kiosk-count", { hasText: /^Nothing to act on/ }).waitFor();
    mock.push(fresh({ no_data: site.inventory.devices.map(({ id }) => id) }));
    await page.locator(".kiosk-count", { hasText: /^Nothing to act on · no data of \d+ racks?$/ }).waitFor();
    await page.keyboard.press("k");
    await page.locator(".crumbs .facts", { hasText: /^\d+ racks · no data of \d+ racks?$/ }).waitFor();
    await page.locator(".panel .lead", { hasText: /^Nothing to act on · no data of \d+ racks?$/ }).waitFor();
  });

  test("does not say that all is calm before it has a picture", async () => {
    const first = mock.state.snapshot;
    mock.state.snapshot = undefined;
    await visit("/?kiosk=1");
    await page.locator(".kiosk-count", { hasText: "Waiting for the first picture" }).waitFor();
    site.events.length = 0;
    mock.push({ ...fresh(), revision: first.revision + 1 });
    await page.locator(".kiosk-count", { hasText: "Nothing to act on" }).waitFor();
  });

  test("takes a newer page by itself", async () => {
    let version = "1";
    await visit();
    await page.route("**/version.json", (route) => route.fulfill({ json: { version } }));
    await page.clock.install();
    const first = page.waitForResponse("**/version.json");
    await page.goto(`${mock.url}/?kiosk=1`);
    await (await first).finished();
    await title().waitFor();
    await page.evaluate(() => (window.before = true));
    version = "2";
    await page.clock.runFor(61_000);
    await page.waitForFunction(() => window.before === undefined);
    await title().waitFor();
  });
});

/** How many distinct problems at or above the map severity somebody must act on. */
async function waitingOf(snapshot) {
  const open = snapshot.events.filter(({ handled, severity }) => !handled && severity >= 2);
  return new Set(open.map(({ id }) => id.split(":")[1])).size;
}

describe("the sound", only, () => {
  const sounds = () => page.evaluate(() => performance.getEntriesByName("heat: sound").length);
  const heard = (n) =>
    until(page, `${n} sounds`, (count) => performance.getEntriesByName("heat: sound").length === count, n);

  test("is off until switched on; then what is new is heard once, and what only came back is not", async () => {
    await visit();
    await mapOf(page);
    const { device } = quietPlace();
    site.makeEvent(939_999, device, ["Before the sound", 5], Date.now());
    mock.push(fresh());
    await page.locator(".panel .event b", { hasText: "Before the sound" }).waitFor();
    assert.equal(await sounds(), 0);
    await page.keyboard.press("m");
    await page.locator("#sound", { hasText: "Sound: High" }).waitFor();
    site.makeEvent(940_000, device, ["Back again", 5], Date.now() - 5000, {
      last_time: { cleared_at: stamp(Date.now() - 60_000) },
    });
    site.makeEvent(940_001, device, ["Not that bad", 3], Date.now());
    mock.push(fresh());
    await page.locator(".panel .event b", { hasText: "Not that bad" }).waitFor();
    assert.equal(await sounds(), 0);
    site.makeEvent(940_002, device, ["New and bad", 4], Date.now());
    mock.push(fresh());
    await heard(1);
    site.makeEvent(940_003, device, ["Newer and worse", 5], Date.now());
    mock.push(fresh());
    await page.locator(".panel .event b", { hasText: "Newer and worse" }).waitFor();
    assert.equal(await sounds(), 1, "ten seconds lie between two");
    await page.keyboard.press("m");
    await page.locator("#sound", { hasText: "Sound off" }).waitFor();
  });

  test("is chosen by severity, volume and repetition, and kept; outside the filter nothing is heard", async () => {
    await visit("/?filter=host:nobody");
    await mapOf(page);
    await page.locator("#sound").click();
    await page.getByLabel("Warning and worse").check();
    await page.getByLabel("10 %").check();
    await page.getByLabel("Yes").first().check();
    await page.keyboard.press("Escape");
    await page.evaluate(() => performance.clearMarks());
    aProblem(quietPlace().device);
    mock.push(fresh());
    await until(page, "the picture", () =>
      document.querySelector(".filtered span")?.textContent.startsWith("0 of"),
    );
    assert.equal(await sounds(), 0);
    await page.reload();
    await page.locator("#sound", { hasText: "Sound: Warning" }).waitFor();
  });

  test("notifications of the desktop come by choice, with the sound or without", async () => {
    await visit();
    await page.addInitScript(() => {
      window.notes = [];
      window.Notification = class {
        static permission = "default";
        static requestPermission() {
          this.permission = "granted";
          return Promise.resolve("granted");
        }
        constructor(name, { body, tag }) {
          window.notes.push([name, body, tag]);
        }
      };
    });
    await page.reload();
    await mapOf(page);
    await page.locator("#sound").click();
    await page.getByRole("group", { name: "Notifications" }).getByLabel("Yes").check();
    await page.keyboard.press("Escape");
    const event = aProblem(quietPlace().device);
    site.makeEvent(940_009, quietPlace().device, ["Less", 3], Date.now());
    mock.push(fresh());
    await until(page, "a notification", () => window.notes.length > 0);
    assert.deepEqual(await page.evaluate(() => window.notes), [[event.name, event.host, event.id]]);
  });

  test("the icon takes the colour of the worst, and the title counts", async () => {
    site.events.length = 0;
    mock.push(fresh());
    await visit();
    await mapOf(page);
    const icon = () => page.locator("link[rel=icon]").getAttribute("href");
    assert.equal(await icon(), "/favicon.svg");
    aProblem(quietPlace().device);
    mock.push(fresh());
    await until(page, "the icon", () =>
      document.querySelector("link[rel=icon]").href.endsWith("/favicon-heat-4.svg"),
    );
    const answer = await page.request.get(`${mock.url}${await icon()}`);
    assert.match(await answer.text(), /fill="#ea2c28"/);
  });
});

describe("a held picture", only, () => {
  test("stays as it is, counts what is newer, and goes on when asked", async () => {
    await visit();
    await mapOf(page);
    await page.keyboard.press(" ");
    await page.locator("button.held", { hasText: /frozen 00:0\d, 0 newer/ }).waitFor();
    site.makeEvent(960_000, quietPlace().device, ["Only now", 4], Date.now());
    mock.push(fresh());
    mock.push(fresh());
    await page.locator("button.held", { hasText: "2 newer" }).waitFor();
    assert.equal(await page.locator(".panel .event b", { hasText: "Only now" }).count(), 0);
    assert.equal(await page.locator(".band").count(), 0, "it is held, not dead");
    await page.keyboard.press(" ");
    await page.locator("button.held").waitFor({ state: "detached" });
    await page.locator(".panel .event b", { hasText: "Only now" }).first().waitFor();
  });

  test("goes on by itself when somebody acts", async () => {
    const { made } = rackOf(1);
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    await page.locator(".do button").first().waitFor();
    await page.keyboard.press(" ");
    await page.locator("button.held").waitFor();
    await page.keyboard.press("a");
    await page.locator("dialog.act button.primary").click();
    await page.locator("button.held").waitFor({ state: "detached" });
    await page.locator(".panel .severity .swatch.handled").waitFor();
  });
});

describe("the first days", only, () => {
  test("old problems are offered to be taken on as backlog, all at once and only if one is sure", async () => {
    const { device } = quietPlace();
    for (let i = 0; i < 30; i++) {
      site.makeEvent(950_000 + i, device, [`Old ${i}`, 2], Date.now() - 8 * 86_400_000);
    }
    mock.push(fresh());
    mock.state.filtered = site.events
      .filter(({ since, handled }) => !handled && Date.parse(since) < Date.now() - 7 * 86_400_000)
      .map(({ id }) => id);
    const count = mock.state.filtered.length;
    await visit();
    const hint = page.locator(".backlog");
    await hint.filter({ hasText: `${count} events older than 7 days` }).waitFor();
    await hint.locator(".primary").click();
    assert.deepEqual(written("POST /events/acknowledge"), []);
    await hint.locator(".primary", { hasText: `all ${count}` }).click();
    await hint.waitFor({ state: "detached" });
    assert.deepEqual(written("POST /events/acknowledge"), [
      { filter: "age>7d -handled", count, until_worsens: true, text: "Backlog" },
    ]);
  });

  test("when their number has moved, the next try is about the new one", async () => {
    const { device } = quietPlace();
    for (let i = 0; i < 30; i++)
      site.makeEvent(950_000 + i, device, [`Old ${i}`, 2], Date.now() - 8 * 86_400_000);
    mock.push(fresh());
    mock.state.filtered = site.events.slice(0, 7).map(({ id }) => id);
    await visit();
    const hint = page.locator(".backlog");
    await hint.locator(".primary").click();
    await hint.locator(".primary").click();
    await hint.locator(".why", { hasText: "another number" }).waitFor();
    await hint.locator(".primary", { hasText: "all 7" }).click();
    await hint.waitFor({ state: "detached" });
  });
});
