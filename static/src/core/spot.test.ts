import { expect, test } from "vitest";
import { spotAt } from "./spot.ts";

test("a mistake is marked as the word that begins there, not as all that follows", () => {
  expect(spotAt("sev>=hgih host:a b", 5)).toEqual({ before: "sev>=", word: "hgih", after: " host:a b" });
  expect(spotAt('("link down" or x', 1)).toEqual({ before: "(", word: '"link down"', after: " or x" });
  expect(spotAt("{core} and {nte} or {a}", 11)).toEqual({
    before: "{core} and ",
    word: "{nte}",
    after: " or {a}",
  });
  expect(spotAt("a)b", 1)).toEqual({ before: "a", word: ")", after: "b" });
});

test("at the end there is nothing to mark, and a long text is cut on both sides", () => {
  expect(spotAt("a and", 5)).toEqual({ before: "a and", word: "", after: "" });
  expect(spotAt("ééé x ööö", 4, 2)).toEqual({ before: "é ", word: "x", after: " ö" });
});
