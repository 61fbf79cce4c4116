import { expect, test } from "vitest";
import examples from "../../../../lib/examples/filter.json" with { type: "json" };
import { readFilter } from "../../core/filter.ts";
import { WORDS } from "./index.ts";

test("the page says of a wrong filter what the server says, and in every language something of its own", () => {
  for (const { filter, message } of examples.cases) {
    if (message === undefined) continue;
    const reading = readFilter(filter);
    if (!("mistake" in reading)) throw new Error(`${filter} is not wrong`);
    expect(WORDS.en.filter.mistake(reading.mistake)).toBe(message);
    expect(WORDS.ru.filter.mistake(reading.mistake)).toMatch(/[а-я]{3}/);
  }
});
