/**
 * From the inventory to the plan of the site: which tabs there are, which rows in which order, and which rack
 * stands in which slot. The plan depends on the inventory alone, never on events: geometry does not move.
 */
import type { Device, Inventory, Rack } from "./model.ts";

/** Id of the row of racks that stand in none. */
const NO_ROW = 0;

/** A slot of a row in which no rack stands. */
export const GAP = -1;

/** A missing stretch longer than this is drawn this long: a typing error must not cost the wall its width. */
const LONGEST_GAP = 12;

export interface Tab {
  /** How the URL names it. */
  readonly key: string;
  readonly name: string;
  /** Id of the location, 0: of none. */
  readonly location: number;
  /** Indices into `Plan.rows`. */
  readonly rows: readonly number[];
}

export interface PlanRow {
  readonly id: number;
  readonly name: string;
  /** Index into `Plan.tabs`. */
  readonly tab: number;
  /** The locations between the tab's and the row, `hall 2 / cage 1`; empty when there are none. */
  readonly place: string;
  /** Indices into `Plan.racks` in physical order, or `GAP`. */
  readonly slots: readonly number[];
}

export interface PlanRack {
  readonly id: number;
  readonly name: string;
  /** Index into `Plan.rows`. */
  readonly row: number;
  /** Height in units. */
  readonly height: number;
  readonly reversed: boolean;
}

/** What the page needs to draw the map. Small: devices are left in the worker. */
export interface Plan {
  readonly version: string;
  readonly tabs: readonly Tab[];
  readonly rows: readonly PlanRow[];
  readonly racks: readonly PlanRack[];
}

/** The plan and the indices that only the worker needs. */
export interface Site {
  readonly plan: Plan;
  readonly inventory: Inventory;
  /** Rack id → index into `plan.racks`. */
  readonly rackOf: ReadonlyMap<number, number>;
  readonly devices: ReadonlyMap<number, Device>;
  /** Device id → index of the rack it stands in. */
  readonly standsIn: ReadonlyMap<number, number>;
  /** By rack index: the devices that stand in it, those inside others included. */
  readonly standing: readonly (readonly Device[])[];
  /** By rack index: the devices mounted in it that stand elsewhere (they are mounted in several racks). */
  readonly passing: readonly (readonly Device[])[];
}

const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Names in the order people expect: `rack 2` before `rack 10`. */
export function byName(a: string, b: string): number {
  return natural.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Racks in slots: by position, a missing number is a gap; those without a position follow by name. */
export function slotsOf(
  racks: readonly { index: number; position: number | undefined; name: string }[],
): number[] {
  const placed = racks.filter((rack) => rack.position !== undefined);
  const rest = racks.filter((rack) => rack.position === undefined).sort((a, b) => byName(a.name, b.name));
  placed.sort((a, b) => (a.position ?? 0) - (b.position ?? 0) || byName(a.name, b.name));
  const slots: number[] = [];
  let expected = Math.min(1, placed[0]?.position ?? 1);
  for (const rack of placed) {
    const missing = Math.max(0, (rack.position ?? 0) - expected);
    for (let i = 0; i < Math.min(missing, LONGEST_GAP); i++) slots.push(GAP);
    slots.push(rack.index);
    expected = (rack.position ?? 0) + 1;
  }
  for (const rack of rest) slots.push(rack.index);
  return slots;
}

interface Place {
  readonly id: number;
  readonly name: string;
  readonly parent_id?: number;
}

/** Locations from the root down to `id`; a loop or a missing parent ends it. */
function ancestry(locations: ReadonlyMap<number, Place>, id: number | undefined): Place[] {
  const path: Place[] = [];
  const seen = new Set<number>();
  for (let at = id; at !== undefined && !seen.has(at);) {
    seen.add(at);
    const place = locations.get(at);
    if (!place) break;
    path.unshift(place);
    at = place.parent_id;
  }
  return path;
}

/** The depth whose locations become tabs: the configured one, else the shallowest with more than one. */
function tabDepth(paths: readonly (readonly Place[])[], configured: number | undefined): number | undefined {
  if (configured !== undefined) return configured;
  const deepest = Math.max(0, ...paths.map((path) => path.length));
  for (let depth = 0; depth < deepest; depth++) {
    if (new Set(paths.flatMap((path) => path[depth]?.id ?? [])).size > 1) return depth;
  }
  return deepest > 0 ? 0 : undefined;
}

/** How the URL names a tab: its name in lower case, made unique by its id where two share one. */
function tabKeys(tabs: readonly { id: number; name: string }[]): string[] {
  const slugs = tabs.map((tab) => tab.name.trim().toLowerCase().replace(/\s+/g, "-") || "none");
  return slugs.map((slug, i) =>
    slugs.indexOf(slug) === slugs.lastIndexOf(slug) ? slug : `${slug}~${tabs[i]?.id}`,
  );
}

/** Where a device stands: its rack with the smallest id, or where its container stands. */
function standingRack(
  device: Device,
  devices: ReadonlyMap<number, Device>,
  rackOf: ReadonlyMap<number, number>,
): number | undefined {
  const seen = new Set<number>();
  for (let at: Device | undefined = device; at && !seen.has(at.id);) {
    seen.add(at.id);
    const ids = (at.mounts ?? []).map((mount) => mount.rack_id).filter((id) => rackOf.has(id));
    if (ids.length > 0) return rackOf.get(Math.min(...ids));
    at = at.container_id === undefined ? undefined : devices.get(at.container_id);
  }
  return undefined;
}

/** Reads an inventory. `locationLevel`: the depth of the locations that become tabs, if the site sets one. */
export function siteOf(inventory: Inventory, locationLevel?: number): Site {
  const locations = new Map((inventory.locations ?? []).map((place) => [place.id, place]));
  const inventoryRows = inventory.rows ?? [];
  const inventoryRacks = inventory.racks ?? [];

  const racksByRow = new Map<number, Rack[]>();
  const known = new Set(inventoryRows.map((row) => row.id));
  // A rack in no row, or in one that is missing, must still be seen: they stand in a row without a name.
  const strays: { id: number; name: string; location_id?: number }[] = [];
  for (const rack of inventoryRacks) {
    const row = rack.row_id !== undefined && known.has(rack.row_id) ? rack.row_id : NO_ROW;
    const list = racksByRow.get(row);
    if (list) list.push(rack);
    else racksByRow.set(row, [rack]);
  }
  if (racksByRow.has(NO_ROW)) strays.push({ id: NO_ROW, name: "–" });

  const rows = [...inventoryRows, ...strays]
    .filter((row) => racksByRow.has(row.id))
    .map((row) => ({ row, path: ancestry(locations, row.location_id) }));
  const depth = tabDepth(
    rows.map(({ path }) => path),
    locationLevel,
  );
  const grouped = new Map<number, { id: number; name: string; rows: typeof rows }>();
  for (const entry of rows) {
    const place = depth === undefined ? undefined : (entry.path[depth] ?? entry.path.at(-1));
    const id = place?.id ?? 0;
    const group = grouped.get(id) ?? { id, name: place?.name ?? "", rows: [] };
    group.rows.push(entry);
    grouped.set(id, group);
  }
  const groups = [...grouped.values()].sort(
    (a, b) => Number(a.name === "") - Number(b.name === "") || byName(a.name, b.name) || a.id - b.id,
  );
  const keys = tabKeys(groups);

  const planRows: PlanRow[] = [];
  const planRacks: PlanRack[] = [];
  const tabs: Tab[] = groups.map((group, tab) => {
    const pathName = (path: readonly Place[]) => path.map((place) => place.name).join(" / ");
    group.rows.sort(
      (a, b) =>
        byName(pathName(a.path), pathName(b.path)) || byName(a.row.name, b.row.name) || a.row.id - b.row.id,
    );
    const indices = group.rows.map(({ row, path }) => {
      const index = planRows.length;
      const members = (racksByRow.get(row.id) ?? []).map((rack) => {
        planRacks.push({
          id: rack.id,
          name: rack.name,
          row: index,
          height: rack.height,
          reversed: rack.reversed ?? false,
        });
        return { index: planRacks.length - 1, position: rack.position, name: rack.name };
      });
      const below = path.findIndex((place) => place.id === group.id) + 1;
      const place = pathName(path.slice(below));
      planRows.push({ id: row.id, name: row.name, tab, place, slots: slotsOf(members) });
      return index;
    });
    return { key: keys[tab] ?? String(group.id), name: group.name, location: group.id, rows: indices };
  });

  const plan: Plan = { version: inventory.version ?? "", tabs, rows: planRows, racks: planRacks };
  const rackOf = new Map(planRacks.map((rack, index) => [rack.id, index]));
  const devices = new Map((inventory.devices ?? []).map((device) => [device.id, device]));
  const standsIn = new Map<number, number>();
  const standing: Device[][] = planRacks.map(() => []);
  const passing: Device[][] = planRacks.map(() => []);
  for (const device of devices.values()) {
    const home = standingRack(device, devices, rackOf);
    if (home === undefined) continue;
    standsIn.set(device.id, home);
    standing[home]?.push(device);
    for (const id of new Set((device.mounts ?? []).map((mount) => mount.rack_id))) {
      const other = rackOf.get(id);
      if (other !== undefined && other !== home) passing[other]?.push(device);
    }
  }
  return { plan, inventory, rackOf, devices, standsIn, standing, passing };
}

/** `SAS / hall 2 / SAS-A / A01` of a rack. */
export function pathOf(plan: Plan, rack: number): string[] {
  const at = plan.racks[rack];
  const row = at && plan.rows[at.row];
  const tab = row && plan.tabs[row.tab];
  return [tab?.name ?? "", row?.place ?? "", row?.name ?? "", at?.name ?? ""].filter((name) => name !== "");
}

/** Index of the tab that the URL names, by its key. */
export function tabByKey(plan: Plan, key: string | undefined): number | undefined {
  if (key === undefined) return undefined;
  const index = plan.tabs.findIndex((tab) => tab.key === key.toLowerCase());
  return index < 0 ? undefined : index;
}
