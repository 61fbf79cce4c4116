import { describe, expect, test } from "vitest";
import examples from "../../../lib/examples/filter.json" with { type: "json" };
import { randomOf } from "./arbitrary.ts";
import {
  chooseSeverities,
  chosenSeverities,
  type Filter,
  isWords,
  LONGEST,
  passes,
  printFilter,
  readFilter,
  turnsOf,
} from "./filter.ts";
import { floorOf, NOWHERE } from "./floor.ts";
import type { HeatEvent, Inventory, Snapshot } from "./model.ts";

const snapshot = examples.snapshot as unknown as Snapshot;
const events = snapshot.events as HeatEvent[];
const scene = {
  floor: floorOf(examples.inventory as unknown as Inventory),
  noted: new Set(snapshot.notes?.map((note) => note.place)),
  now: Date.parse(examples.now),
};
const matched = (filter: Filter | undefined, now = scene.now) =>
  events
    .filter((event) => passes(filter, event, { ...scene, now }))
    .map((event) => event.id)
    .join("");

/** What a text means; it must mean something. */
function filterOf(text: string): Filter | undefined {
  const reading = readFilter(text);
  if ("mistake" in reading) throw new Error(`${text}: ${reading.mistake.kind}`);
  return reading.filter;
}

describe("the cases that both suites read", () => {
  test.each(examples.cases.filter((one) => "prints" in one))("$filter", (one) => {
    const filter = filterOf(one.filter);
    expect(printFilter(filter)).toBe(one.prints);
    expect(filterOf(one.prints as string)).toEqual(filter);
    expect(matched(filter)).toBe(one.matches);
  });

  test.each(examples.cases.filter((one) => "message" in one))("$filter is wrong", (one) => {
    // What is said about it is tested with the dictionary.
    expect(readFilter(one.filter)).toMatchObject({ mistake: { position: one.position } });
  });
});

/** A text that is nearly a filter. */
function nearlyAFilter(random: () => number): string {
  const parts = '( ) - " \\ * or and not host: sev>= age<5m tag: = new a я 😀 dc:sas'.split(" ");
  return Array.from({ length: Math.floor(random() * 10) }, () => {
    const part = parts[Math.floor(random() * parts.length)] ?? "";
    return random() < 0.6 ? `${part} ` : part;
  }).join("");
}

test("any text is a filter or has a mistake inside it, and what is printed reads back the same", () => {
  const random = randomOf(3);
  let filters = 0;
  for (let i = 0; i < 3000; i++) {
    const text = nearlyAFilter(random);
    const reading = readFilter(text);
    if ("mistake" in reading) {
      expect(reading.mistake.position, text).toBeLessThanOrEqual([...text].length);
      continue;
    }
    filters++;
    expect(filterOf(printFilter(reading.filter)), text).toEqual(reading.filter);
    if (reading.filter === undefined) continue;
    const not = new Set(matched({ is: "not", of: reading.filter }));
    for (const id of matched(reading.filter)) expect(not.has(id), text).toBe(false);
    expect(not.size + matched(reading.filter).length).toBe(events.length);
  }
  expect(filters).toBeGreaterThan(500);
});

test("without an inventory nothing stands anywhere, and what the event says itself still counts", () => {
  const lost = { ...scene, floor: NOWHERE };
  const event = events[0] as HeatEvent;
  expect(passes(filterOf("dc:sas"), event, lost)).toBe(false);
  expect(passes(filterOf("sev:disaster"), event, lost)).toBe(true);
});

test("it is known when time alone changes what passes", () => {
  for (const text of ["age>15m", "age>=15m", "age<2m", "age<=2m", "new", "-new or age>1h", "age<=0s ack"]) {
    const filter = filterOf(text);
    const turns = turnsOf(filter);
    for (const event of events) {
      for (let now = scene.now, steps = 0; steps < 5; steps++) {
        const until = turns?.(event, now) ?? Number.NaN;
        expect(until, text).toBeGreaterThan(now);
        const before = passes(filter, event, { ...scene, now });
        const last = Math.min(until, now + 1e10) - 1;
        expect(passes(filter, event, { ...scene, now: last }), `${text} ${event.id}`).toBe(before);
        if (until === Number.POSITIVE_INFINITY) break;
        now = until;
      }
    }
  }
  expect(turnsOf(filterOf("sev>=high -ticket"))).toBeUndefined();
  expect(turnsOf(undefined)).toBeUndefined();
});

describe("the choice of severities", () => {
  const chosen = (text: string, bits: number) => printFilter(chooseSeverities(filterOf(text), bits));

  test("is put into a filter, changed and taken out, and the rest stays", () => {
    expect(chosen("", 0b10000)).toBe("sev:high");
    expect(chosen("sev:high", 0b110000)).toBe("sev:high or sev:disaster");
    expect(chosen("dc:sas ack", 0b110000)).toBe("dc:sas ack (sev:high or sev:disaster)");
    expect(chosen("dc:sas (sev:high or sev:5) ack", 0b100000)).toBe("dc:sas sev:disaster ack");
    expect(chosen("dc:sas sev:high", 0)).toBe("dc:sas");
    expect(chosen("sev:high", 0)).toBe("");
    expect(chosen("dc:sas or dc:vla", 1)).toBe("(dc:sas or dc:vla) sev:not_classified");
  });

  test("is read out of a filter where it stands for itself", () => {
    expect(chosenSeverities(filterOf("dc:sas (sev:high or sev:5)"))).toBe(0b110000);
    for (const text of ["", "sev>=high", "-sev:high", "sev:high or ack", "dc:sas"]) {
      expect(chosenSeverities(filterOf(text)), text).toBe(0);
    }
  });

  test("reads back as what was chosen", () => {
    for (let bits = 0; bits < 64; bits++) {
      expect(chosenSeverities(chooseSeverities(filterOf("dc:sas or ack"), bits))).toBe(bits);
    }
  });
});

test("what is nothing but words may be a name", () => {
  for (const text of ["srv-1", "sas-a a02", '"rack (5)"']) expect(isWords(filterOf(text)), text).toBe(true);
  for (const text of ["", "new", "host:a", "-srv", "a or b"])
    expect(isWords(filterOf(text)), text).toBe(false);
});

test("a text is as long as its characters, not as their halves", () => {
  expect(readFilter("😀".repeat(LONGEST))).not.toHaveProperty("mistake");
  expect(readFilter("😀".repeat(LONGEST + 1))).toEqual({
    mistake: { kind: "tooLong", length: LONGEST + 1, position: LONGEST },
  });
});
