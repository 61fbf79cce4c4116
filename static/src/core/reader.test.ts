import { expect, test } from "vitest";
import { arbitrary, randomOf } from "./arbitrary.ts";
import { EXAMPLE } from "./examples.ts";
import type { HeatEvent, Snapshot } from "./model.ts";
import { Reader } from "./reader.ts";

const byKey = (a: HeatEvent, b: HeatEvent) =>
  a.key < b.key ? -1 : a.key > b.key ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

/** What looks like the document around it, in a text. */
const TRAPS = ['","events":[{"id":"', '},{"id":"x"}],"notes":[', "}]}", ',{"id":"', "\\", "место", '"', "{"];

test("says what JSON.parse says, whatever came before: 100 random pictures and what becomes of them", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = randomOf(seed);
    const some = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
    const reader = new Reader();
    let { snapshot } = arbitrary(seed);
    for (let round = 0; round < 12; round++) {
      const [gone, changed, more] = some([
        [0, 0, 0],
        [0.02, 0.02, 2],
        [0.3, 0.3, 20],
        [0, 0.02, 0],
        [1, 0, 0],
      ]) as [number, number, number];
      const events: HeatEvent[] = (snapshot.events ?? [])
        .filter(() => random() >= gone)
        .map((event) =>
          random() < changed ? { ...event, name: some(TRAPS), tags: [{ tag: some(TRAPS) }] } : event,
        );
      for (let n = 0; n < more; n++) {
        const id = `zabbix:${Math.floor(random() * 300)}:${some(TRAPS)}`;
        events.push({
          id,
          key: id,
          source: "zabbix",
          severity: 3,
          name: some(TRAPS),
          since: "2026-11-23T20:00:00Z",
        });
      }
      const cleared = events.slice(0, round % 4).map((event) => ({ ...event, cleared_at: event.since }));
      const { notes: _, cleared: __, events: ___, ...rest } = snapshot;
      snapshot = {
        ...rest,
        revision: snapshot.revision + 1,
        ...(events.length > 0 ? { events: events.sort(byKey) } : {}),
        ...(cleared.length > 0 ? { cleared } : {}),
        ...(round % 3 > 0 ? { notes: EXAMPLE.snapshot.notes ?? [] } : {}),
      };
      const text = JSON.stringify(snapshot, undefined, round === 7 ? 1 : undefined);
      expect(reader.read(text), `seed ${seed}, round ${round}`).toEqual(JSON.parse(text));
    }
  }
});

test("leaves an event that says the same as it is, and reads the others anew", () => {
  const reader = new Reader();
  const events = (EXAMPLE.snapshot.events ?? []).toSorted(byKey);
  const before = reader.read(JSON.stringify({ ...EXAMPLE.snapshot, events })).events ?? [];
  const worse = events
    .map((event, i) => (i === 3 ? { ...event, severity: 0, text: "worse" } : event))
    .slice(1);
  const after = reader.read(JSON.stringify({ ...EXAMPLE.snapshot, revision: 1, events: worse })).events ?? [];
  expect(after).toEqual(worse);
  expect(after.map((event, i) => event === before[i + 1])).toEqual(worse.map((_, i) => i !== 2));
});

test("refuses what is broken, and reads on", () => {
  const reader = new Reader();
  const { snapshot } = arbitrary(3);
  const text = JSON.stringify(snapshot);
  reader.read(text);
  for (const broken of [text.slice(0, -1), text.replace('"severity":', '"severity":,'), `${text}x`, ""]) {
    expect(() => reader.read(broken)).toThrow(SyntaxError);
    expect(reader.read(text)).toEqual(snapshot satisfies Snapshot);
  }
  expect(() => reader.read(text.slice(0, 200))).toThrow(SyntaxError);
});
