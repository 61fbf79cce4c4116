/** Finds racks and devices by name, asset number or serial. Built once per inventory, in the worker. */
import { byName, pathOf, type Site } from "./plan.ts";

export interface Found {
  readonly kind: "rack" | "device";
  readonly id: number;
  readonly name: string;
  /** Where it stands: `SAS / SAS-A / A01`; empty when nowhere. */
  readonly place: string;
  /** Index of the rack, −1 when it stands nowhere. */
  readonly rack: number;
  /** One of its names is or begins with what was asked for; else it only has it somewhere. */
  readonly begins: boolean;
}

interface Entry {
  readonly kind: "rack" | "device";
  readonly id: number;
  readonly name: string;
  readonly rack: number;
  /** Lower case: the name, then what else it may be asked for by. */
  readonly terms: readonly string[];
}

/** Devices have many names; a page of answers is enough, whoever wants another one types on. */
const LIMIT = 12;

export type SearchIndex = readonly Entry[];

export function indexOf(site: Site): SearchIndex {
  const lower = (words: readonly (string | undefined)[]) =>
    words
      .filter((word): word is string => word !== undefined && word !== "")
      .map((word) => word.toLowerCase());
  const assets = new Map(site.inventory.racks?.map((rack) => [rack.id, rack.asset_no]));
  const racks = site.plan.racks.map((rack, index): Entry => {
    const row = site.plan.rows[rack.row]?.name ?? "";
    const terms = lower([rack.name, `${row} ${rack.name}`, `${row}/${rack.name}`, assets.get(rack.id)]);
    return { kind: "rack", id: rack.id, name: rack.name, rack: index, terms };
  });
  const devices = [...site.devices.values()].map((device): Entry => ({
    kind: "device",
    id: device.id,
    name: device.name ?? `#${device.id}`,
    rack: site.standsIn.get(device.id) ?? -1,
    terms: lower([device.name, device.fqdn, device.asset_no, device.serial, device.label]),
  }));
  return [...racks, ...devices];
}

/** The best answers first: the whole word, then its beginning, then any part; racks before devices. */
export function find(site: Site, index: SearchIndex, text: string): Found[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const ranked: { entry: Entry; rank: number }[] = [];
  for (const entry of index) {
    let rank = 3;
    for (const term of entry.terms) {
      if (term === wanted) rank = 0;
      else if (term.startsWith(wanted)) rank = Math.min(rank, 1);
      else if (rank > 2 && term.includes(wanted)) rank = 2;
    }
    if (rank < 3) ranked.push({ entry, rank });
  }
  ranked.sort(
    (a, b) =>
      a.rank - b.rank ||
      Number(a.entry.kind === "device") - Number(b.entry.kind === "device") ||
      byName(a.entry.name, b.entry.name),
  );
  return ranked.slice(0, LIMIT).map(({ entry, rank }) => ({
    kind: entry.kind,
    id: entry.id,
    name: entry.name,
    rack: entry.rack,
    begins: rank < 2,
    place:
      entry.rack < 0
        ? ""
        : pathOf(site.plan, entry.rack)
            .slice(0, entry.kind === "rack" ? -1 : undefined)
            .join(" / "),
  }));
}
