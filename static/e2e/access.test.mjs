// The page in both languages, and for people who cannot see or use a mouse.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertAccessible, mapOf } from "./browser.mjs";
import { only, browser, mock, site, page, visit, fresh, quietPlace } from "./fixture.mjs";
import { stamp } from "./site.mjs";

describe("everybody", only, () => {
  test("reads it in Russian when the browser asks, and switches", async () => {
    await visit("/", { locale: "ru-RU" });
    await mapOf(page);
    assert.equal(await page.locator(".panel h2").textContent(), "Требуют действий");
    await page.locator("button", { hasText: "English" }).click();
    await page.locator(".panel h2", { hasText: "To act on" }).waitFor();
    await page.reload();
    await mapOf(page);
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
  });

  test("comes to a dark page first, whatever the desktop is like, and is greeted by name and role", async () => {
    mock.state.me.name = "b.ivanov";
    await visit("/", { scheme: null });
    await mapOf(page);
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    for (const channel of ground.match(/\d+/g)) assert.ok(Number(channel) < 40, ground);
    assert.equal(await page.locator(".who").textContent(), "b.ivanov");
    assert.equal(await page.locator(".who").getAttribute("title"), "b.ivanov, operator");
  });

  test("leaves nothing but taste in the browser, whatever was looked at, picked and typed", async () => {
    const event = site.events.find((other) => other.rack_id && !other.handled);
    await visit(
      `/?list=drawer&filter=sev%3E=0&sel=rack:${event.rack_id}&event=${encodeURIComponent(event.key)}`,
    );
    await mapOf(page);
    await page.locator(".rows input").first().check();
    await page.locator("textarea").fill("half a sentence");
    await page.locator("#sound").click();
    await page.getByLabel("High and worse").check();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Русский" }).click();
    await page.locator("html[lang=ru]").waitFor();
    const kept = await page.evaluate(async () => ({
      local: Object.keys(localStorage).sort(),
      longest: Math.max(...Object.values(localStorage).map((value) => value.length)),
      others: [sessionStorage.length, document.cookie, (await indexedDB.databases()).length],
    }));
    const taste = ["language", "loud", "notify", "palette", "repeat", "sound", "theme", "volume", "zone"];
    assert.deepEqual(
      kept.local,
      taste.map((name) => `heat.${name}`),
    );
    assert.ok(kept.longest <= 10, "each is a word");
    assert.deepEqual(kept.others, [0, "", 0]);
  });

  test("tells times by the site's clock, or by the machine's own", async () => {
    mock.state.me.settings.timezone = "Pacific/Kiritimati";
    const event = site.events.find((other) => other.rack_id && !other.handled);
    await visit(`/?event=${encodeURIComponent(event.key)}`);
    const hour = (zone) =>
      new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(
        new Date(event.since),
      );
    const since = page.locator(".facts dd").first();
    await since.filter({ hasText: hour("Pacific/Kiritimati") }).waitFor();
    await page.keyboard.press("?");
    await page.getByLabel("of this machine").check();
    await page.keyboard.press("Escape");
    await since.filter({ hasText: hour(undefined) }).waitFor();
    await page.reload();
    await since.filter({ hasText: hour(undefined) }).waitFor();
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

  for (const [scheme, locale] of [
    ["dark", "ru-RU"],
    ["light", "en-GB"],
  ]) {
    test(`can use it: axe finds nothing serious in ${scheme}, ${locale}`, async () => {
      const event = site.events.find((other) => other.rack_id && !other.handled);
      mock.state.comments.push({
        id: 1,
        event_key: event.key,
        author: "operator",
        at: stamp(Date.now()),
        text: "Seen",
        own: true,
      });
      const { rack, device } = quietPlace();
      for (let n = 0; n < 25; n++) {
        site.makeEvent(970_000 + n, device, [`Old ${n}`, 2], Date.now() - 9 * 86_400_000);
      }
      mock.state.changes = [
        {
          kind: "commented",
          at: stamp(Date.now()),
          key: event.key,
          name: "x",
          host: "y",
          by: "b",
          text: "z",
        },
      ];
      mock.state.inventoryProblems = [{ kind: "unknown_host", host: "ghost", text: "no such host" }];
      mock.state.notes.push({
        id: 1,
        place: `rack:${rack.id}`,
        author: "b",
        at: stamp(Date.now()),
        text: "Mind the cable",
        quiet: true,
      });
      mock.push(fresh({ notes: mock.state.notes }));
      const views = {
        "zoom 0": "/",
        "a data centre": "/?dc=sas",
        "a row": `/?row=${rack.row_id}`,
        "the list below the map": `/?list=drawer&sel=rack:${rack.id}`,
        "the list alone": "/?list=page&all=1&sort=place",
        changes: "/?changes=1",
        "what to mend": "/?sel=source:inventory",
        "a device": `/?sel=device:${device.id}`,
        "a view that is gone": "/?view=9",
        kiosk: "/?kiosk=1&dc=sas",
        "zoom 2": `/?rack=${rack.id}&sel=rack:${rack.id}`,
        "an event": `/?event=${encodeURIComponent(event.key)}`,
        "the tray": "/?sel=tray&filter=sev>=high",
        "a wrong filter": "/?filter=hots:x",
        "a source": "/?sel=source:zabbix",
      };
      await visit("/", { scheme, locale });
      for (const [name, query] of Object.entries(views)) {
        await page.goto(mock.url + query);
        if (name === "the list alone") await page.locator("[data-at]").first().waitFor();
        else await mapOf(page);
        if (name === "an event") await page.locator(".said").waitFor();
        await assertAccessible(page, name);
      }
      await page.goto(`${mock.url}/?sel=rack:${rack.id}&list=drawer`);
      await page.locator(".panel .event").first().waitFor();
      await page.locator(".past summary").click();
      await page.locator(".rows input").first().check();
      await page.locator(".picked-bar").waitFor();
      await assertAccessible(page, "picked, and the past");
      for (const [key, name] of Object.entries({ a: "acknowledge", c: "comment", v: "views" })) {
        await page.keyboard.press(key);
        await page.locator("dialog.act footer").waitFor();
        await assertAccessible(page, name);
        if (key === "v") {
          await page.locator("dialog .primary").click();
          await page.locator("#view-expression").fill("{a} AND {b}");
          await page.locator("dialog input").first().fill("x");
          await page.locator("dialog .primary").click();
          await page.locator(".mistake-at").waitFor();
          await assertAccessible(page, "a view with a mistake");
        }
        await page.keyboard.press("Escape");
        await page.locator("dialog").waitFor({ state: "detached" });
      }
      await page.locator(".notes button").click();
      await page.locator("dialog.act footer").waitFor();
      await assertAccessible(page, "a note");
      await page.keyboard.press("Escape");
      await page.locator("#sound").click();
      await page.locator("dialog.settings").waitFor();
      await assertAccessible(page, "sound");
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
      await page.keyboard.press("Escape");
      // Space presses what has the focus.
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press(" ");
      await page.locator("button.held").waitFor();
      await assertAccessible(page, "held");
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
