// Views: named heatmaps. And the pages of a rack and a device, and what is wrong with the inventory.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cell, mapOf, until, untilPixels } from "./browser.mjs";
import {
  aProblem,
  fresh,
  HIGH,
  mock,
  only,
  page,
  quietPlace,
  rackOf,
  site,
  visit,
  written,
} from "./fixture.mjs";
import { stamp } from "./site.mjs";

const dialog = () => page.locator("dialog.views");
const dimmed = (not) =>
  page.evaluate(
    (wanted) =>
      [...document.querySelectorAll("[role=gridcell]")].filter(
        (one) => /not in the filter/.test(one.ariaLabel) !== wanted,
      ).length,
    not,
  );

describe("views", only, () => {
  const aView = (fields = {}) => {
    const view = {
      id: mock.state.nextView++,
      name: "Core",
      expression: "{core}",
      filter: "",
      shared: true,
      owner: "a.petrova",
      version: 3,
      updated_at: stamp(Date.now()),
      ...fields,
    };
    mock.state.views.push(view);
    return view;
  };

  test("one that is chosen dims what it does not mean; the address names it, and the way out is beside it", async () => {
    site.events.length = 0;
    const { rack, device } = quietPlace();
    aProblem(device);
    const view = aView();
    mock.state.members[view.id] = { racks: [rack.id] };
    mock.push(fresh());
    await visit();
    await mapOf(page);
    await page.locator("#views").click();
    await dialog().locator("button.name", { hasText: "Core" }).click();
    await page.waitForURL(`**/?view=${view.id}`);
    await page.locator("#views", { hasText: "Core" }).waitFor();
    const all = site.inventory.racks.length;
    await page.waitForFunction((n) => {
      const cells = [...document.querySelectorAll("[role=gridcell]")];
      return cells.filter((one) => /not in the filter/.test(one.ariaLabel)).length === n - 1;
    }, all);
    await page.reload();
    await page.locator("#views", { hasText: "Core" }).waitFor();
    await page.locator(".view button", { hasText: "×" }).click();
    await page.waitForURL((url) => url.search === "");
    await until(page, "all", () => {
      const said = [...document.querySelectorAll("[role=gridcell]")].map((one) => one.ariaLabel).join();
      return /calm/.test(said) && !/not in the filter/.test(said);
    });
    assert.equal(await dimmed(true), all);
  });

  test("what is outside of it is painted faintly, and in no number", async () => {
    site.events.length = 0;
    const { rack, device } = quietPlace();
    aProblem(device);
    const view = aView();
    mock.state.members[view.id] = { racks: [rack.id + 1] };
    mock.push(fresh());
    await visit();
    await mapOf(page);
    await page.locator(".tab b").first().filter({ hasText: /^1$/ }).waitFor();
    await until(page, "a red cell", () => document.title === "(1) Heat");
    await untilPixels(page, HIGH, (count) => count > 0);
    await page.goto(`${mock.url}/?view=${view.id}`);
    await mapOf(page);
    await page.locator("#views", { hasText: "Core" }).waitFor();
    await page.locator(".panel .lead", { hasText: "Nothing to act on" }).waitFor();
    await untilPixels(page, HIGH, 0);
    assert.equal(await page.locator(".tab b").count(), 0);
    assert.equal(await page.locator(".counter[data-severity='4'] b").textContent(), "0");
    await cell(page, "High, 1 to act on").waitFor({ state: "attached" });
  });

  test("its filter holds together with one's own", async () => {
    const { made } = rackOf(3);
    const view = aView({ expression: "", filter: "name:stalled" });
    await visit(`/?view=${view.id}&filter=name:%22fan+2%22&list=page&all=1`);
    await page.locator(".rows tr[data-at]").first().waitFor();
    await until(page, "one row", () => document.querySelectorAll("[data-at]").length === 1);
    assert.match(await page.locator(".rows tr[data-at]").textContent(), new RegExp(made[1].name));
  });

  test("are created with the filter in force, and a mistake is shown where it is", async () => {
    await visit("/?filter=sev%3E%3Dhigh");
    await mapOf(page);
    await page.keyboard.press("v");
    await dialog().locator(".lead", { hasText: "no views yet" }).waitFor();
    await dialog().locator("button", { hasText: "New view" }).click();
    await dialog().getByLabel("Name").fill("Mine");
    assert.equal(await dialog().getByLabel("Events").inputValue(), "sev>=high");
    await dialog().getByLabel("Racks and devices").fill("{core} AND {prod}");
    await dialog().getByLabel("Everybody").check();
    await dialog().locator("button.primary").click();
    const mistake = dialog().locator(".mistake-at");
    await mistake.filter({ hasText: "lower case" }).waitFor();
    assert.equal(await mistake.locator("mark").textContent(), "AND");
    assert.equal(
      await page.evaluate(() => document.activeElement.id + document.activeElement.selectionStart),
      "view-expression7",
    );
    await dialog().getByLabel("Racks and devices").fill("{core} and {prod}");
    await dialog().locator("button.primary").click();
    await dialog().waitFor({ state: "detached" });
    await page.waitForURL("**view=1*");
    assert.deepEqual(written("POST /views").at(-1), {
      name: "Mine",
      expression: "{core} and {prod}",
      filter: "sev>=high",
      shared: true,
    });
  });

  test("are changed and deleted by whoever may, in the version that was seen", async () => {
    const view = aView({ editable: true });
    aView({ name: "Of others" });
    await visit(`/?view=${view.id}`);
    await page.locator("#views", { hasText: "Core" }).waitFor();
    await page.locator("#views").click();
    await dialog().locator("li").nth(1).waitFor();
    assert.equal(await dialog().locator("li button.link").count(), 1);
    await dialog().locator("li button.link").click();
    view.version++;
    await dialog().getByLabel("Name").fill("Core 2");
    await dialog().locator("button.primary").click();
    await dialog().locator(".why", { hasText: "changed meanwhile" }).waitFor();
    assert.equal(await dialog().getByLabel("Name").inputValue(), "Core 2");
    await dialog().locator(".do button", { hasText: "Back" }).click();
    await dialog().locator("li button.link").click();
    await dialog().locator(".do button", { hasText: "Delete" }).click();
    await dialog().locator(".do button", { hasText: "Delete for good?" }).click();
    await dialog().waitFor({ state: "detached" });
    await page.waitForURL((url) => url.search === "");
    assert.equal(mock.state.views.length, 1);
  });

  test("with a long name leave room for Edit", async () => {
    aView({ name: "A name without an end ".repeat(4).trim().slice(0, 80), editable: true });
    await visit();
    await mapOf(page);
    await page.keyboard.press("v");
    const line = dialog().locator("li").first();
    const [name, edit] = [line.locator("b"), line.locator("button", { hasText: "Edit" })];
    for (const width of [1600, 390]) {
      await page.setViewportSize({ width, height: 800 });
      const [a, b] = [await name.boundingBox(), await edit.boundingBox()];
      assert.ok(a.x + a.width <= b.x && b.x + b.width <= width, `${width}: ${JSON.stringify([a, b])}`);
    }
  });

  test("that are gone, or name what does not exist, say so", async () => {
    await visit("/?view=77");
    await page.locator("#views.wrong", { hasText: "no such view" }).waitFor();
    const view = aView();
    mock.state.members[view.id] = { unknown: ["{no such tag}"] };
    await page.goto(`${mock.url}/?view=${view.id}`);
    await page.locator("#views.wrong", { hasText: "Core" }).waitFor();
    await until(page, "why", () => document.querySelector("#views").title.includes("no such tag"));
    await page.locator("#views", { hasText: "nothing has the tag {no such tag}" }).waitFor();
  });
});

describe("an event that never was", only, () => {
  test("is not said to be over", async () => {
    await visit("/?event=nosuch");
    await page.locator(".panel .gone", { hasText: "There is no such problem" }).waitFor();
  });
});

describe("a place", only, () => {
  test("a rack tells its tags and number, and leads to its page in RackTables", async () => {
    const { rack } = quietPlace();
    Object.assign(rack, { asset_no: "R-77", tags: ["prod", "core"], comment: "Mind the cable" });
    await visit(`/?sel=rack:${rack.id}`);
    const facts = page.locator(".place-facts");
    await facts.waitFor();
    for (const text of ["R-77", "prod, core", "Mind the cable"])
      assert.match(await facts.textContent(), new RegExp(text));
    assert.match(await facts.locator("a").getAttribute("href"), /racktables.*rack_id=\d+$/);
  });

  test("a device tells who watches it, where it stands, and leads to its page", async () => {
    const { device, rack } = quietPlace();
    Object.assign(device, { serial: "SN-1", asset_no: "A-1" });
    await visit(`/?sel=device:${device.id}`);
    const facts = page.locator(".place-facts");
    await facts.waitFor();
    for (const text of ["SN-1", "A-1", "zabbix"]) assert.match(await facts.textContent(), new RegExp(text));
    if (device.mounts) {
      await facts.locator("button.link").click();
      await page.waitForURL(`**rack=${rack.id}*`);
    }
  });

  test("one that the inventory does not have says so, on the map and beside it", async () => {
    await visit("/?rack=999999&sel=rack:999999");
    await page.locator(".stage .hint", { hasText: "no such rack" }).waitFor();
    await page.locator(".panel .lead", { hasText: "there is no such rack" }).waitFor();
  });

  test("the inventory's chip lists what is to be mended in it, by kind and page by page", async () => {
    const { device } = quietPlace();
    mock.state.inventoryProblems = [
      ...Array.from({ length: 60 }, (_, i) => ({
        kind: "unknown_host",
        host: `ghost-${i}`,
        text: "no such host",
      })),
      { kind: "no_rack", what: "device", id: device.id, name: device.name, text: "stands nowhere" },
    ];
    await visit();
    await page.locator(".chip[data-source=inventory]", { hasText: "Inventory" }).click();
    await page.waitForURL("**/?sel=source:inventory");
    const list = page.locator(".problems");
    await list.locator("li").nth(49).waitFor();
    await list.locator("button.wide").click();
    await list.locator("li").nth(60).waitFor();
    await list.locator(".do button", { hasText: "in no rack" }).click();
    await until(page, "one", () => document.querySelectorAll(".problems li").length === 1);
    await list.locator("li button").click();
    await page.waitForURL(`**sel=device:${device.id}*`);
  });
});

describe("the past", only, () => {
  test("an event tells since when it is, what it is tagged with, and where its source has it", async () => {
    const { made } = rackOf(1, {
      since: stamp(Date.now() - 3 * 3_600_000),
      tags: [{ tag: "scope", value: "power" }, { tag: "netops" }],
    });
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    const facts = page.locator(".panel .facts");
    await facts.waitFor();
    assert.deepEqual(await facts.locator(".tags span").allTextContents(), ["scope: power", "netops"]);
    await facts.locator("dd", { hasText: /\d\d:\d\d:\d\d · 3 h ago$/ }).waitFor();
    const source = facts.locator("a");
    assert.equal(await source.textContent(), "Open in zabbix");
    const { triggerid, eventid } = made[0].ref;
    assert.equal(
      await source.getAttribute("href"),
      `https://zabbix.example.net/tr_events.php?triggerid=${triggerid}&eventid=${eventid}`,
    );
    // It must learn nothing of this page, and leave it as it is.
    assert.deepEqual(await source.evaluate(({ target, rel }) => [target, rel]), ["_blank", "noreferrer"]);
  });

  test("an event tells how it ended last time, and what was done each time before", async () => {
    const { made, rack } = rackOf(1, {
      openings_1h: 4,
      last_time: {
        cleared_at: stamp(Date.now() - 3 * 86_400_000),
        comment: { author: "b", at: stamp(Date.now() - 3 * 86_400_000), text: "it was the fan" },
        ticket: { key: "NOC-71", url: "https://tracker.example.net/NOC-71" },
      },
    });
    mock.state.openings = [1, 2].map((n) => ({
      id: `${made[0].id}-${n}`,
      key: made[0].key,
      rack_id: rack.id,
      name: made[0].name,
      host: made[0].host,
      opened_at: stamp(Date.now() - n * 86_400_000),
      closed_at: stamp(Date.now() - n * 86_400_000 + 5_400_000),
      severity_first: 3,
      severity_peak: 4,
      comments: [{ id: n, author: "b", at: stamp(Date.now()), text: `swapped it, time ${n}` }],
      tickets: [
        { id: 1, key: "NOC-70", url: "https://tracker.example.net/NOC-70", state: "closed", at: stamp(0) },
      ],
    }));
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    const last = page.locator(".panel .lead", { hasText: "Last time: cleared 3 d ago" });
    await last.waitFor();
    assert.match(await last.textContent(), /NOC-71.*it was the fan/);
    await page.locator(".past summary").click();
    await page.locator(".past li", { hasText: "swapped it, time 2" }).waitFor();
    assert.match(await page.locator(".past li").first().textContent(), /90 min.*NOC-70/s);
    assert.equal(await page.locator(".past li button").count(), 0, "all of them are openings of this event");
    await page.goto(`${mock.url}/?sel=rack:${rack.id}`);
    await page.locator(".panel .event i", { hasText: "opened 4 times" }).waitFor();
    await page.locator(".past summary").click();
    await page.locator(".past li button").first().click();
    await page.waitForURL("**event=*");
  });

  test("`h` shows what changed, newest first, and goes on with each picture; in a storm by rack", async () => {
    const { rack, made } = rackOf(1);
    const change = (kind, ago, fields = {}) => ({
      kind,
      at: stamp(Date.now() - ago),
      key: made[0].key,
      name: made[0].name,
      host: made[0].host,
      rack_id: rack.id,
      severity: 4,
      ...fields,
    });
    mock.state.changes = [
      change("opened", 600_000),
      change("commented", 500_000, { by: "b", text: "looking" }),
      change("ticketed", 400_000, {
        by: "b",
        ticket: { id: 1, key: "NOC-9", url: "https://t.example.net/NOC-9" },
      }),
    ];
    await visit();
    await mapOf(page);
    await page.keyboard.press("h");
    await page.waitForURL("**/?changes=1");
    const told = page.locator(".changes li");
    await told.nth(2).waitFor();
    assert.match(await told.nth(0).textContent(), /ticket · b.*NOC-9/s);
    assert.match(await told.nth(1).textContent(), /commented · b.*looking/s);
    assert.equal(await page.locator(".panel a", { hasText: "next shift" }).getAttribute("href"), "/handover");
    const minute = Math.floor(Date.now() / 60_000) * 60_000;
    for (let i = 0; i < 25; i++) {
      mock.state.changes.push({
        ...change("opened", 0),
        at: stamp(minute),
        key: `zabbix:${i}:x`,
        host: `x-${i}`,
      });
    }
    mock.push(fresh());
    await told.filter({ hasText: "25 events in" }).waitFor();
    assert.equal(await told.count(), 4);
    await told.nth(3).locator("button").click();
    await page.waitForURL("**event=*");
    await cell(page, "High").first().waitFor({ state: "attached" });
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => url.search === "");
  });
});
