// Debian's Chromium, and what the tests ask of a page.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch() {
  return chromium.launch({
    executablePath: process.env.HEAT_CHROMIUM ?? "/usr/bin/chromium",
    args: ARGS,
  });
}

/**
 * Opens a page in a context of its own. `page.complaints` collects errors of scripts and refusals of the content
 * security policy; failed requests are not among them, tests cut the line on purpose.
 */
export async function open(browser, address, options = {}) {
  const { scheme = "dark", locale = "en-GB", width = 1600, height = 960 } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    locale,
    reducedMotion: "reduce",
  });
  // `null`: as whoever comes for the first time has it.
  if (scheme) await context.addInitScript((theme) => localStorage.setItem("heat.theme", theme), scheme);
  await context.addInitScript(() => {
    // The canvas is the worker's: what it shows can be read from a copy alone.
    window.painted = () => {
      const canvas = document.querySelector("canvas");
      if (canvas.width === 0 || canvas.height === 0) return new ImageData(1, 1);
      const pen = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
      pen.drawImage(canvas, 0, 0);
      return pen.getImageData(0, 0, canvas.width, canvas.height);
    };
  });
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(text)) {
      page.complaints.push(text);
    }
  });
  page.setDefaultTimeout(options.timeout ?? 20_000);
  await page.goto(address);
  return page;
}

/** Waits until the map has cells. */
export async function mapOf(page) {
  await page.waitForSelector("[role=gridcell]", { state: "attached" });
}

/** Waits until a function of the page is true, and says what was waited for when it never is. */
export async function until(page, what, test, argument) {
  try {
    await page.waitForFunction(test, argument, { polling: 50 });
  } catch (error) {
    throw new Error(`never happened: ${what} (${String(error).split("\n")[0]})`);
  }
}

/** What the hidden grid says about a rack, by the start of its text. */
export function cell(page, text) {
  return page.getByRole("gridcell", { name: text });
}

/** How many pixels of the canvas have exactly this colour. */
export function pixelsOf(page, hex) {
  return page.evaluate(
    (wanted) => {
      const { data } = window.painted();
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i] === wanted[0] && data[i + 1] === wanted[1] && data[i + 2] === wanted[2]) count++;
      }
      return count;
    },
    [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)),
  );
}

/**
 * Waits until the canvas has as many pixels of this colour as shall be, a number or a rule about it: it is drawn a
 * moment after the hidden grid and the title.
 */
export async function untilPixels(page, hex, shallBe) {
  const fits = typeof shallBe === "number" ? (count) => count === shallBe : shallBe;
  let count = await pixelsOf(page, hex);
  for (let frames = 0; frames < 400 && !fits(count); frames++) {
    await page.evaluate(() => new Promise(requestAnimationFrame));
    count = await pixelsOf(page, hex);
  }
  assert.ok(fits(count), `${count} pixels of ${hex}, not ${shallBe}`);
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Asserts that axe finds nothing serious in the page as it is. */
export async function assertAccessible(page, what) {
  // Evaluated by the debugger, so the page's content security policy does not apply to it.
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .map((node) => node.html)
        .slice(0, 3)
        .join(" | ")}`,
  );
  assert.deepEqual(told, [], what);
}
