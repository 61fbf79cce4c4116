/**
 * What stands where, by name and unit, looked up by id: what filters ask of the inventory. Made once per inventory,
 * in the worker. The server has the same in `lib/src/floor.rs`.
 */
import type { Device, HeatEvent, Inventory } from "./model.ts";

interface Named {
  readonly id: number;
  readonly name: string;
}

interface RowPlace extends Named {
  /** From the row outwards. */
  readonly locations: readonly Named[];
}

interface RackPlace extends Named {
  readonly row: RowPlace | undefined;
}

/** A range of units in a rack. */
interface Seat {
  readonly rack: number;
  readonly lowest: number;
  readonly highest: number;
}

interface DevicePlace extends Named {
  /** Of its own mounts or, without any, of its container's. */
  readonly seats: readonly Seat[];
}

export interface Floor {
  readonly racks: ReadonlyMap<number, RackPlace>;
  readonly devices: ReadonlyMap<number, DevicePlace>;
}

/** Where an event stands, as far as it stands anywhere. */
export interface Spot {
  readonly rack: RackPlace | undefined;
  readonly device: DevicePlace | undefined;
}

export const NOWHERE: Floor = { racks: new Map(), devices: new Map() };

export function floorOf(inventory: Inventory): Floor {
  const locations = new Map((inventory.locations ?? []).map((location) => [location.id, location]));
  const rows = new Map<number, RowPlace>();
  for (const row of inventory.rows ?? []) {
    const around = new Map<number, Named>();
    for (let at = row.location_id; at !== undefined && !around.has(at);) {
      const location = locations.get(at);
      if (!location) break;
      around.set(at, location);
      at = location.parent_id;
    }
    rows.set(row.id, { id: row.id, name: row.name, locations: [...around.values()] });
  }
  const racks = (inventory.racks ?? []).map((rack): [number, RackPlace] => {
    const row = rack.row_id === undefined ? undefined : rows.get(rack.row_id);
    return [rack.id, { id: rack.id, name: rack.name, row }];
  });
  const byId = new Map((inventory.devices ?? []).map((device) => [device.id, device]));
  const devices = [...byId.values()].map((device): [number, DevicePlace] => {
    const name = device.name || device.label || "";
    return [device.id, { id: device.id, name, seats: seatsOf(device, byId) }];
  });
  return { racks: new Map(racks), devices: new Map(devices) };
}

/** The seats of the device or, if it is mounted nowhere itself, of the nearest around it that is. */
function seatsOf(device: Device, devices: ReadonlyMap<number, Device>): Seat[] {
  const seen = new Set<number>();
  for (let at: Device | undefined = device; at && !seen.has(at.id);) {
    seen.add(at.id);
    if (at.mounts && at.mounts.length > 0) {
      return at.mounts.flatMap(({ rack_id, unit, height }) =>
        unit === undefined
          ? []
          : [{ rack: rack_id, lowest: unit, highest: unit + Math.max(1, height ?? 1) - 1 }],
      );
    }
    at = at.container_id === undefined ? undefined : devices.get(at.container_id);
  }
  return [];
}

export function spotOf(floor: Floor, event: HeatEvent): Spot {
  const rack = event.rack_id === undefined ? undefined : floor.racks.get(event.rack_id);
  const device = event.device_id === undefined ? undefined : floor.devices.get(event.device_id);
  return { rack, device };
}

/** The places around an event as notes name them: `device:513`, `rack:7`, `row:3`, `location:1`. */
export function placesOf(event: HeatEvent, { rack }: Spot): string[] {
  const row = rack?.row;
  return [
    ...(event.device_id === undefined ? [] : [`device:${event.device_id}`]),
    ...(event.rack_id === undefined ? [] : [`rack:${event.rack_id}`]),
    ...(row ? [`row:${row.id}`, ...row.locations.map(({ id }) => `location:${id}`)] : []),
  ];
}
