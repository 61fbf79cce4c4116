// The built page against a stand-in for the API: everything that must not depend on the stack's timing.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { assertAccessible, cell, launch, mapOf, open, pixelsOf, until, untilPixels } from "./browser.mjs";
import { startMock } from "./mock.mjs";
import { makeSite, stamp } from "./site.mjs";

const HIGH = "#ea2c28";

// Where HEAT_URL names a stack, that is what is tested.
const only = { skip: process.env.HEAT_URL ? "HEAT_URL names a stack" : false };

let browser;
let mock;
let site;
let page;

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

const visit = async (query = "/", options = {}) => {
  page = await open(browser, mock.url + query, options);
  return page;
};

/** A snapshot newer than any before it. */
let revision = 0;
const fresh = (changes = {}) => {
  revision = Math.max(revision + 1, Date.now());
  return { ...site.snapshot(Date.now() + mock.state.clock, changes), revision };
};

/** A rack in which nothing happens, and a device in it. */
function quietPlace() {
  const busy = new Set([
    ...site.events.map((event) => event.rack_id),
    ...site.snapshot().no_data.map((id) => site.rackOf.get(id)),
  ]);
  const device = site.watched.find((other) => !busy.has(site.rackOf.get(other.id)));
  const rack = site.inventory.racks.find((other) => other.id === site.rackOf.get(device.id));
  return { device, rack };
}

const aProblem = (device, fields = {}) =>
  site.makeEvent(900_000, device, ["Power supply 1 has failed", 4], Date.now() - 30_000, fields);

describe("the map", only, () => {
  test("shows every rack of the inventory, and the page breaks no rule of its security policy", async () => {
    await visit();
    await mapOf(page);
    assert.equal(await page.locator("[role=gridcell]").count(), site.inventory.racks.length);
    assert.equal(await page.locator("nav.tabs button").count(), 4);
    assert.equal(await page.locator("#line").getAttribute("data-line"), "live");
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
    assert.ok((await pixelsOf(page, HIGH)) > before + 50);
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
        (c) => /not in the filter/.test(c.textContent) === text,
      ).length;
    await page.waitForFunction(dimmed, true);
    assert.equal(await page.evaluate(dimmed, false), 1, "one rack is not dimmed");
    assert.ok((await pixelsOf(page, HIGH)) > 50);
    assert.match(await page.locator(".filtered").textContent(), /1 of 1 events/);
    await page.keyboard.press("/");
    await page.keyboard.type("sev:disaster");
    await page.keyboard.press("Enter");
    await until(page, "all dimmed", () =>
      [...document.querySelectorAll("[role=gridcell]")].every((c) => /not in the filter/.test(c.textContent)),
    );
    assert.equal(await pixelsOf(page, HIGH), 0);
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
    const held = () => page.evaluate(() => document.activeElement?.textContent);
    for (const key of ["ArrowRight", "ArrowDown"]) {
      const before = await held();
      await page.keyboard.press(key);
      await page.waitForFunction((text) => document.activeElement?.textContent !== text, before);
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

describe("the wall never lies", only, () => {
  test("NOT LIVE by the server's clock, however fresh the message arrived, and searchable still", async () => {
    mock.state.clock = 90_000;
    await visit();
    await mapOf(page);
    await page.locator(".band b", { hasText: "NOT LIVE" }).waitFor();
    assert.ok(await page.locator(".map.dead").count());
    await page.keyboard.press("/");
    await page.keyboard.type(site.inventory.devices[0].name);
    await page.locator("#found li b").first().waitFor();
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
    assert.match(await text.textContent(), /no data/);
    assert.ok((await pixelsOf(page, HIGH)) > 30);
    assert.equal(await page.locator("[data-source=zabbix]").getAttribute("data-mood"), "stale");
    assert.match(await page.locator("[data-source=zabbix]").textContent(), /5 min/);
  });

  test("a late source turns its chip, nothing else", async () => {
    const snapshot = fresh();
    snapshot.sources[2] = {
      ...snapshot.sources[2],
      fetched_at: stamp(Date.now() - 30_000),
    };
    mock.push(snapshot);
    await visit();
    await page.locator("[data-source=zabbix][data-mood=late]").waitFor();
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
      [...document.querySelectorAll("[role=gridcell]")].every((c) => /nobody watches/.test(c.textContent)),
    );
  });
});

describe("the line", only, () => {
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

describe("comments", only, () => {
  const eventKey = () => site.events.find((event) => event.rack_id && !event.handled).key;

  test("are written, changed and deleted, and the list shows them", async () => {
    const key = eventKey();
    await visit(`/?event=${encodeURIComponent(key)}`);
    await page.locator("textarea").fill("Left feed is dead");
    await page.locator("button.primary", { hasText: "Comment" }).click();
    await page.locator(".said .words", { hasText: "Left feed is dead" }).waitFor();
    assert.equal(await page.locator("textarea").inputValue(), "");
    await page.locator(".said button", { hasText: "Edit" }).click();
    await page.locator(".said textarea").fill("Right feed is dead");
    await page.locator(".said button", { hasText: "Save" }).click();
    await page.locator(".said .words", { hasText: "Right feed is dead" }).waitFor();
    await page.locator(".said button", { hasText: "Delete" }).click();
    await page.locator(".said button.primary", { hasText: "Delete" }).click();
    await page.locator(".said").waitFor({ state: "detached" });
    assert.equal(mock.state.comments.length, 0);
  });

  test("typing survives snapshots, the end of the event, and closing it", async () => {
    const key = eventKey();
    await visit(`/?event=${encodeURIComponent(key)}`);
    await page.locator("textarea").click();
    await page.keyboard.type("half a sent");
    mock.push(fresh());
    await page.keyboard.type("ence");
    site.events.splice(
      site.events.findIndex((event) => event.key === key),
      1,
    );
    mock.push(fresh());
    await page.locator(".gone").waitFor();
    await page.keyboard.type(", and more");
    assert.equal(await page.locator("textarea").inputValue(), "half a sentence, and more");
    await page.locator(".panel header .plain").click();
    await page.goBack();
    assert.equal(await page.locator("textarea").inputValue(), "half a sentence, and more");
  });

  test("of others come in by themselves and may not be changed", async () => {
    const key = eventKey();
    await visit(`/?event=${encodeURIComponent(key)}`);
    await page.locator("textarea").waitFor();
    mock.state.comments.push({
      id: 500,
      event_key: key,
      author: "a.petrova",
      at: stamp(Date.now()),
      text: "On site now",
    });
    const event = site.events.find((other) => other.key === key);
    event.comments = [
      {
        id: 500,
        author: "a.petrova",
        at: stamp(Date.now()),
        text: "On site now",
      },
    ];
    event.comment_count = 1;
    mock.push(fresh());
    await page.locator(".said .words", { hasText: "On site now" }).waitFor();
    assert.equal(await page.locator(".said button").count(), 0);
  });

  test("are not offered to viewers", async () => {
    mock.state.me = { ...mock.state.me, role: "viewer" };
    await visit(`/?event=${encodeURIComponent(eventKey())}`);
    await page.locator(".thread .lead", { hasText: "operator role" }).waitFor();
    assert.equal(await page.locator("textarea").count(), 0);
  });

  test("that cannot be saved stay in the box, with the server's reason", async () => {
    await visit(`/?event=${encodeURIComponent(eventKey())}`);
    await page.locator("textarea").fill("will not go");
    await page.route("**/comments", (route) =>
      route.request().method() === "POST"
        ? route.fulfill({
            status: 503,
            contentType: "application/problem+json",
            body: JSON.stringify({
              type: "about:blank",
              title: "x",
              status: 503,
              detail: "the comments database does not answer; try again",
              request_id: "1",
            }),
          })
        : route.fallback(),
    );
    await page.locator("button.primary", { hasText: "Comment" }).click();
    await page.locator(".thread .why", { hasText: "does not answer" }).waitFor();
    assert.equal(await page.locator("textarea").inputValue(), "will not go");
  });
});

describe("tickets", only, () => {
  /** A quiet rack gets so many problems, and the page shows them. */
  async function rackOfProblems(count, options = {}) {
    const { device, rack } = quietPlace();
    const made = Array.from({ length: count }, (_, i) =>
      site.makeEvent(910_000 + i, device, [`Power supply ${i + 1} has failed`, 4], Date.now() - 60_000 - i),
    );
    mock.push(fresh());
    await visit(`/?sel=rack:${rack.id}`, options);
    await page
      .locator(".panel .event")
      .nth(count - 1)
      .waitFor();
    return { made, rack };
  }
  const dialog = () => page.locator("dialog.ticketing");
  const summary = () => dialog().getByLabel("Summary");
  const rendered = async () => {
    await until(page, "the preview", () => {
      const button = document.querySelector("dialog.ticketing button.primary");
      return button !== null && !button.disabled;
    });
  };
  const open = async () => {
    await page.keyboard.press("t");
    await dialog().locator(".members").waitFor();
    await rendered();
  };
  const create = () => dialog().locator("button.primary").click();
  const written = (what) => mock.state.written.filter(([name]) => name === what).map(([, body]) => body);
  const standing = (state) => dialog().locator(`[data-standing=${state}]`);

  test("are asked for with the template that fits best; the key comes with the picture, on the event too", async () => {
    const { made } = await rackOfProblems(3);
    await page.locator(".panel .wide", { hasText: "Ticket" }).click();
    await dialog().locator("select").waitFor();
    await rendered();
    assert.equal(await dialog().locator("select").inputValue(), "template:power");
    assert.equal(await summary().inputValue(), "No power, 3 devices");
    await dialog().locator(".members input").last().uncheck();
    await until(page, "the preview of two", () =>
      document.querySelector("dialog .fields input").value.includes("2 devices"),
    );
    await dialog().getByLabel("Priority").fill("blocker");
    await rendered();
    await create();
    await dialog().locator(".creating").waitFor();
    const ids = made.slice(0, 2).map(({ id }) => id);
    assert.deepEqual(written("POST /tickets"), [{ ids, template: "power", edits: { priority: "blocker" } }]);
    await page.locator(".panel .ticket.pending", { hasText: "creating…" }).first().waitFor();
    mock.fate(1, { key: "DCOPS-5", status: "Open" });
    const link = dialog().locator("a", { hasText: "DCOPS-5" });
    await link.waitFor();
    assert.equal(await link.getAttribute("href"), "https://tracker.example.net/DCOPS-5");
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    assert.equal(await page.locator(".panel .ticket.created a", { hasText: "DCOPS-5" }).count(), 2);
    assert.equal(await page.evaluate(() => document.activeElement?.className), "wide", "the focus is back");
  });

  test("keep what is typed while pictures come, events go and templates change", async () => {
    const { made } = await rackOfProblems(2);
    await open();
    await summary().click();
    await page.keyboard.press("Control+a");
    await page.keyboard.type("Both feeds");
    site.events.splice(site.events.indexOf(made[1]), 1);
    mock.push(fresh());
    await dialog().locator(".members .gone").waitFor();
    await page.keyboard.type(" are dead");
    assert.equal(await summary().inputValue(), "Both feeds are dead");
    await dialog().locator("select").selectOption("template:vendor");
    await rendered();
    assert.equal(await summary().inputValue(), "Both feeds are dead");
    assert.equal(await dialog().getByLabel("Queue").inputValue(), "HW");
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    await open();
    assert.equal(await summary().inputValue(), "Both feeds are dead");
    await dialog().locator(".link", { hasText: "Undo my changes" }).click();
    assert.match(await summary().inputValue(), /^Broken/);
  });

  test("one that was not answered is asked for again under the same name, and made once", async () => {
    await rackOfProblems(1);
    await open();
    const names = [];
    await page.route("**/api/v1/tickets", async (route) => {
      names.push(await route.request().headerValue("idempotency-key"));
      // The server makes it, and the answer is lost on the way.
      await route.fetch();
      await (names.length === 1 ? route.abort() : route.fallback());
    });
    await create();
    await dialog().locator(".why", { hasText: "Not done" }).waitFor();
    await page.locator(".panel .ticket.pending").waitFor();
    await dialog().locator("button.primary", { hasText: "Try again" }).click();
    await dialog().locator(".creating").waitFor();
    assert.equal(names.length, 2);
    assert.equal(names[0], names[1]);
    assert.match(names[0], /^[0-9a-f-]{36}$/);
    assert.equal(mock.state.tickets.length, 1);
  });

  test("where one covers some, the others are added to it unless somebody chooses otherwise", async () => {
    const { made } = await rackOfProblems(3);
    mock.state.tickets.push({ id: 1, ids: [made[0].id], draft: { queue: "NOC", summary: "x" } });
    mock.fate(1, { key: "NOC-71", status: "Open" });
    await page.locator(".panel .ticket.created").waitFor();
    await open();
    assert.deepEqual(await dialog().locator(".ways label").allTextContents(), [
      "Add the others (2 events) to NOC-71",
      "A new ticket for the others (2 events)",
      "A new ticket for all (3 events), taken from the old one",
    ]);
    assert.equal(await dialog().locator("select").count(), 0);
    await page.keyboard.press("ArrowDown");
    await dialog().locator("select").waitFor();
    assert.equal(await dialog().locator(".ways input").nth(1).isChecked(), true);
    await page.keyboard.press("ArrowUp");
    await create();
    await dialog().locator(".done", { hasText: "NOC-71 got 2 events" }).waitFor();
    assert.deepEqual(written("POST /tickets/1/events"), [{ ids: [made[1].id, made[2].id] }]);
  });

  test("a new one for all is made only when it is chosen", async () => {
    const { made } = await rackOfProblems(2);
    mock.state.tickets.push({ id: 1, ids: made.map(({ id }) => id), draft: { queue: "NOC", summary: "x" } });
    mock.fate(1, { key: "NOC-71", status: "Open" });
    await page.locator(".panel .ticket.created").nth(1).waitFor();
    await page.keyboard.press("t");
    await dialog().locator(".ways").waitFor();
    assert.ok(await dialog().locator("button.primary").isDisabled());
    await dialog().locator(".ways input").check();
    await rendered();
    await create();
    await dialog().locator(".creating").waitFor();
    const ids = made.map(({ id }) => id).sort();
    assert.deepEqual(written("POST /tickets"), [{ ids, template: "power", force: true }]);
  });

  test("when somebody was quicker, says so and offers the choice", async () => {
    const { made } = await rackOfProblems(2);
    await open();
    // In the server's books, and not yet in the picture of this page.
    mock.state.snapshot = structuredClone(mock.state.snapshot);
    mock.state.tickets.push({
      id: 1,
      ids: [],
      draft: { queue: "NOC", summary: "x" },
      key: "NOC-9",
      state: "created",
    });
    mock.state.snapshot.events.find(({ id }) => id === made[0].id).ticket = {
      id: 1,
      key: "NOC-9",
      state: "created",
    };
    await create();
    await dialog().locator(".why", { hasText: "Somebody was quicker" }).waitFor();
    await dialog().locator(".ways label", { hasText: "Add the others (1 event) to NOC-9" }).waitFor();
    await create();
    await dialog().locator(".done", { hasText: "NOC-9 got 1 event" }).waitFor();
    assert.deepEqual(written("POST /tickets/1/events"), [{ ids: [made[1].id] }]);
  });

  test("one that is refused says why, is edited and sent again", async () => {
    await rackOfProblems(1);
    await open();
    await create();
    await dialog().locator(".creating").waitFor();
    mock.fate(1, { state: "pending", error: "503 Service Unavailable" });
    await dialog().locator(".warning", { hasText: "503 Service Unavailable. It is tried again" }).waitFor();
    mock.fate(1, { state: "failed", error: "priority: there is no critical" });
    await dialog()
      .locator(".why", { hasText: "ticket not created: priority: there is no critical" })
      .waitFor();
    await page.keyboard.press("Escape");
    const chip = page.locator(".panel .ticket.failed");
    await chip.locator(".why", { hasText: "there is no critical" }).waitFor();
    await chip.locator("button", { hasText: "Edit" }).click();
    await dialog().getByLabel("Priority").fill("normal");
    await dialog().locator("button.primary", { hasText: "Save and send again" }).click();
    await standing("pending").waitFor();
    assert.deepEqual(written("PATCH /tickets/1"), [{ priority: "normal" }]);
    assert.equal(written("POST /tickets/1/retry").length, 1);
    mock.fate(1, { key: "DCOPS-6" });
    await dialog().locator(".done", { hasText: "DCOPS-6" }).waitFor();
  });

  test("one that failed is sent again from its event; one that was closed while it burns says so", async () => {
    const { made } = await rackOfProblems(1);
    mock.state.tickets.push({ id: 1, ids: [made[0].id], draft: { queue: "NOC", summary: "x" } });
    mock.fate(1, { state: "failed", error: "403 Forbidden" });
    await page.locator(".panel .event").click();
    await page.locator(".facts .ticket.failed .link", { hasText: "Retry" }).click();
    await page.locator(".facts .ticket.pending", { hasText: "creating…" }).waitFor();
    mock.fate(1, { key: "NOC-8", state: "closed", status: "Closed" });
    await page.locator(".facts .ticket.closed", { hasText: /NOC-8.*closed, still burning/ }).waitFor();
  });

  test("in one's own words need a queue and a summary; one opened elsewhere its key", async () => {
    const { made } = await rackOfProblems(1);
    await open();
    await dialog().locator("select").selectOption("own");
    assert.ok(await dialog().locator("button.primary").isDisabled());
    await summary().fill("Smoke");
    await dialog().getByLabel("Queue").fill("NOC");
    assert.ok(await dialog().locator("button.primary").isEnabled());
    await dialog().locator("select").selectOption("existing");
    await dialog().getByLabel("Its key").fill(" NOC-77 ");
    await page.keyboard.press("Control+Enter");
    await standing("pending").waitFor();
    assert.deepEqual(written("POST /tickets"), [{ ids: [made[0].id], existing: "NOC-77" }]);
  });

  test("are opened by hand where the tracker is only a link, filled in, and attached by their key", async () => {
    const link = "https://tracker.example.net/new?queue={queue}&summary={summary}&text={description}";
    mock.state.templates = site.templates({ tracker: { kind: "link", link, pending: 0, failed: 0 } });
    await rackOfProblems(1);
    await page.keyboard.press("t");
    const out = dialog().locator("a.wide");
    await until(page, "filled in", () => document.querySelector("dialog a.wide")?.href.includes("DCOPS"));
    assert.match(
      await out.getAttribute("href"),
      /queue=DCOPS&summary=No%20power%2C%201%20devices&text=\*%20/,
    );
    assert.equal(await out.getAttribute("target"), "_blank");
    await dialog().getByLabel("Its key").fill("DCOPS-9");
    await rendered();
    await create();
    await standing("pending").waitFor();
    assert.equal(written("POST /tickets")[0].existing, "DCOPS-9");
  });

  test("without a tracker the dialog says what to configure; without a selection what to select", async () => {
    mock.state.templates = site.templates({ tracker: undefined });
    await rackOfProblems(1);
    await page.keyboard.press("t");
    await dialog().locator("[data-state=noTracker]", { hasText: "HEAT_TRACKER" }).waitFor();
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => url.search === "");
    await page.keyboard.press("t");
    await dialog().locator(".lead", { hasText: "Select an event" }).waitFor();
  });

  test("a tracker that does not answer is said, and what the renderer warns of", async () => {
    mock.state.templates = site.templates({
      tracker: { kind: "startrek", error: "401 Unauthorized", pending: 1, failed: 0 },
      warnings: { power: ["the queue DCOPS has no field rack"] },
    });
    await rackOfProblems(1);
    await open();
    await dialog().locator(".warning", { hasText: "401 Unauthorized" }).waitFor();
    await dialog().locator(".warning", { hasText: "no field rack" }).waitFor();
  });

  test("are not offered to viewers", async () => {
    mock.state.me = { ...mock.state.me, role: "viewer" };
    const { made } = await rackOfProblems(1);
    mock.state.tickets.push({ id: 1, ids: [made[0].id], draft: { queue: "NOC", summary: "x" } });
    mock.fate(1, { state: "failed", error: "403 Forbidden" });
    await page.locator(".panel .ticket.failed").waitFor();
    await page.keyboard.press("t");
    await page.locator(".panel .event").click();
    await page.locator(".facts .ticket.failed").waitFor();
    assert.equal(await dialog().count(), 0);
    assert.equal(await page.locator(".panel .wide, .ticket button").count(), 0);
  });

  test("get a comment too, if its author wants it", async () => {
    const { made } = await rackOfProblems(1);
    await page.locator(".panel .event").click();
    await page.locator(".thread textarea").fill("PSU on its way");
    assert.equal(await page.locator(".thread input[type=checkbox]").count(), 0);
    mock.state.tickets.push({ id: 1, ids: [made[0].id], draft: { queue: "NOC", summary: "x" } });
    mock.fate(1, { key: "NOC-71" });
    await page.getByLabel("on NOC-71 too").check();
    await page.locator(".thread button.primary").click();
    await page.locator(".said").waitFor();
    const path = `POST /events/${encodeURIComponent(made[0].key)}/comments`;
    assert.deepEqual(written(path), [{ text: "PSU on its way", on_ticket: true }]);
    assert.equal(await page.getByLabel("on NOC-71 too").isChecked(), false);
  });
});

describe("templates", only, () => {
  test("show their commit, and what one says about the selection", async () => {
    const event = site.events.find((other) => other.rack_id && !other.handled);
    await visit(`/?event=${encodeURIComponent(event.key)}`);
    await mapOf(page);
    await page.locator(".panel .facts").waitFor();
    await page.locator("#templates.fresh", { hasText: "8c1f2e7" }).click();
    const dialog = page.locator("dialog.templates");
    assert.match(
      await dialog.locator(".facts").textContent(),
      /8c1f2e74b09d Say which feed.*2 h ago.*4 min ago/,
    );
    await dialog.locator(".names button", { hasText: "A rack lost power" }).click();
    await dialog.locator(".preview h3", { hasText: "No power, 1 devices" }).waitFor();
    await dialog.locator(".names button", { hasText: "On site" }).click();
    await dialog.locator(".preview pre", { hasText: "We are on site." }).waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement?.id), "templates");
  });

  test("of which a newer commit was refused turn their chip, and tell file, line and reason", async () => {
    const error = "tickets/rack-power.md.j2:14: unknown filter plurl";
    mock.state.templates = site.templates({ rejected: "0badc0de0badc0de0badc0de", error });
    await visit();
    await mapOf(page);
    const chip = page.locator("#templates.late", { hasText: "newer one refused" });
    await chip.waitFor();
    assert.equal(await chip.getAttribute("title"), error);
    await chip.click();
    await page.locator("dialog.templates .warning", { hasText: "0badc0de0bad" }).waitFor();
    assert.equal(await page.locator("dialog.templates .warning pre").textContent(), error);
  });

  test("that could not be pulled say so", async () => {
    mock.state.templates = site.templates({ pull_error: "git: connection refused" });
    await visit();
    await page.locator("#templates.late", { hasText: "not pulled" }).click();
    await page.locator("dialog.templates .warning", { hasText: "connection refused" }).waitFor();
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
    assert.equal(Number(await page.locator("#tray b").textContent()), site.events.length);
  });

  test("without monitoring", async () => {
    mock.push(fresh({ sources: site.snapshot().sources.slice(0, 2), events: [] }));
    await visit();
    await page.locator("[data-state=noSources]").waitFor();
    assert.match(await page.locator(".empty").textContent(), /HEAT_ZABBIX_URL/);
  });
});

describe("everybody", only, () => {
  test("reads it in Russian when the browser asks, and switches", async () => {
    await visit("/", { locale: "ru-RU" });
    await mapOf(page);
    assert.equal(await page.locator(".panel h2").textContent(), "Требуют действий");
    await page.locator("button", { hasText: "English" }).click();
    assert.equal(await page.locator(".panel h2").textContent(), "To act on");
    await page.reload();
    await mapOf(page);
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
  });

  for (const [scheme, locale] of [
    ["dark", "en-GB"],
    ["light", "ru-RU"],
  ]) {
    test(`can use tickets and templates: axe finds nothing serious in ${scheme}, ${locale}`, async () => {
      site.events.length = 0;
      const { device, rack } = quietPlace();
      const made = Array.from({ length: 4 }, (_, i) =>
        site.makeEvent(920_000 + i, device, [`Power supply ${i} has failed`, 4], Date.now() - 30_000),
      );
      mock.state.templates = site.templates({
        tracker: { kind: "startrek", error: "401 Unauthorized", pending: 1, failed: 1 },
        warnings: { power: ["the queue DCOPS has no field rack"] },
        rejected: "0badc0de0badc0de0badc0de",
        error: "tickets/rack-power.md.j2:14: unknown filter plurl",
        pull_error: "git: connection refused",
      });
      mock.push(fresh());
      await visit(`/?sel=rack:${rack.id}`, { scheme, locale });
      await page.locator(".panel .event").nth(3).waitFor();
      await page.keyboard.press("t");
      await page.locator("dialog .warning").nth(1).waitFor();
      await assertAccessible(page, "the dialog");
      await page.keyboard.press("Escape");
      const fates = [
        { key: "NOC-1", status: "Open" },
        { state: "failed", error: "403 Forbidden" },
        { key: "NOC-3", state: "closed" },
      ];
      fates.forEach((changes, i) => {
        mock.state.tickets.push({ id: i + 1, ids: [made[i].id], draft: { queue: "NOC", summary: "x" } });
        mock.fate(i + 1, changes);
      });
      await page.locator(".panel .ticket").nth(2).waitFor();
      await assertAccessible(page, "chips");
      await page.keyboard.press("t");
      await page.locator("dialog .ways").waitFor();
      await assertAccessible(page, "the choice");
      await page.keyboard.press("Escape");
      await page.locator(".ticket.failed button").nth(1).click();
      await page.locator("dialog [data-standing=failed]").waitFor();
      await assertAccessible(page, "a refused ticket");
      await page.keyboard.press("Escape");
      await page.locator("#templates").click();
      await page.locator("dialog.templates .names button").first().click();
      await page.locator("dialog.templates .preview pre").waitFor();
      await assertAccessible(page, "templates");
    });
  }

  for (const scheme of ["dark", "light"]) {
    test(`can use it: axe finds nothing serious in ${scheme}`, async () => {
      const event = site.events.find((other) => other.rack_id && !other.handled);
      mock.state.comments.push({
        id: 1,
        event_key: event.key,
        author: "operator",
        at: stamp(Date.now()),
        text: "Seen",
        own: true,
      });
      const { rack } = quietPlace();
      const views = {
        "zoom 0": "/",
        "zoom 2": `/?rack=${rack.id}&sel=rack:${rack.id}`,
        "an event": `/?event=${encodeURIComponent(event.key)}`,
        "the tray": "/?sel=tray&sev=4,5",
        "a wrong filter": "/?filter=hots:x",
        "a source": "/?sel=source:zabbix",
      };
      await visit("/", { scheme });
      for (const [name, query] of Object.entries(views)) {
        await page.goto(mock.url + query);
        await mapOf(page);
        if (name === "an event") await page.locator(".said").waitFor();
        await assertAccessible(page, name);
      }
      await page.keyboard.press("?");
      await page.locator("dialog.help").waitFor();
      await assertAccessible(page, "help");
      await page.keyboard.press("Escape");
      await page.keyboard.press("/");
      await page.keyboard.type("sas");
      await page.locator("#found li b").first().waitFor();
      await assertAccessible(page, "search");
      mock.state.clock = 200_000;
      await page.goto(mock.url);
      await page.locator(".band").waitFor();
      await assertAccessible(page, "not live");
      mock.state.snapshot = undefined;
      await page.goto(mock.url);
      await page.locator("[data-state=noSnapshot]").waitFor();
      await assertAccessible(page, "empty");
    });
  }
});
