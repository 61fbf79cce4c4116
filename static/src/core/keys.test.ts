import { expect, test } from "vitest";
import { keyPressed } from "./keys.ts";

const typed = (key: string, code: string, shiftKey = false) => keyPressed({ key, code, shiftKey });

test("a key is called by its letter, however Caps Lock stands", () => {
  expect(typed("n", "KeyN")).toBe("n");
  expect(typed("N", "KeyN", true)).toBe("N");
  expect(typed("N", "KeyN")).toBe("n");
  expect(typed("n", "KeyN", true)).toBe("N");
});

test("a layout of other letters has the keys where a Latin one has them", () => {
  expect(typed("т", "KeyN")).toBe("n");
  expect(typed("Т", "KeyN", true)).toBe("N");
  expect(typed("д", "KeyL")).toBe("l");
  expect(typed(".", "Slash")).toBe("/");
  expect(typed(",", "Slash", true)).toBe("?");
});

test("a Latin layout of another order is obeyed by its letters", () => {
  expect(typed("a", "KeyQ")).toBe("a");
  expect(typed("-", "Slash")).toBe("-");
});

test("what is no letter keeps its name", () => {
  expect(typed("Escape", "Escape")).toBe("Escape");
  expect(typed(" ", "Space")).toBe(" ");
  expect(typed("?", "Slash", true)).toBe("?");
  expect(typed(".", "Period")).toBe(".");
});
