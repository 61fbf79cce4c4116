// The map: what it shows, how one goes around in it, and the tray beside it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cell, mapOf, pixelsOf, until, untilPixels } from "./browser.mjs";
import { HIGH, only, mock, site, page, rackOf, visit, fresh, quietPlace, aProblem } from "./fixture.mjs";
import { stamp } from "./site.mjs";

/** Runs in the page: which pixel of the canvas is the first of this colour, "" if there is none. */
function firstOf(hex) {
  const { data } = window.painted();
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] === r && data[i + 1] === g && data[i + 2] === b) return String(i / 4);
  }
  return "";
}

/** Runs in the page: where on the page that pixel is. */
function pointOf(first) {
  const canvas = document.querySelector("canvas");
  const box = canvas.getBoundingClientRect();
  const [left, top] = [first % canvas.width, Math.floor(first / canvas.width)];
  return [
    box.left + ((left + 3) * box.width) / canvas.width,
    box.top + ((top + 3) * box.height) / canvas.height,
  ];
}

describe("the map", only, () => {
  test("shows every rack of the inventory, and the page breaks no rule of its security policy", async () => {
    await visit();
    await mapOf(page);
    assert.equal(await page.locator("[role=gridcell]").count(), site.inventory.racks.length);
    assert.equal(await page.locator("nav.tabs button").count(), 4);
    assert.equal(await page.locator("#line").getAttribute("data-line"), "live");
  });

  test("a data centre's tab tells the worst that is to act on there, and how much; the others tell nothing", async () => {
    site.events.length = 0;
    const { device, rack } = quietPlace();
    const dc = site.inventory.rows.find(({ id }) => id === rack.row_id).name.slice(0, 3);
    aProblem(device);
    site.makeEvent(900_001, device, ["Inlet temperature is above 35 °C", 5], Date.now() - 60_000);
    site.makeEvent(900_002, device, ["Fan 1 has stalled", 3], Date.now() - 60_000, { handled: "note" });
    mock.push(fresh());
    await visit();
    await page.locator("nav.tabs .swatch").first().waitFor();
    const told = await page.locator("nav.tabs button").evaluateAll((tabs) =>
      tabs.map((tab) => {
        const parts = ["span", ".swatch", "b"].map((part) => tab.querySelector(part));
        return [parts[0].textContent, parts[1]?.ariaLabel, parts[2]?.textContent];
      }),
    );
    const trouble = ["Disaster", "2"];
    assert.deepEqual(
      told,
      ["All", "MYT", "SAS", "VLA"].map((name) => [
        name,
        ...(name === "All" || name === dc ? trouble : [undefined, undefined]),
      ]),
    );
  });

  test("its tabs are of the level that the site is set to", async () => {
    mock.state.me.settings.location_level = 0;
    await visit();
    await mapOf(page);
    await until(
      page,
      "no tab but the site's",
      () => document.querySelectorAll("nav.tabs button").length === 1,
    );
  });

  test("the counters' problems are as many as the source itself counts, on one host or on many", async () => {
    const [one, other] = site.watched;
    for (const device of [one, other]) {
      site.makeEvent(920_000, device, ["Both power feeds are down", 5], Date.now() - 60_000);
    }
    const snapshot = fresh();
    const { problems } = snapshot.sources.find(({ name }) => name === "zabbix");
    assert.ok(problems < snapshot.events.length);
    mock.push(snapshot);
    await visit();
    await mapOf(page);
    await page.locator(".counter:not(.none)").first().waitFor();
    const counts = await page
      .locator(".counters .counter")
      .evaluateAll((all) => all.map(({ title }) => Number(/(\d+) in all/.exec(title)[1])));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      problems,
    );
  });

  test("paints a problem the moment its message comes, and is calm the moment it goes", async () => {
    site.events.length = 0;
    mock.push(fresh());
    await visit();
    await mapOf(page);
    await until(page, "calm", () => document.querySelector(".counter b")?.textContent === "0");
    const before = await pixelsOf(page, HIGH);
    const { device } = quietPlace();
    aProblem(device);
    mock.push(fresh());
    await cell(page, "High, 1 to act on").waitFor({ state: "attached" });
    await until(page, "the title counts", () => document.title === "(1) Heat");
    await untilPixels(page, HIGH, (count) => count > before + 50);
    site.events.length = 0;
    mock.push(fresh());
    await cell(page, "High, 1 to act on").waitFor({ state: "detached" });
    await untilPixels(page, HIGH, before);
    assert.equal(await page.title(), "Heat");
  });

  test("hatches what somebody handles, and never paints it", async () => {
    site.events.length = 0;
    aProblem(quietPlace().device, {
      handled: "acknowledged",
      acknowledged: { by: "a", at: stamp(Date.now()), origin: "zabbix" },
    });
    mock.push(fresh());
    await visit();
    await cell(page, "handled, worst High").waitFor({ state: "attached" });
    assert.equal(await page.locator(".counter[data-severity='4'] b").textContent(), "0");
    assert.equal(await page.locator(".counter[data-severity='4'] small").textContent(), "/ 1");
  });

  test("dims by filter and removes nothing", async () => {
    await visit();
    await mapOf(page);
    const count = await page.locator("[role=gridcell]").count();
    await page.locator(".counter[data-severity='4']").click();
    await page.waitForURL("**/?filter=sev:high");
    assert.equal(await page.locator("#search").inputValue(), "sev:high");
    assert.equal(await page.locator("[role=gridcell]").count(), count);
    await page.reload();
    await mapOf(page);
    assert.equal(await page.locator(".counter[data-severity='4']").getAttribute("aria-pressed"), "true");
    await page.locator(".counter[data-severity='5']").click();
    await page.waitForURL("**/?filter=sev:high+or+sev:disaster");
    await page.locator(".search button").click();
    await page.waitForURL((url) => url.search === "");
    assert.equal(await page.locator("#search").inputValue(), "");
  });

  test("dims what a typed filter does not mean, as far as the page can know: the place, the age, the words", async () => {
    site.events.length = 0;
    const { device, rack } = quietPlace();
    aProblem(device);
    mock.push(fresh());
    await visit();
    await mapOf(page);
    const filter = `rack:"${rack.name}" sev>=high age<15m power -ticket`;
    await page.keyboard.press("/");
    await page.keyboard.type(filter);
    await page.locator("#found em", { hasText: "1 event" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/?filter=rack:*");
    const dimmed = (text) =>
      [...document.querySelectorAll("[role=gridcell]")].filter(
        (c) => /not in the filter/.test(c.ariaLabel) === text,
      ).length;
    await page.waitForFunction(dimmed, true);
    assert.equal(await page.evaluate(dimmed, false), 1, "one rack is not dimmed");
    await untilPixels(page, HIGH, (count) => count > 50);
    assert.match(await page.locator(".filtered").textContent(), /1 of 1 events/);
    await page.keyboard.press("/");
    await page.keyboard.type("sev:disaster");
    await page.keyboard.press("Enter");
    await until(page, "all dimmed", () =>
      [...document.querySelectorAll("[role=gridcell]")].every((c) => /not in the filter/.test(c.ariaLabel)),
    );
    await untilPixels(page, HIGH, 0);
    await page.goBack();
    await page.waitForURL("**/?filter=rack:*");
    assert.equal(await page.locator("#search").inputValue(), filter);
  });

  test("says where a filter is wrong, and shows everything meanwhile", async () => {
    await visit("/?filter=dc:sas+hots:x");
    await mapOf(page);
    assert.match(await page.locator("#mistake").textContent(), /unknown field "hots"; did you mean host\?/);
    assert.equal(await page.locator("#mistake mark").textContent(), "hots:x");
    assert.equal(await cell(page, "not in the filter").count(), 0);
    await page.keyboard.press("/");
    await page.keyboard.type("dc:sas sev>=");
    await page.locator("#mistake", { hasText: "expected a value right after sev>=" }).waitFor();
    await page.keyboard.type("high");
    await page.locator("#mistake").waitFor({ state: "detached" });
    await page.locator("#found em").waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/?filter=dc:sas+sev%3E%3Dhigh");
  });

  test("keeps its geometry whatever happens", async () => {
    await visit();
    await mapOf(page);
    const place = () => page.locator("canvas").boundingBox();
    const before = await place();
    mock.state.clock = 300_000;
    site.fell(site.inventory.racks[3], Date.now());
    mock.push(site.snapshot(Date.now()));
    await page.reload();
    await page.locator(".band").waitFor();
    await mapOf(page);
    assert.deepEqual(await place(), before);
  });
});

describe("going around", only, () => {
  test("by keyboard: arrows, Enter, Escape; the address follows, Back returns", async () => {
    await visit();
    await mapOf(page);
    await page.locator("[role=gridcell][tabindex='0']").focus();
    const held = () => page.evaluate(() => document.activeElement?.ariaLabel);
    for (const key of ["ArrowRight", "ArrowDown"]) {
      const before = await held();
      await page.keyboard.press(key);
      await page.waitForFunction((text) => document.activeElement?.ariaLabel !== text, before);
    }
    const focused = await held();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/?rack=*");
    await until(page, "the rack", () => document.querySelectorAll("[role=gridcell]").length > 3);
    const heading = (name) => {
      const text = document.querySelector(".panel h2")?.textContent;
      return text && name.startsWith(text);
    };
    await page.waitForFunction(heading, focused);
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !url.search.includes("rack=1"));
    await page.goBack();
    await page.waitForURL("**/?rack=*");
  });

  test("the wheel and `+` go in step by step: site, data centre, row, rack; `-` and the wheel come out again", async () => {
    await visit();
    await mapOf(page);
    const { rack } = quietPlace();
    const row = site.inventory.rows.find(({ id }) => id === rack.row_id);
    const dc = row.name.slice(0, 3).toLowerCase();
    await page.evaluate(
      ([name, label]) =>
        [...document.querySelectorAll("[role=row]")]
          .find((one) => one.getAttribute("aria-label") === `Row ${name}`)
          .querySelectorAll("[role=gridcell]")
          .forEach((one) => one.ariaLabel.startsWith(label) && one.focus()),
      [row.name, rack.name],
    );
    await page.keyboard.press("+");
    await page.waitForURL(`**/?dc=${dc}`);
    assert.ok((await page.locator("[role=gridcell]").count()) < site.inventory.racks.length);
    const focus = () =>
      page.evaluate(
        ([name, label]) => {
          const line = [...document.querySelectorAll("[role=row]")].find(
            (one) => one.getAttribute("aria-label") === `Row ${name}`,
          );
          [...line.querySelectorAll("[role=gridcell]")]
            .find((one) => one.ariaLabel.startsWith(label))
            .focus();
        },
        [row.name, rack.name],
      );
    await focus();
    await page.keyboard.press("+");
    await page.waitForURL(`**/?dc=${dc}&row=${row.id}`);
    assert.equal(
      await page.locator("[role=gridcell]").count(),
      site.inventory.racks.filter(({ row_id }) => row_id === row.id).length,
    );
    assert.equal(await page.locator(".crumbs [aria-current]").textContent(), row.name);
    await focus();
    await page.keyboard.press("+");
    await page.waitForURL(`**rack=${rack.id}*`);
    for (const expected of [`**row=${row.id}&sel=*`, `**/?dc=${dc}&sel=*`, "**/?sel=*"]) {
      await page.keyboard.press("-");
      await page.waitForURL(expected);
    }
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => url.search === "");
  });

  test("the wheel goes in to what it is turned over: data centre, row, rack", async () => {
    site.events.length = 0;
    const { device, rack } = quietPlace();
    const row = site.inventory.rows.find(({ id }) => id === rack.row_id);
    const dc = row.name.slice(0, 3);
    aProblem(device);
    mock.push(fresh());
    await visit();
    await mapOf(page);
    const path = `${dc} / ${row.name} / ${rack.name}`;
    /** Brings the pointer onto the one rack that is painted, wherever it stands now. */
    const pointed = async () => {
      await page.mouse.move(1, 1);
      const first = await page.evaluate(firstOf, HIGH);
      if (first === "") return false;
      await page.mouse.move(...(await page.evaluate(pointOf, Number(first))));
      return (await page.locator(".tip b").allTextContents()).join() === path;
    };
    const shown = () => page.evaluate(() => location.search);
    const query = `dc=${dc.toLowerCase()}`;
    for (const expected of [
      `?${query}`,
      `?${query}&row=${row.id}`,
      `?${query}&row=${row.id}&rack=${rack.id}`,
    ]) {
      const before = await shown();
      // What is turned right after a step is not taken for another one.
      for (let turns = 0; turns < 200 && (await shown()) === before; turns++) {
        if (await pointed()) await page.mouse.wheel(0, -240);
        await page.evaluate(() => new Promise(requestAnimationFrame));
      }
      assert.ok((await shown()).startsWith(expected), await shown());
    }
    await page.locator(".crumbs li").nth(3).waitFor();
    assert.deepEqual(await page.locator(".crumbs li").allTextContents(), [
      "All racks",
      dc,
      row.name,
      rack.name,
    ]);
  });

  test("one cell of the grid is in the order of Tab, wherever the arrows lead, at every level of zoom", async () => {
    const rack = site.inventory.racks.find(({ id }) => [...site.rackOf.values()].includes(id));
    const inOrder = () => page.locator("[role=gridcell][tabindex='0']");
    for (const query of ["/", `/?row=${rack.row_id}`, `/?rack=${rack.id}`]) {
      await (page ? page.goto(mock.url + query) : visit(query));
      await mapOf(page);
      assert.equal(await inOrder().count(), 1, query);
      await inOrder().focus();
      for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft"]) {
        const before = await inOrder().getAttribute("id");
        await page.keyboard.press(key);
        await page.waitForFunction((id) => document.activeElement.id !== id, before);
        const ids = await inOrder().evaluateAll((cells) => cells.map(({ id }) => id));
        assert.deepEqual(ids, [await page.evaluate(() => document.activeElement.id)], query);
      }
    }
  });

  test("a data centre shows its racks with their devices, and the troubled one in its colour", async () => {
    site.events.length = 0;
    const { device, rack } = quietPlace();
    const row = site.inventory.rows.find(({ id }) => id === rack.row_id);
    mock.push(fresh());
    await visit(`/?row=${row.id}`);
    await mapOf(page);
    const before = await pixelsOf(page, HIGH);
    aProblem(device);
    mock.push(fresh());
    await cell(page, "High, 1 to act on").waitFor({ state: "attached" });
    // The head and the device; calm devices are bars.
    await untilPixels(page, HIGH, (count) => count > before + 50);
    await untilPixels(page, "#343b44", (count) => count > 500);
  });

  test("the arrows move a ring that is seen on the map, whatever had the focus before, at every level of zoom", async () => {
    const rack = site.inventory.racks.find(({ id }) => [...site.rackOf.values()].includes(id));
    for (const query of ["/", `/?row=${rack.row_id}`, `/?rack=${rack.id}`]) {
      await (page ? page.goto(mock.url + query) : visit(query));
      await mapOf(page);
      const ring = page.locator(".ring.focus");
      assert.equal(await ring.count(), 0, query);
      const places = [];
      for (const index of [0, 1]) {
        await page.keyboard.press("ArrowRight");
        await page.locator("[role=gridcell]:focus").waitFor({ state: "attached" });
        const box = (await ring.first().boundingBox()) ?? { width: 0 };
        const map = await page.locator("canvas").boundingBox();
        assert.ok(box.width > 5 && box.height > 5, `${query}: a ring after step ${index + 1}`);
        assert.ok(box.x >= map.x && box.x + box.width <= map.x + map.width, `${query}: it is on the map`);
        places.push(`${box.x} ${box.y}`);
      }
      assert.notEqual(places[0], places[1], query);
    }
  });

  test("`p` pins the panel; else it comes over the map when something is opened, and goes when that is left", async () => {
    const { made } = rackOf(1);
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    await mapOf(page);
    const panel = page.locator(".panel");
    const sizes = () =>
      page.evaluate(() => {
        const { width, height } = document.querySelector(".stage").getBoundingClientRect();
        return [width, height, document.querySelector(".stage canvas").width];
      });
    const beside = await sizes();
    await page.keyboard.press("p");
    await page.waitForURL("**/*panel=0");
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
    await until(
      page,
      "the map has the whole width",
      (narrow) => document.querySelector(".stage canvas").width > narrow,
      beside[2],
    );
    const alone = await sizes();
    await cell(page, "High, 1 to act on").first().focus();
    await page.keyboard.press("Enter");
    await panel.locator("small", { hasText: "Rack" }).waitFor();
    assert.deepEqual((await sizes()).slice(0, 2), alone.slice(0, 2), "the map does not move");
    await page.getByRole("button", { name: "Back", exact: true }).click();
    await panel.waitFor({ state: "detached" });
    await page.keyboard.press("p");
    await panel.waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => url.search === "");
    await panel.waitFor();
  });

  test("by keys as quick as they come, without losing one", async () => {
    await visit();
    await mapOf(page);
    await page.locator("[role=gridcell][tabindex='0']").focus();
    const walk = "RRRRDDRLUDRRDLLLDURRDDLL";
    const keys = { R: "ArrowRight", L: "ArrowLeft", D: "ArrowDown", U: "ArrowUp" };
    const names = [...walk].map((step) => keys[step]);
    await page.evaluate((pressed) => {
      for (const key of pressed) {
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      }
    }, names);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/?rack=*");
  });

  test("by pointer: a click selects, a second one opens; the wheel opens and closes", async () => {
    await visit();
    await mapOf(page);
    const box = await page.locator("canvas").boundingBox();
    await until(page, "the map", () => document.querySelector("canvas").width > 400);
    // The first cell stands right of the labels, under the heading.
    const spot = [box.x + 90, box.y + 26 + 12];
    await page.mouse.click(...spot);
    await page.waitForURL("**/?sel=rack:*");
    await page.mouse.click(...spot);
    await page.waitForURL("**/?rack=*");
    await page.mouse.wheel(0, 240);
    await page.waitForURL((url) => !url.search.includes("rack=1"));
  });

  test("by pointer on a 4K screen too, where all of the page is larger", async () => {
    const { device, rack } = quietPlace();
    site.events.length = 0;
    aProblem(device);
    mock.push(fresh());
    await visit("/", { width: 3840, height: 2160 });
    await cell(page, "High, 1 to act on").waitFor({ state: "attached" });
    let place = "";
    for (let frames = 0; frames < 200 && place === ""; frames++) {
      await page.evaluate(() => new Promise(requestAnimationFrame));
      place = await page.evaluate(firstOf, HIGH);
    }
    const [x, y] = await page.evaluate(pointOf, Number(place));
    await page.mouse.click(x, y);
    await page.waitForURL(`**sel=rack:${rack.id}`);
    const sharp = await page.evaluate(() => {
      const canvas = document.querySelector("canvas");
      return Math.abs(canvas.width - canvas.getBoundingClientRect().width);
    });
    assert.ok(sharp <= 1, "a pixel of the canvas is one of the screen");
  });

  test("by search: `/`, a name, Enter jumps to the device in its rack", async () => {
    await visit();
    await mapOf(page);
    const { device } = quietPlace();
    await page.keyboard.press("/");
    await page.keyboard.type(device.name);
    await page.locator("#found li b", { hasText: device.name }).first().waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/?rack=${site.rackOf.get(device.id)}&sel=device:${device.id}`);
    await page.locator(".panel h2", { hasText: device.name }).waitFor();
  });

  test("an address opens what it names, after a reload too", async () => {
    const { rack } = quietPlace();
    await visit(`/?dc=sas&rack=${rack.id}&sel=tray`);
    await mapOf(page);
    assert.equal(await page.locator(".crumbs [aria-current]").textContent(), rack.name);
    assert.equal(await page.locator(".panel h2").textContent(), "Unplaced");
  });

  test("on a telephone the help fits, and an event that is opened comes into sight", async () => {
    await visit("/", { width: 390, height: 800 });
    await mapOf(page);
    await page.keyboard.press("?");
    const help = page.locator("dialog.help");
    await help.waitFor();
    const { over, right, top } = await help.evaluate((one) => ({
      over: one.scrollWidth - one.clientWidth,
      right: one.getBoundingClientRect().right,
      top: one.scrollTop,
    }));
    assert.ok(over <= 0 && right <= 390 && top === 0, JSON.stringify({ over, right, top }));
    await help.locator("form button").click();
    await help.waitFor({ state: "detached" });
    await page.evaluate(() => scrollTo(0, 0));
    await page.keyboard.press("n");
    await page.locator(".panel .facts").waitFor();
    await until(page, "the panel in sight", () => {
      const { top } = document.querySelector(".panel").getBoundingClientRect();
      return top < innerHeight * 0.7;
    });
  });

  test("`?` shows keys and signs, Escape closes them", async () => {
    await visit();
    await mapOf(page);
    await page.keyboard.press("?");
    await page.locator("dialog.help").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog.help").waitFor({ state: "detached" });
  });
});

describe("the Unplaced tray", only, () => {
  test("lists every event without a rack under its reason", async () => {
    site.events.length = 0;
    aProblem(undefined, { unplaced: "unknown_host" });
    site.makeEvent(900_001, undefined, ["Disk", 3], Date.now(), {
      unplaced: "host_pending",
      host: undefined,
    });
    site.makeEvent(900_002, undefined, ["Disk", 3], Date.now(), {
      rack_id: 987_654,
    });
    mock.push(fresh());
    await visit("/?sel=tray");
    await until(page, "three events", () => document.querySelectorAll(".panel .event").length === 3);
    const reasons = await page.locator(".panel h3").allTextContents();
    assert.equal(reasons.length, 3);
    assert.match(reasons.join(), /no such host.*not said yet.*not in the inventory/);
    assert.equal(await page.locator("#tray b").textContent(), "3");
    assert.equal(await page.locator("#tray").getAttribute("title"), "Without a rack: 3 to act on, 3 in all");
  });

  test("holds the events of racks that a newer inventory brings, until it is here", async () => {
    await visit();
    await mapOf(page);
    const rack = {
      id: 70_000,
      name: "99",
      row_id: site.inventory.rows[0].id,
      height: 42,
      position: 40,
    };
    const device = {
      id: 80_000,
      name: "newcomer",
      mounts: [{ rack_id: 70_000, unit: 1 }],
    };
    const later = {
      ...site.inventory,
      version: "later",
      racks: [...site.inventory.racks, rack],
      devices: [...site.inventory.devices, device],
    };
    const before = Number(await page.locator("#tray b").textContent());
    site.rackOf.set(device.id, rack.id);
    aProblem(device);
    mock.state.inventory = later;
    mock.push(fresh({ inventory_version: "later" }));
    await until(
      page,
      "in the tray",
      (n) => Number(document.querySelector("#tray b").textContent) === n,
      before + 1,
    );
    await until(
      page,
      "on its rack",
      (n) => Number(document.querySelector("#tray b").textContent) === n,
      before,
    );
    await cell(page, "99, High").waitFor({ state: "attached" });
  });
});
