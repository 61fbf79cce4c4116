// The page on a running stack, named by HEAT_URL: what only real parts can show. The stack's simulators are told
// what to do through its demo page's interface.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { cell, launch, mapOf, open, until } from "./browser.mjs";

const stack = process.env.HEAT_URL?.replace(/\/$/, "");

/** A scenario shows after the next poll of its source; the machine may be busy. */
const PATIENCE_MS = 90_000;

async function play(scenario) {
  const answer = await fetch(`${stack}/demo/api/scenario/${scenario}`, { method: "POST" });
  assert.ok(answer.ok, `scenario ${scenario}: ${answer.status} ${await answer.text()}`);
}

const visit = (browser, query = "/") => open(browser, stack + query, { timeout: PATIENCE_MS });

/** The openings that Zabbix' part of the picture has. */
async function openings() {
  const answer = await fetch(`${stack}/api/v1/snapshot`);
  assert.ok(answer.ok, `the picture: ${answer.status}`);
  const { events } = await answer.json();
  return events.filter(({ source }) => source === "zabbix").map(({ id }) => id);
}

/**
 * Begins the day again, and waits for its picture: the problems are the same, their openings are others, and one that
 * is over takes neither a comment nor a ticket.
 */
async function beginAgain() {
  const over = new Set(await openings());
  await play("reset");
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const now = await openings();
    if (now.length > 0 && !now.some((id) => over.has(id))) return;
    assert.ok(Date.now() < deadline, "the day never began again");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until the rack with the most problems shows at least so many of them, or fewer. */
function untilWorst(page, what, atLeast, below) {
  const worst = ([from, to]) => {
    const texts = [...document.querySelectorAll("[role=gridcell]")].map((c) => c.ariaLabel);
    const most = Math.max(0, ...texts.map((text) => Number(/(\d+) to act on/.exec(text)?.[1] ?? 0)));
    return most >= from && most < to;
  };
  return until(page, what, worst, [atLeast, below]);
}

describe("on the stack", { skip: stack ? false : "HEAT_URL names no stack" }, () => {
  let browser;

  before(async () => {
    await beginAgain();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await play("reset");
  });

  test("the map shows racks and problems over a live socket, within the policy nginx sends", async () => {
    const page = await visit(browser);
    await mapOf(page);
    await page.locator("#line[data-line=live]").waitFor();
    await cell(page, "to act on").first().waitFor({ state: "attached" });
    assert.ok((await page.locator("[role=gridcell]").count()) >= 100);
    assert.equal(await page.locator(".band").count(), 0);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test("a comment written in one browser appears in another", async () => {
    const one = await visit(browser);
    await one.locator(".panel .event[data-event]").first().click();
    await one.waitForURL(/event=/);
    const two = await visit(browser, new URL(one.url()).search);
    await two.locator("textarea").waitFor();
    const text = `Seen at ${Date.now()}`;
    await one.locator("textarea").fill(text);
    await one.locator("button.primary").first().click();
    await two.locator(".said .words", { hasText: text }).waitFor();
    const said = one.locator(".said", { hasText: text });
    await said.locator("button", { hasText: "Delete" }).click();
    await said.locator("button.primary").click();
    await two.locator(".said .words", { hasText: text }).waitFor({ state: "detached" });
    await one.context().close();
    await two.context().close();
  });

  test("a ticket asked for by its template gets its key from the tracker, and the event shows it", async () => {
    const page = await visit(browser);
    await page.locator(".panel .event[data-event]").first().click();
    await page.waitForURL(/event=/);
    await page.locator(".do button", { hasText: "Ticket" }).waitFor();
    await page.keyboard.press("t");
    const dialog = page.locator("dialog.ticketing");
    const best = dialog.locator("select option").first();
    await best.waitFor({ state: "attached" });
    assert.equal(await dialog.locator("select").inputValue(), await best.getAttribute("value"));
    const create = dialog.locator("button.primary:enabled");
    await create.waitFor();
    const said = await dialog.locator(".fields input").first().inputValue();
    assert.ok(said.length > 5, "the template says something");
    const summary = `${said} (${Date.now()})`;
    await dialog.locator(".fields input").first().fill(summary);
    await create.click();
    const link = dialog.locator(".done a");
    await link.waitFor();
    const key = await link.textContent();
    assert.match(key, /^[A-Z]+-\d+$/);
    await page.keyboard.press("Escape");
    await page.locator(".facts .ticket.created a", { hasText: key }).waitFor();
    const issues = await (await fetch(`${stack}/demo/api/startrek`)).json();
    assert.equal(JSON.stringify(issues).split(summary).length - 1, 1, "the tracker has it, once");
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test("a rack that loses power is one incident, and leaves when it is back", async () => {
    const page = await visit(browser);
    await mapOf(page);
    await play("quiet-day");
    await untilWorst(page, "quiet", 0, 10);
    await play("rack-power-loss");
    await cell(page, "rack incident").first().waitFor({ state: "attached" });
    assert.equal(await cell(page, "rack incident").count(), 1);
    await play("quiet-day");
    await cell(page, "rack incident").first().waitFor({ state: "detached" });
    await untilWorst(page, "quiet again", 0, 10);
    await page.context().close();
  });

  test("a source that goes silent is said to be late, and its colours stay", async () => {
    const page = await visit(browser);
    await cell(page, "to act on").first().waitFor({ state: "attached" });
    await play("source-goes-silent");
    await page.locator(".chip:is([data-mood=late], [data-mood=stale])").first().waitFor();
    assert.ok((await cell(page, "to act on").count()) > 0);
    await play("reset");
    await until(page, "fresh again", () => document.querySelectorAll(".chip:not(.fresh)").length === 0);
    await page.context().close();
  });
});
