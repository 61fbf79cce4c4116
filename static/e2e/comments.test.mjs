// Comments on an event.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "./browser.mjs";
import { only, mock, site, page, visit, fresh, written } from "./fixture.mjs";
import { stamp } from "./site.mjs";

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

  test("are changed by keys alone, and what was not saved is there again", async () => {
    const key = eventKey();
    await visit(`/?event=${encodeURIComponent(key)}`);
    await page.locator("textarea").fill("Left feed is dead");
    await page.keyboard.press("Control+Enter");
    await page.locator(".said button", { hasText: "Edit" }).click();
    const box = page.locator(".said textarea");
    await until(
      page,
      "the text has the focus",
      () => document.activeElement?.closest(".said textarea") !== null,
    );
    await page.keyboard.press("Control+End");
    await page.keyboard.type(", on site at 5");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await box.waitFor({ state: "detached" });
    await page.goBack();
    assert.equal(await box.inputValue(), "Left feed is dead, on site at 5");
    await box.press("Control+Enter");
    await page.locator(".said .words", { hasText: "on site at 5" }).waitFor();
    // Who reads it, and presses what sends, deletes nothing.
    await page.locator(".said button", { hasText: "Edit" }).press("Control+Enter");
    await page.locator(".said button", { hasText: "Delete" }).click();
    await page.locator(".said button.primary", { hasText: "Delete" }).waitFor();
    assert.equal(mock.state.comments.length, 1);
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
      at: stamp(Date.now() - 930_000),
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
    assert.equal(await page.locator(".said .by b").textContent(), "a.petrova");
    assert.match(await page.locator(".said .by time").textContent(), /^15 min ago$/);
  });

  test("`c` leads to the box of the event that is open", async () => {
    await visit(`/?event=${encodeURIComponent(eventKey())}`);
    await page.locator("textarea").waitFor();
    await page.keyboard.press("c");
    await page.keyboard.type("on site");
    assert.equal(await page.locator("textarea").inputValue(), "on site");
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
