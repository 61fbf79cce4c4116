// What one does about events: acknowledge, comment on many, note, copy.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cell, mapOf, until } from "./browser.mjs";
import { fresh, mock, only, page, quietPlace, rackOf, site, visit, written } from "./fixture.mjs";
import { stamp } from "./site.mjs";

const dialog = () => page.locator("dialog.act");
const closed = () => dialog().waitFor({ state: "detached" });

describe("acknowledging", only, () => {
  test("`a` takes a rack on until the end of the shift, unless one says otherwise", async () => {
    const { rack, made } = rackOf(2);
    await visit(`/?sel=rack:${rack.id}`);
    await page.locator(".panel .event").nth(1).waitFor();
    await page.keyboard.press("a");
    await dialog().locator(".about li").nth(1).waitFor();
    assert.match(
      await dialog()
        .locator("label", { has: page.locator("[name=end]:checked") })
        .textContent(),
      /end of the shift, .*\d\d:\d\d/,
    );
    // Typed without a click: the field has the focus.
    await page.keyboard.type("on it");
    await page.keyboard.press("Control+Enter");
    await closed();
    assert.deepEqual(written("POST /events/acknowledge"), [
      { ids: made.map(({ id }) => id), until: "end_of_shift", text: "on it" },
    ]);
    await cell(page, "handled, worst High").waitFor({ state: "attached" });
    await page.locator(".panel .event.handled").nth(1).waitFor();
  });

  for (const [label, terms] of [
    ["1 hour", { hours: 1 }],
    ["24 hours", { hours: 24 }],
    ["it worsens", { until_worsens: true }],
  ]) {
    test(`may last until ${label}`, async () => {
      const { made } = rackOf(1);
      await visit(`/?event=${encodeURIComponent(made[0].key)}`);
      await page.locator(".do button", { hasText: "Acknowledge" }).click();
      await dialog().getByLabel(label).check();
      await dialog().locator("button.primary").click();
      await closed();
      const [{ ids, until, ...rest }] = written("POST /events/acknowledge");
      assert.deepEqual(ids, [made[0].id]);
      const { hours, ...flags } = terms;
      assert.deepEqual(rest, flags);
      if (hours === undefined) assert.equal(until, undefined);
      else assert.ok(Math.abs(Date.parse(until) - Date.now() - hours * 3_600_000) < 60_000, until);
    });
  }

  test("is offered without the shift's end where the site has no shifts", async () => {
    delete mock.state.me.shift_ends_at;
    const { made } = rackOf(1);
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    await page.locator(".do button", { hasText: "Acknowledge" }).click();
    await dialog().locator("[name=end]").first().waitFor();
    assert.equal(await dialog().locator("[name=end]").count(), 3);
    assert.ok(await dialog().getByLabel("1 hour").isChecked());
  });

  test("is taken back, and the map burns again", async () => {
    const { made } = rackOf(1, {
      handled: "acknowledged",
      acknowledged: { by: "a", at: stamp(Date.now()), origin: "heat" },
    });
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    await page.locator(".do button", { hasText: "Acknowledge" }).click();
    await dialog().locator("button", { hasText: "Take back" }).click();
    await closed();
    assert.deepEqual(written("DELETE /events/acknowledge"), [{ ids: [made[0].id] }]);
    await cell(page, "High, 1 to act on").first().waitFor({ state: "attached" });
  });

  test("of what is over meanwhile says so, and of what fails why; what was typed stays", async () => {
    const { made } = rackOf(1);
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    await page.locator(".do button", { hasText: "Acknowledge" }).click();
    await dialog().getByLabel("In a word").fill("mine");
    site.events.splice(site.events.indexOf(made[0]), 1);
    mock.push(fresh());
    await dialog().locator("button.primary").click();
    await dialog().locator(".why", { hasText: "none of these events is active" }).waitFor();
    assert.equal(await dialog().getByLabel("In a word").inputValue(), "mine");
  });

  test("is not offered to viewers, nor by key", async () => {
    mock.state.me.role = "viewer";
    const { made } = rackOf(1);
    await visit(`/?event=${encodeURIComponent(made[0].key)}`);
    await page.locator(".thread .lead").first().waitFor();
    await page.locator(".do button").first().waitFor();
    await page.keyboard.press("a");
    await page.keyboard.press("c");
    assert.equal(await page.locator("dialog").count(), 0);
    assert.equal(await page.locator(".do button").count(), 1, "only to copy");
  });
});

describe("picking", only, () => {
  test("`x` picks a rack's events on the map, the panel counts them, `a` is about them, Escape drops them", async () => {
    const { rack, made } = rackOf(3);
    await visit();
    await mapOf(page);
    const index = site.inventory.racks.indexOf(rack);
    await page.evaluate(
      (id) =>
        [...document.querySelectorAll("[role=gridcell]")]
          .find((one) => one.ariaLabel.includes(id) && /High, 3 to act on/.test(one.ariaLabel))
          .focus(),
      rack.name,
    );
    assert.ok(index >= 0);
    await page.keyboard.press("x");
    await page.locator(".picked-bar", { hasText: "3 picked" }).waitFor();
    await cell(page, "picked").waitFor({ state: "attached" });
    await page.keyboard.press("a");
    await dialog().locator(".about li").nth(2).waitFor();
    await dialog().locator("button.primary").click();
    await closed();
    const [{ ids }] = written("POST /events/acknowledge");
    assert.deepEqual([...ids].sort(), made.map(({ id }) => id).sort());
    await page.locator(".picked-bar").waitFor({ state: "detached" });
    // The map's cell keeps the focus, so `x` picks again what can be picked; Escape drops it.
    await page.keyboard.press("x");
    await page.locator(".picked-bar").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".picked-bar").waitFor({ state: "detached" });
  });

  test("is in the address: whoever opens the link has picked the same, and Back goes elsewhere with it", async () => {
    const { made } = rackOf(3);
    await visit("/?list=drawer&filter=name:fan&sort=name");
    await page.getByLabel(`Pick ${made[0].name}`).check();
    await page.getByLabel(`Pick ${made[2].name}`).check();
    await page.waitForURL((url) => url.searchParams.getAll("pick").length === 2);
    const link = page.url();
    await page.locator(".rows tbody tr", { hasText: made[1].name }).click();
    await page.locator(".panel h2", { hasText: made[1].name }).waitFor();
    await page.getByLabel(`Pick ${made[1].name}`).check();
    await page.goBack();
    await page.locator(".picked-bar", { hasText: "3 picked" }).waitFor();
    assert.equal(new URL(page.url()).searchParams.getAll("pick").length, 3);
    await page.goto(link);
    await page.locator(".picked-bar", { hasText: "2 picked" }).waitFor();
    await cell(page, "picked").waitFor({ state: "attached" });
    await page.keyboard.press("a");
    await dialog().locator(".about li").nth(1).waitFor();
    await dialog().locator("button.primary").click();
    await closed();
    const [{ ids }] = written("POST /events/acknowledge");
    assert.deepEqual([...ids].sort(), [made[0].id, made[2].id].sort());
    await page.waitForURL((url) => !url.searchParams.has("pick"));
  });

  test("one comment on all that was picked", async () => {
    const { made, rack } = rackOf(2);
    await visit(`/?sel=rack:${rack.id}&list=drawer&filter=name:fan`);
    await page.locator(".rows input").nth(1).waitFor();
    for (const { name } of made) await page.getByLabel(`Pick ${name}`).check();
    await page.keyboard.press("c");
    await dialog().locator("textarea:focus").waitFor();
    await page.keyboard.type("both on the same feed");
    await page.keyboard.press("Control+Enter");
    await closed();
    const [{ ids, text }] = written("POST /comments");
    assert.equal(text, "both on the same feed");
    assert.deepEqual([...ids].sort(), made.map(({ id }) => id).sort());
    await page.locator(".rows td", { hasText: "both on the same feed" }).nth(1).waitFor();
  });
});

describe("notes on places", only, () => {
  test("are written on the rack or what is around it, shown to everybody, changed and deleted", async () => {
    const { rack } = quietPlace();
    await visit(`/?sel=rack:${rack.id}`);
    await page.locator(".do button", { hasText: "Note" }).click();
    const places = await dialog().locator("select option").allTextContents();
    assert.match(places[0], /^Rack: .*\d\d$/);
    assert.match(places[1], /^Row: /);
    assert.ok(places.some((place) => place.startsWith("Location: ")));
    await dialog().locator("textarea").fill("Feed B is being replaced");
    await dialog().getByLabel("24 hours").check();
    await dialog().getByLabel("Quiet").check();
    await dialog().locator("button.primary").click();
    await closed();
    const [{ until, ...note }] = written("POST /notes");
    assert.deepEqual(note, { place: `rack:${rack.id}`, text: "Feed B is being replaced", quiet: true });
    assert.ok(Date.parse(until) > Date.now() + 23 * 3_600_000);
    const shown = page.locator(".notes li");
    await shown.filter({ hasText: "Feed B is being replaced" }).waitFor();
    await cell(page, "note").waitFor({ state: "attached" });
    assert.match(await shown.textContent(), /quiet/);

    await shown.locator("button", { hasText: "Edit" }).click();
    await dialog().locator("textarea").fill("Feed B is back");
    await dialog().getByLabel("for good").check();
    await dialog().locator("button.primary").click();
    await closed();
    assert.deepEqual(written("PATCH /notes/1"), [{ text: "Feed B is back", quiet: true, until: null }]);
    await shown.filter({ hasText: "Feed B is back" }).waitFor();

    await shown.locator("button", { hasText: "Edit" }).click();
    await dialog().locator("button", { hasText: "Delete the note" }).click();
    await dialog().locator("button", { hasText: "Delete for good?" }).click();
    await closed();
    await shown.waitFor({ state: "detached" });
  });

  test("on a row show at its racks, too, and an edit that changes no end sends none", async () => {
    const { rack } = quietPlace();
    mock.state.notes.push({
      id: 1,
      place: `row:${rack.row_id}`,
      author: "b",
      at: stamp(Date.now()),
      text: "Keep the door shut",
      until: stamp(Date.now() + 3_600_000),
    });
    mock.push(fresh({ notes: mock.state.notes }));
    await visit(`/?rack=${rack.id}`);
    await page.locator(".notes li", { hasText: "Keep the door shut" }).waitFor();
    await page.locator(".notes button").click();
    await dialog().locator("textarea").fill("Keep it shut");
    await dialog().locator("button.primary").click();
    await closed();
    assert.deepEqual(written("PATCH /notes/1"), [{ text: "Keep it shut", quiet: false }]);
  });
});

describe("copying as text", only, () => {
  test("puts one line per event into a box, selected", async () => {
    const { rack } = rackOf(2);
    await visit(`/?sel=rack:${rack.id}`);
    await page.locator(".do button", { hasText: "Copy" }).click();
    const box = dialog().locator("textarea");
    assert.match(await box.inputValue(), /^\[High\] .*: Fan 1 has stalled · \d.*\n\[High\] /);
    await until(page, "selected", () => {
      const text = document.querySelector("dialog textarea");
      return text.selectionStart === 0 && text.selectionEnd === text.value.length;
    });
  });
});
