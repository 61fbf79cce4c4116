import { describe, expect, test } from "vitest";
import { EXAMPLE, EXAMPLE_NOW } from "./examples.ts";
import { ageOf, freshness, judgedAt, mayHide, ServerClock } from "./clock.ts";
import type { Source } from "./model.ts";

test("the server's clock is carried on by the monotonic one, whatever the machine's clock says", () => {
  const clock = new ServerClock();
  expect(clock.now(1000)).toBeUndefined();
  clock.sync("Mon, 23 Nov 2026 21:07:55 GMT", 900, 1100);
  // Half a second for the header's whole seconds; the answer is taken from the middle of the request.
  expect(clock.now(1000)).toBe(Date.parse("2026-11-23T21:07:55.500Z"));
  expect(clock.now(61_000)).toBe(Date.parse("2026-11-23T21:08:55.500Z"));
  clock.sync(null, 0, 0);
  clock.sync("rubbish", 0, 0);
  expect(clock.now(1000)).toBe(Date.parse("2026-11-23T21:07:55.500Z"));
});

describe("a source", () => {
  const source: Source = {
    name: "zabbix",
    kind: "zabbix",
    status: "ok",
    fetched_at: "2026-11-23T21:00:00Z",
    late_after_s: 15,
    stale_after_s: 120,
  };
  const after = (seconds: number) => Date.parse("2026-11-23T21:00:00Z") + seconds * 1000;

  test("is late, then stale", () => {
    expect(freshness(source, after(15))).toBe("fresh");
    expect(freshness(source, after(16))).toBe("late");
    expect(freshness(source, after(121))).toBe("stale");
  });

  test("that was never read is unknown", () => {
    expect(freshness({ name: "zabbix", kind: "zabbix", status: "unknown" }, after(0))).toBe("unknown");
    expect(freshness({ ...source, fetched_at: "soon" }, after(0))).toBe("unknown");
  });

  test("that is partial, stale or unread makes every count a lower bound", () => {
    expect(mayHide(source, after(1))).toBe(false);
    expect(mayHide(source, after(60))).toBe(false);
    expect(mayHide(source, after(121))).toBe(true);
    expect(mayHide({ ...source, status: "partial" }, after(1))).toBe(true);
    // The inventory and the comments report no problems: they hide none.
    expect(mayHide({ ...source, kind: "inventory" }, after(121))).toBe(false);
  });

  test("of the example is read as it is meant", () => {
    const states = EXAMPLE.snapshot.sources?.map((other) => [other.name, freshness(other, EXAMPLE_NOW)]);
    expect(Object.fromEntries(states ?? [])).toEqual({
      comments: "fresh",
      inventory: "fresh",
      juggler: "late",
      zabbix: "fresh",
    });
  });
});

test("a quiet picture does not make its sources late, a silent line does", () => {
  const [source] = (EXAMPLE.snapshot.sources ?? []).filter((other) => other.name === "zabbix") as [Source];
  const generated = EXAMPLE_NOW;
  expect(freshness(source, judgedAt(generated + 20_000, generated))).toBe("fresh");
  expect(freshness(source, judgedAt(generated + 50_000, generated))).toBe("late");
  expect(freshness(source, judgedAt(generated + 200_000, generated))).toBe("stale");
  expect(judgedAt(generated, Number.NaN)).toBe(generated);
});

test("ages are told in their leading unit", () => {
  expect(ageOf(-5000)).toEqual({ unit: "second", count: 0 });
  expect(ageOf(119_900)).toEqual({ unit: "second", count: 119 });
  expect(ageOf(120_000)).toEqual({ unit: "minute", count: 2 });
  expect(ageOf(120 * 60_000)).toEqual({ unit: "hour", count: 2 });
  expect(ageOf(48 * 3_600_000)).toEqual({ unit: "day", count: 2 });
});
