// Tickets and their templates.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mapOf, until } from "./browser.mjs";
import { only, mock, site, page, visit, fresh, quietPlace, written } from "./fixture.mjs";

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
  const standing = (state) => dialog().locator(`[data-standing=${state}]`);

  test("are asked for with the template that fits best; the key comes with the picture, on the event too", async () => {
    const { made } = await rackOfProblems(3);
    await page.locator(".panel .do button", { hasText: "Ticket" }).click();
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
    assert.match(
      await page.evaluate(() => document.activeElement?.textContent),
      /Ticket/,
      "the focus is back",
    );
  });

  test("take a description as it was typed, and nothing else that was not", async () => {
    const { made } = await rackOfProblems(1);
    await open();
    await dialog().getByLabel("Description").fill("Left feed, rack 07.\n\nBring a fuse.");
    await rendered();
    await create();
    await dialog().locator(".creating").waitFor();
    assert.deepEqual(written("POST /tickets"), [
      {
        ids: [made[0].id],
        template: "power",
        edits: { description: "Left feed, rack 07.\n\nBring a fuse." },
      },
    ]);
  });

  test("close their dialog by themselves once they have their key, and not before", async () => {
    await rackOfProblems(2);
    await open();
    await create();
    await dialog().locator(".creating").waitFor();
    await page.clock.install();
    await page.clock.runFor(10_000);
    assert.equal(await dialog().count(), 1);
    mock.fate(1, { key: "DCOPS-5" });
    await dialog().locator("a", { hasText: "DCOPS-5" }).waitFor();
    await page.clock.runFor(5_000);
    await dialog().waitFor({ state: "detached" });
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
    assert.match(names[0], /^\d+(-\d+){3}$/);
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

  test("are asked for without https, too, where a browser names nothing by itself", async () => {
    await rackOfProblems(1);
    await page.evaluate(() => delete Crypto.prototype.randomUUID);
    await open();
    await create();
    await dialog().locator(".creating").waitFor();
    assert.equal(written("POST /tickets").length, 1);
  });

  test("a preview that failed says why, and is made again with the next picture", async () => {
    await rackOfProblems(1);
    await page.route("**/render", (route) =>
      route.fulfill({
        status: 503,
        contentType: "application/problem+json",
        body: JSON.stringify({ title: "Not ready", detail: "Redis does not answer" }),
      }),
    );
    await page.keyboard.press("t");
    await dialog().locator("[role=alert]", { hasText: "Redis does not answer" }).waitFor();
    assert.equal(await dialog().locator("button.primary").isDisabled(), true);
    await page.unroute("**/render");
    mock.push(fresh());
    await rendered();
    assert.equal(await dialog().locator("[role=alert]").count(), 0);
    assert.equal(await summary().inputValue(), "No power, 1 devices");
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
