// Whether the picture can be trusted: its age, its sources, the line, and what is missing.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cell, mapOf, open, until, untilPixels } from "./browser.mjs";
import { aProblem, browser, fresh, HIGH, mock, only, page, quietPlace, site, visit } from "./fixture.mjs";
import { stamp } from "./site.mjs";

describe("the wall never lies", only, () => {
  test("NOT LIVE by the server's clock, however fresh the message arrived, and searchable still", async () => {
    mock.state.clock = 93_000;
    await visit();
    await mapOf(page);
    await page.locator(".band b", { hasText: "NOT LIVE" }).waitFor();
    // By then it is a little older.
    assert.match(await page.locator(".band").textContent(), /The last picture is (9\d s|1 min) old/);
    const faint = () => page.locator("canvas").evaluate((canvas) => Number(getComputedStyle(canvas).opacity));
    assert.ok((await faint()) < 0.7, "what may have changed is dimmed");
    await page.keyboard.press("/");
    await page.keyboard.type(site.inventory.devices[0].name);
    await page.locator("#found li b").first().waitFor();
    mock.push(fresh());
    await page.locator(".band").waitFor({ state: "detached" });
    assert.equal(await faint(), 1);
  });

  for (const locale of ["en-GB", "ru-RU"]) {
    test(`on a small screen the stale source and every tab are in sight, ${locale}`, async () => {
      const stale = fresh();
      stale.sources.find(({ name }) => name === "zabbix").fetched_at = stamp(Date.now() - 600_000);
      mock.push(stale);
      await visit("/", { width: 1280, height: 720, locale });
      await page.locator(".chip.stale").waitFor();
      await page.locator(".tab").nth(3).waitFor();
      const isWhole = (part) => {
        const one = document.querySelector(part);
        return one.scrollWidth <= one.clientWidth;
      };
      for (const part of [".tabs", ".sources"]) await until(page, `all of ${part} in sight`, isWhole, part);
    });
  }

  test("NOT LIVE where the picture is of a time that is still to come: it could be of any age", async () => {
    mock.state.clock = -90_000;
    await visit();
    await mapOf(page);
    await page.locator(".band", { hasText: "Nobody knows how old this picture is" }).waitFor();
    mock.push(fresh());
    await page.locator(".band").waitFor({ state: "detached" });
  });

  test("a stale source hatches what it watches, keeps the colours and makes counts lower bounds", async () => {
    site.events.length = 0;
    aProblem(quietPlace().device);
    const snapshot = fresh();
    snapshot.sources[2] = {
      ...snapshot.sources[2],
      status: "failed",
      error: "502",
      fetched_at: stamp(Date.now() - 300_000),
    };
    mock.push(snapshot);
    await visit();
    const text = cell(page, "High, ≥ 1 to act on");
    await text.waitFor({ state: "attached" });
    assert.match(await text.getAttribute("aria-label"), /no data/);
    await untilPixels(page, HIGH, (count) => count > 30);
    assert.equal(await page.locator("[data-source=zabbix]").getAttribute("data-mood"), "stale");
    assert.match(await page.locator("[data-source=zabbix]").textContent(), /5 min/);
    assert.equal(await page.title(), "(≥ 1) Heat");
    for (const counter of [".counter[data-severity='4'] b", "nav.tabs b >> nth=0"]) {
      assert.equal(await page.locator(counter).textContent(), "≥ 1", counter);
    }
    assert.equal(await page.locator(".counter[data-severity='5'] b").textContent(), "≥ 0");
  });

  test("a late source turns its chip, nothing else", async () => {
    const snapshot = fresh();
    snapshot.sources[2] = {
      ...snapshot.sources[2],
      fetched_at: stamp(Date.now() - 33_000),
    };
    mock.push(snapshot);
    await visit();
    const late = page.locator("[data-source=zabbix][data-mood=late]");
    await late.waitFor();
    const colours = await late.evaluate((chip) =>
      [chip, ...chip.querySelectorAll("b, em")].map((part) => getComputedStyle(part).color),
    );
    const amber = "rgb(255, 172, 21)";
    assert.deepEqual(colours, [amber, amber, amber]);
    assert.match(await late.textContent(), /3\d slate$/);
    assert.doesNotMatch(await page.locator(".counters").textContent(), /≥/);
  });

  test("what nobody watches is said to be so", async () => {
    mock.state.coverage = {
      format: 1,
      version: mock.state.coverage.version,
      sources: [{ name: "zabbix", devices: [] }],
    };
    site.events.length = 0;
    mock.push(fresh({ no_data: [] }));
    await visit();
    await mapOf(page);
    await until(page, "all hollow", () =>
      [...document.querySelectorAll("[role=gridcell]")].every((c) => /nobody watches/.test(c.ariaLabel)),
    );
  });
});

describe("the line", only, () => {
  test("nothing is lost that comes before the words do", async () => {
    await visit("/favicon.svg");
    await page.route("**/*.json", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await route.continue();
    });
    await page.goto(mock.url);
    await mapOf(page);
    await page.locator("#line[data-line=live]").waitFor();
    await page.locator(".who").waitFor();
  });

  test("falls back to HTTP when no socket can be had, and returns to the socket", async () => {
    mock.state.refuseSockets = true;
    await visit();
    await mapOf(page);
    await page.locator("#line[data-line=polling]").waitFor();
    mock.state.refuseSockets = false;
    await page.locator("#line[data-line=live]").waitFor();
  });

  test("connects elsewhere at once when a replica goes away", async () => {
    await visit();
    await page.locator("#line[data-line=live]").waitFor();
    mock.cut(1012);
    await until(page, "away or back", () => true);
    const { device } = quietPlace();
    for (let i = 0; mock.sockets.size === 0 && i < 200; i++) await page.waitForTimeout(10);
    assert.equal(mock.sockets.size, 1);
    aProblem(device);
    mock.push(fresh());
    await cell(page, "High").first().waitFor({ state: "attached" });
  });

  test("keeps the last picture while everything is away, and heals by itself", async () => {
    await visit();
    await mapOf(page);
    mock.state.down = true;
    mock.cut();
    await page.locator("#line:not([data-line=live])").waitFor();
    assert.ok((await page.locator("[role=gridcell]").count()) > 0);
    mock.state.down = false;
    await page.locator("#line[data-line=live]").waitFor();
  });
});

describe("an empty page says what to do", only, () => {
  test("before the first picture", async () => {
    mock.state.snapshot = undefined;
    await visit();
    await page.locator("[data-state=noSnapshot]").waitFor();
    assert.match(await page.locator(".empty").textContent(), /heat-updater/);
    mock.push(fresh());
    await mapOf(page);
  });

  test("without an inventory", async () => {
    mock.state.inventory = mock.state.coverage = undefined;
    mock.push(fresh({ inventory_version: undefined, coverage_version: undefined }));
    await visit();
    await page.locator("[data-state=noInventory]").waitFor();
    assert.match(await page.locator(".empty").textContent(), /HEAT_INVENTORY_URL/);
    const problems = new Set(site.events.map(({ id, severity }) => `${id.split(":")[1]} ${severity}`));
    assert.match(await page.locator("#tray").getAttribute("title"), new RegExp(` ${problems.size} in all$`));
  });

  test("without a rack in the inventory", async () => {
    mock.state.inventory = { format: 1, version: "bare" };
    mock.push(fresh({ inventory_version: "bare" }));
    await visit();
    await page.locator("[data-state=emptyInventory]").waitFor();
    assert.match(await page.locator(".empty").textContent(), /no racks.*heat-updater inventory export/);
  });

  test("while the inventory is on its way", async () => {
    const { inventory } = site;
    mock.state.inventory = undefined;
    await visit();
    await page.locator("[data-state=inventoryComing]").waitFor();
    assert.match(
      await page.locator(".empty").textContent(),
      /on its way.*all events stand in the Unplaced tray/,
    );
    assert.notEqual(await page.locator("#tray b").textContent(), "0");
    mock.state.inventory = inventory;
    await mapOf(page);
    await page.locator(".empty").waitFor({ state: "detached" });
  });

  test("without monitoring", async () => {
    mock.push(fresh({ sources: site.snapshot().sources.slice(0, 2), events: [] }));
    await visit();
    await page.locator("[data-state=noSources]").waitFor();
    assert.match(await page.locator(".empty").textContent(), /HEAT_ZABBIX_URL/);
    await page.locator(".panel .lead", { hasText: "No monitoring is configured" }).waitFor();
  });
});

describe("a browser", only, () => {
  test("that cannot draw in a worker has all but the map", async () => {
    aProblem(quietPlace().device);
    mock.push(fresh());
    const view = await open(browser, mock.url);
    await view.addInitScript(() => delete HTMLCanvasElement.prototype.transferControlToOffscreen);
    await view.reload();
    await view.locator(".panel .event").first().waitFor();
    await mapOf(view);
    assert.deepEqual(view.complaints, []);
    await view.context().close();
  });
});
