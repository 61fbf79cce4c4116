/** Random documents for tests: small, odd on purpose, and the same for the same seed. */
import type { Coverage, HeatEvent, Inventory, Snapshot } from "./model.ts";

/** Repeatable random numbers in [0, 1) (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const NOW = Date.parse("2026-11-23T21:00:00Z");

function stamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

export interface Documents {
  readonly inventory: Inventory;
  readonly coverage: Coverage;
  readonly snapshot: Snapshot;
}

/** A site with its events. Some racks name rows that do not exist, some events racks that do not exist. */
export function arbitrary(seed: number): Documents {
  const random = randomOf(seed);
  const upTo = (n: number) => Math.floor(random() * (n + 1));
  const some = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const maybe = <T extends object>(chance: number, fields: T): Partial<T> =>
    random() < chance ? fields : {};

  const locations = Array.from({ length: upTo(5) }, (_, i) => ({
    id: i + 1,
    name: some(["SAS", "VLA", "MYT", "Europe", ""]),
    ...maybe(0.5, { parent_id: 1 + upTo(6) }),
  }));
  const rows = Array.from({ length: upTo(8) }, (_, i) => ({
    id: 10 + i,
    name: `row ${upTo(20)}`,
    ...maybe(0.8, { location_id: 1 + upTo(6) }),
  }));
  const racks = Array.from({ length: upTo(60) }, (_, i) => ({
    id: 100 + i,
    name: `rack ${upTo(30)}`,
    row_id: 10 + upTo(9),
    height: 1 + upTo(50),
    ...maybe(0.8, { position: upTo(25) }),
    ...maybe(0.2, { reversed: true }),
  }));
  const devices = Array.from({ length: upTo(200) }, (_, i) => ({
    id: 1000 + i,
    name: `srv-${i}`,
    ...maybe(0.3, { container_id: 1000 + upTo(200) }),
    ...maybe(0.7, {
      mounts: Array.from({ length: 1 + upTo(1) }, () => ({
        rack_id: 100 + upTo(70),
        ...maybe(0.9, { unit: 1 + upTo(60), height: 1 + upTo(4) }),
        ...maybe(0.5, { atoms: 1 + upTo(6) }),
      })),
    }),
  }));
  const events = Array.from({ length: upTo(150) }, (_, i): HeatEvent => {
    const handled = some([
      undefined,
      undefined,
      undefined,
      "suppressed",
      "dependent",
      "acknowledged",
      "ticketed",
    ] as const);
    return {
      id: `zabbix:${i % 97}:host-${i}`,
      key: `zabbix:${i}:host-${i}`,
      source: some(["zabbix", "juggler"]),
      host: `host-${i}`,
      severity: upTo(5),
      name: "problem",
      since: stamp(NOW - upTo(600_000)),
      ...maybe(0.7, { rack_id: 100 + upTo(70) }),
      ...maybe(0.7, { device_id: 1000 + upTo(220) }),
      ...maybe(0.1, { unplaced: some(["unknown_host", "ambiguous", "no_rack", "host_pending"] as const) }),
      ...(handled ? { handled } : {}),
      ...maybe(0.2, { incident: `rack:${100 + upTo(5)}` }),
    };
  });
  return {
    inventory: { format: 1, version: `i${seed}`, locations, rows, racks, devices },
    coverage: {
      format: 1,
      version: `c${seed}`,
      sources: [
        { name: "zabbix", devices: devices.filter(() => random() < 0.7).map((device) => device.id) },
        random() < 0.3 ? { name: "juggler", all: true } : { name: "juggler" },
      ],
    },
    snapshot: {
      revision: 1 + seed,
      generated_at: stamp(NOW),
      inventory_version: `i${seed}`,
      coverage_version: `c${seed}`,
      sources: (["zabbix", "juggler"] as const).map((name) => ({
        name,
        kind: name,
        status: some(["ok", "partial", "failed", "unknown"] as const),
        fetched_at: stamp(NOW - upTo(300_000)),
        late_after_s: 15,
        stale_after_s: 120,
      })),
      no_data: devices.filter(() => random() < 0.1).map((device) => device.id),
      events,
    },
  };
}
