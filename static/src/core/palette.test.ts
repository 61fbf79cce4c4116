import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ciede2000, contrast, distance, type Eyes, type Model } from "./colour.ts";
import { NONE, SEVERITIES } from "./model.ts";
import { CALM, fillOf, GROUND, HOLLOW, inkOn, LIGHT_INK, PALETTES, SILENT } from "./palette.ts";

/** Eyes and models under which the severities must be told apart. */
const VIEWS: readonly (readonly [Eyes, Model])[] = [
  ["normal", "machado"],
  ["protan", "machado"],
  ["protan", "brettel"],
  ["deutan", "machado"],
  ["deutan", "brettel"],
  ["tritan", "machado"],
  ["tritan", "brettel"],
];

const pairs = SEVERITIES.flatMap((a) => SEVERITIES.filter((b) => b > a).map((b) => [a, b] as const));

describe("the arithmetic", () => {
  test("agrees with the published pairs of CIEDE2000", () => {
    expect(ciede2000([50, 2.6772, -79.7751], [50, 0, -82.7485])).toBeCloseTo(2.0425, 4);
    expect(ciede2000([22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619])).toBeCloseTo(2.0373, 4);
    expect(ciede2000([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514])).toBeCloseTo(0.9082, 4);
  });

  test("sees what is known of other palettes: Zabbix' high and disaster look alike to deutan eyes", () => {
    const [high, disaster] = [PALETTES.zabbix[4] as string, PALETTES.zabbix[5] as string];
    expect(distance(high, disaster, "deutan", "machado")).toBeLessThan(6);
    expect(distance(high, disaster, "deutan", "brettel")).toBeLessThan(6);
    expect(contrast("#ffffff", "#000000")).toBeCloseTo(21, 5);
  });
});

describe("the palette", () => {
  test.each(VIEWS)("keeps any two severities 18 apart for %s eyes by %s", (eyes, model) => {
    for (const [a, b] of pairs) {
      const apart = distance(PALETTES.heat[a] as string, PALETTES.heat[b] as string, eyes, model);
      expect(apart, `${a} and ${b}`).toBeGreaterThanOrEqual(18);
    }
  });

  test("stands out from a calm cell: 3:1 for every severity", () => {
    for (const severity of SEVERITIES) {
      expect(contrast(PALETTES.heat[severity] as string, CALM), `${severity}`).toBeGreaterThanOrEqual(3);
    }
  });
});

test.each(Object.keys(PALETTES) as (keyof typeof PALETTES)[])("digits on %s can be read: 4.5:1", (name) => {
  for (const fill of PALETTES[name]) expect(contrast(inkOn(fill), fill), fill).toBeGreaterThanOrEqual(4.5);
  expect(contrast(LIGHT_INK, CALM)).toBeGreaterThanOrEqual(4.5);
});

test("the second palette is Zabbix' own: the defaults of its trigger severities, from not classified to disaster", () => {
  // https://www.zabbix.com/documentation/6.4/en/manual/api/reference/settings/object, severity_color_0 to severity_color_5.
  expect(PALETTES.zabbix).toEqual(["#97aab3", "#7499ff", "#ffc859", "#ffa059", "#e97659", "#e45959"]);
});

test("what is calm, silent or watched by nobody is grey, never green: colour is for trouble", () => {
  for (const grey of [CALM, SILENT, HOLLOW, GROUND]) {
    const channels = [1, 3, 5].map((from) => Number.parseInt(grey.slice(from, from + 2), 16));
    const [red = 0, green = 0, blue = 0] = channels;
    expect(Math.max(...channels) - Math.min(...channels), grey).toBeLessThanOrEqual(24);
    expect(green, grey).toBeLessThanOrEqual(Math.max(red, blue));
  }
});

test("calm, silent and the ground are not the same grey", () => {
  expect(fillOf(PALETTES.heat, NONE)).toBe(CALM);
  expect(contrast(CALM, GROUND)).toBeGreaterThan(1.2);
  expect(contrast(SILENT, CALM)).toBeGreaterThan(1.9);
});

test("the icons of the page have the colours of the severities", () => {
  for (const [name, colours] of Object.entries(PALETTES)) {
    colours.forEach((colour, severity) => {
      const icon = new URL(`../../public/favicon-${name}-${severity}.svg`, import.meta.url);
      expect(readFileSync(icon, "utf8")).toContain(`fill="${colour}"`);
    });
  }
});
