// The list of events: below the map, on a page of its own, and what shares its filter and selection.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { mapOf, open, until } from "./browser.mjs";
import {
  aProblem,
  browser,
  fresh,
  mock,
  only,
  page,
  quietPlace,
  rackOf,
  site,
  visit,
  written,
} from "./fixture.mjs";
import { startMock } from "./mock.mjs";
import { makeSite, stamp } from "./site.mjs";

const rows = () => page.locator(".rows tbody tr[data-at]");
const names = () => rows().locator("td:nth-child(6)").allTextContents();

describe("the list", only, () => {
  test("of the panel is whole, however long, and follows each picture", async () => {
    const [device] = site.watched;
    const rack = site.rackOf.get(device.id);
    for (let n = 0; n < 50; n++) {
      site.makeEvent(700_000 + n, device, [`Interface eth${n} is down`, 3], Date.now() - n * 1000);
    }
    mock.push(site.snapshot(Date.now()));
    await visit(`/?sel=rack:${rack}`);
    const lines = (names) =>
      names.every((name) =>
        [...document.querySelectorAll(".panel .event b")].some((line) => line.textContent === name),
      );
    await until(
      page,
      "every event of the rack",
      lines,
      Array.from({ length: 50 }, (_, n) => `Interface eth${n} is down`),
    );
    site.makeEvent(800_000, device, ["Fan has stalled", 5], Date.now());
    mock.push(site.snapshot(Date.now() + 1));
    await until(page, "what has just come", lines, ["Fan has stalled"]);
  });

  test("`l` shows it below the map, then alone, then no more; the address follows", async () => {
    await visit();
    await mapOf(page);
    await page.keyboard.press("l");
    await page.waitForURL("**/?list=drawer");
    await page.locator(".list.drawer").waitFor();
    assert.equal(await page.locator(".map").count(), 1);
    await page.keyboard.press("l");
    await page.waitForURL("**/?list=page");
    await page.locator(".map").waitFor({ state: "detached" });
    await page.keyboard.press("l");
    await page.waitForURL((url) => url.search === "");
    await page.locator(".list").waitFor({ state: "detached" });
  });

  test("has every event but the explained ones, worst first, and those too when asked", async () => {
    await visit("/?list=page");
    await rows().first().waitFor();
    const background = site.events.filter(({ handled }) => /suppressed|dependent/.test(handled)).length;
    assert.ok(background > 0);
    assert.equal(await rows().count(), site.events.length - background);
    const severities = (await rows().locator(".swatch").allTextContents()).map(Number);
    assert.deepEqual(
      severities,
      severities.toSorted((a, b) => b - a),
    );
    await page.locator(".list header button", { hasText: "maintenance" }).click();
    await page.waitForURL("**/?list=page&all=1");
    await until(page, "all", (n) => document.querySelectorAll("[data-at]").length === n, site.events.length);
  });

  test("is sorted by any column, and the other way", async () => {
    await visit("/?list=page");
    await rows().first().waitFor();
    for (const column of ["Device", "Place", "Problem", "Comment", "Ticket", "Source", "Age", "Severity"]) {
      const head = page.locator("th button", { hasText: new RegExp(`^${column}`) });
      await head.click();
      const order = () => head.evaluate((button) => button.parentElement.ariaSort);
      const first = await order();
      assert.notEqual(first, "none", column);
      await head.click();
      assert.notEqual(await order(), first, column);
    }
    await page.locator("th button", { hasText: "Problem" }).click();
    await page.waitForURL("**sort=name*");
    await until(page, "sorted", () => {
      const texts = [...document.querySelectorAll("[data-at] td:nth-child(6)")].map((cell) =>
        cell.lastChild.textContent.toLowerCase(),
      );
      return texts.length > 1 && texts.every((text, i) => i === 0 || texts[i - 1] <= text);
    });
  });

  test("shares the filter, and a click opens the event", async () => {
    const { made } = rackOf(2);
    await visit("/?list=drawer&filter=name:%22Fan+2%22");
    await rows().first().waitFor();
    assert.deepEqual(await names(), ["Fan 2 has stalled"]);
    await rows().first().click();
    await page.waitForURL(`**event=${encodeURIComponent(made[1].key).replaceAll("%3A", ":")}*`);
    await page.locator(".panel h2", { hasText: /^Fan 2 has stalled$/ }).waitFor();
    assert.equal(await rows().first().getAttribute("aria-current"), "true");
  });

  test("marks the rows of the rack that is selected on the map", async () => {
    const { rack } = rackOf(2);
    await visit(`/?list=drawer&sel=rack:${rack.id}`);
    await rows().first().waitFor();
    assert.equal(await page.locator(".rows tr[aria-current]").count(), 2);
  });

  test("by keyboard: arrows, `x` picks, Enter opens", async () => {
    rackOf(3);
    await visit("/?list=drawer&filter=name:fan&sort=name");
    await rows().nth(2).waitFor();
    await rows().first().focus();
    await page.keyboard.press("x");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("x");
    await page.locator(".picked-bar", { hasText: "2 picked" }).waitFor();
    assert.deepEqual(
      await rows().evaluateAll((list) => list.map((row) => row.classList.contains("picked"))),
      [true, false, true],
    );
    await page.keyboard.press("Enter");
    await page.locator(".panel h2", { hasText: "Fan 3 has stalled" }).waitFor();
  });

  test("strikes through what has just cleared", async () => {
    const { device } = quietPlace();
    const event = aProblem(device);
    site.events.splice(site.events.indexOf(event), 1);
    const { id, key, source, host, device_id, rack_id, severity, name, since } = event;
    const cleared = { id, key, source, host, device_id, rack_id, severity, name, since };
    mock.push(fresh({ cleared: [{ ...cleared, cleared_at: stamp(Date.now() - 20_000) }] }));
    await visit("/?list=drawer");
    await page.locator(".rows tr.over s", { hasText: "Power supply 1" }).waitFor();
    mock.push(fresh());
    await page.locator(".rows tr.over").waitFor({ state: "detached" });
  });

  test("holds thousands, of which only those in sight exist, and keeps its place while pictures come", async () => {
    const large = makeSite({ racks: 60, devices: 900, events: 6000 });
    const other = await startMock({ site: large });
    const view = await open(browser, `${other.url}/?list=page&all=1`);
    try {
      await view.locator("[data-at='0']").waitFor();
      assert.ok((await view.locator("[data-at]").count()) < 150);
      await view.locator(".rows").evaluate((box) => box.scrollTo(0, 27 * 3000));
      await view.locator("[data-at='3005']").waitFor();
      const before = await view.locator("[data-at='3005']").textContent();
      const snapshot = large.snapshot(Date.now() + 5000);
      other.push(snapshot);
      await view.waitForFunction(
        (revision) => document.querySelector("#line").title.includes(revision),
        `revision ${snapshot.revision}`,
      );
      assert.equal(await view.locator(".rows").evaluate((box) => box.scrollTop), 27 * 3000);
      const cut = (text) => text.replace(/\d+ (s|min|h|d)/, "");
      assert.equal(cut(await view.locator("[data-at='3005']").textContent()), cut(before));
      await view.locator(".rows").evaluate((box) => box.scrollTo(0, box.scrollHeight));
      await view.locator("[data-at='5999']").waitFor();
      assert.deepEqual(view.complaints, []);
    } finally {
      await view.context().close();
      await other.stop();
    }
  });

  test("is saved as CSV: all of what is shown, in its order, also of a saved view and what has just cleared", async () => {
    site.events.length = 0;
    const { device } = quietPlace();
    for (const [n, name, fields] of [
      [1, "First", { severity: 4 }],
      [
        2,
        'Second, "quoted"',
        { severity: 4, comments: [{ author: "a", text: "=1+1", at: stamp(Date.now()) }] },
      ],
      [3, "Explained", { severity: 4, handled: "suppressed", suppressed: true }],
      [4, "Not meant", { severity: 1 }],
    ]) {
      site.makeEvent(940_000 + n, device, [name, 4], Date.now() - n * 1000, fields);
    }
    const { severity: _, ...over } = site.events[0];
    const cleared = {
      ...over,
      severity: 4,
      id: `${over.id}x`,
      key: "x",
      name: "Over",
      cleared_at: stamp(Date.now()),
    };
    const id = mock.state.nextView++;
    const view = {
      id,
      name: "Mine",
      expression: "",
      filter: "sev>=high",
      shared: true,
      owner: "b",
      version: 1,
    };
    mock.state.views.push({ ...view, updated_at: stamp(Date.now()) });
    mock.push({ ...fresh(), cleared: [cleared] });
    await visit(`/?view=${id}&list=drawer&sort=-name`);
    await page.waitForFunction(() => document.querySelectorAll(".rows tr[data-at]").length === 3);
    const shown = await rows().evaluateAll((all) => all.map((row) => row.cells[5].innerText));
    const download = page.waitForEvent("download");
    await page.locator(".list header button", { hasText: "CSV" }).click();
    const saved = await download;
    assert.equal(saved.suggestedFilename(), "heat.csv");
    const lines = (await readFile(await saved.path(), "utf8")).trimEnd().split("\r\n");
    assert.match(lines[0], /^severity,since,.*,cleared_at$/);
    assert.deepEqual(
      lines.slice(1).map((line) => /First|Second|Over|Explained|Not meant/.exec(line)?.[0]),
      shown.map((name) => /First|Second|Over|Explained|Not meant/.exec(name)?.[0]),
    );
    assert.match(lines.join("\n"), /"Second, ""quoted"""/);
    assert.match(lines.join("\n"), /,'=1\+1,/);
  });
});

describe("keys", only, () => {
  test("are where they were after a change to Russian letters", async () => {
    await visit();
    await mapOf(page);
    const press = (key, code) =>
      page.evaluate((typed) => dispatchEvent(new KeyboardEvent("keydown", { ...typed, cancelable: true })), {
        key,
        code,
      });
    await press("д", "KeyL");
    await page.locator(".list.drawer").waitFor();
    await press(".", "Slash");
    await until(page, "the search", () => document.activeElement?.id === "search");
  });

  test("`n` and `N` go through what somebody must act on, worst first, an incident once", async () => {
    site.events.length = 0;
    const { device, rack } = quietPlace();
    const problem = (n, severity, ago, fields = {}) =>
      site.makeEvent(920_000 + n, device, [`Problem ${n}`, severity], Date.now() - ago * 1000, fields);
    problem(1, 3, 500);
    problem(2, 4, 300);
    problem(3, 4, 200);
    problem(4, 5, 100, {
      handled: "acknowledged",
      acknowledged: { by: "a", at: stamp(Date.now()), origin: "heat" },
    });
    problem(5, 1, 50);
    const incident = {
      key: `rack:${rack.id}@1`,
      rack_id: rack.id,
      members: 2,
      reason: "2 of 2 devices unreachable",
    };
    problem(6, 4, 400, { incident: incident.key });
    problem(7, 4, 401, { incident: incident.key });
    mock.push(fresh({ incidents: [{ ...incident, since: stamp(Date.now()), worst: 4 }] }));
    await visit();
    await mapOf(page);
    const title = () => page.locator(".panel h2");
    for (const expected of ["Problem 3", "Problem 2", rack.name, "Problem 1", "Problem 3"]) {
      await page.keyboard.press("n");
      await title().filter({ hasText: expected }).waitFor();
    }
    for (const expected of ["Problem 1", rack.name]) {
      await page.keyboard.press("Shift+N");
      await title().filter({ hasText: expected }).waitFor();
    }
  });

  test("keeps the focus on its row from end to end, and rows of one height", async () => {
    rackOf(300);
    for (const event of site.events)
      event.ticket = { id: 1, state: "created", key: "DCOPS-1234", status: "In progress" };
    mock.push(fresh());
    await visit("/?list=drawer", { width: 1280, height: 720 });
    await rows().first().waitFor();
    await rows().first().focus();
    const total = Number(await page.locator(".rows table").getAttribute("aria-rowcount")) - 1;
    const focused = (at) =>
      until(page, `row ${at} has the focus`, (n) => document.activeElement?.dataset.at === String(n), at);
    await page.keyboard.press("End");
    await focused(total - 1);
    await page.keyboard.press("Home");
    await focused(0);
    await page.keyboard.press("ArrowDown");
    await focused(1);
    const heights = await rows().evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height));
    assert.deepEqual([...new Set(heights)], [27]);
  });

  test("on a telephone scrolls by itself: the page stays as wide as the screen", async () => {
    await visit("/?list=page", { width: 390, height: 800 });
    await rows().first().waitFor();
    const { page: over, list } = await page.evaluate(() => {
      const over = (one) => one.scrollWidth - one.clientWidth;
      return { page: over(document.documentElement), list: over(document.querySelector(".rows")) };
    });
    assert.ok(list > 0, "the list is wider than the screen");
    assert.equal(over, 0);
  });

  test("`n` opens an incident as a whole: its rack's panel begins with it, and `a` is about all its members", async () => {
    site.events.length = 0;
    const { rack } = quietPlace();
    const fell = site.fell(rack, Date.now() - 30_000);
    mock.push(fresh({ incidents: [fell.incident] }));
    await visit();
    await mapOf(page);
    await page.keyboard.press("n");
    await page.waitForURL(`**/?sel=rack:${rack.id}`);
    await page.locator(".panel .incident", { hasText: fell.incident.reason }).waitFor();
    assert.ok(fell.events.length > 1);
    await page.keyboard.press("a");
    await page.locator("dialog.act .about li").nth(1).waitFor();
    await page.keyboard.press("Control+Enter");
    await page.locator("dialog.act").waitFor({ state: "detached" });
    const [{ ids }] = written("POST /events/acknowledge");
    assert.deepEqual([...ids].sort(), fell.events.map(({ id }) => id).sort());
  });

  test("an incident's members stand as one in what is to act on, and count as one", async () => {
    site.events.length = 0;
    const { rack } = quietPlace();
    const fell = site.fell(rack, Date.now() - 30_000);
    mock.push(fresh({ incidents: [fell.incident] }));
    await visit();
    await page.locator(".panel .event b", { hasText: fell.incident.reason }).waitFor();
    assert.equal(await page.locator(".panel .event").count(), 1);
    assert.equal(await page.locator(".counter[data-severity='4'] b").textContent(), "1");
    assert.equal(
      await page.locator(".counter[data-severity='4'] small").textContent(),
      `/ ${fell.events.length}`,
    );
    await until(page, "the title", () => document.title === "(1) Heat");
  });
});
