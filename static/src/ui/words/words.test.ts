import { expect, test } from "vitest";
import examples from "../../../../lib/examples/filter.json" with { type: "json" };
import { readFilter } from "../../core/filter.ts";
import { en } from "./en.ts";
import { mistakeOf } from "./mistake.ts";
import { ru } from "./ru.ts";
import { wordsOf } from "./words.ts";

test("the page says of a wrong filter what the server says, and in every language something of its own", () => {
  const [english, russian] = [wordsOf(en), wordsOf(ru)];
  for (const { filter, message } of examples.cases) {
    if (message === undefined) continue;
    const reading = readFilter(filter);
    if (!("mistake" in reading)) throw new Error(`${filter} is not wrong`);
    expect(mistakeOf(english, reading.mistake)).toBe(message);
    expect(mistakeOf(russian, reading.mistake)).toMatch(/[а-я]{3}/);
  }
});

test("a count takes the form of its noun, and large ones are grouped", () => {
  const [english, russian] = [wordsOf(en), wordsOf(ru)];
  expect([1, 2, 2713].map((n) => english.racks(n))).toEqual(["1 rack", "2 racks", "2,713 racks"]);
  expect([1, 3, 5, 21].map((n) => russian.racks(n))).toEqual([
    "1 стойка",
    "3 стойки",
    "5 стоек",
    "21 стойка",
  ]);
});

/** The phrases of a dictionary by their path. */
function phrasesOf(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  return Object.entries(value as object).flatMap(([key, part]) => phrasesOf(part, `${path}.${key}`));
}

test("every language fills the same gaps, and leaves nothing untranslated", () => {
  const russian = new Map(phrasesOf(ru));
  const gaps = (phrase = "") => [...new Set([...phrase.matchAll(/\{\d/g)].map(([gap]) => gap))].sort();
  for (const [path, phrase] of phrasesOf(en)) {
    expect(gaps(russian.get(path)), path).toEqual(gaps(phrase));
  }
  expect([...russian.keys()].sort()).toEqual(
    phrasesOf(en)
      .map(([path]) => path)
      .sort(),
  );
});

test("the help tells each key once", () => {
  const keys = en.help.keys.map(([key]) => key);
  expect(new Set(keys).size).toBe(keys.length);
});
