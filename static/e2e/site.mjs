// A made-up site: an inventory, its coverage and a snapshot, as large as asked for. The same arguments give the
// same site.

/** A small generator of repeatable random numbers (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** RFC 3339 in whole seconds. */
export const stamp = (milliseconds) => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;

const PROBLEMS = [
  ["Unavailable by ICMP ping", 4],
  ["Zabbix agent is not available (for 3m)", 3],
  ["High CPU utilization (over 90% for 5m)", 2],
  ["Disk space is critically low (used > 95%)", 4],
  ["Disk space is low (used > 80%)", 2],
  ["Power supply 1 has failed", 4],
  ["RAID: degraded array", 3],
  ["Interface eth0: Link down", 3],
  ["Inlet temperature is above 35 °C", 5],
  ["NTP: clock drift over 100 ms", 1],
  ["Operating system description has changed", 1],
  ["PostgreSQL: replication lag over 60 s", 3],
  ["Both power feeds are down", 5],
];

/**
 * `racks` racks in three data centres, `devices` devices, `events` events. Ids are small and dense; row lengths
 * differ, some slots are empty, some racks are unwatched.
 */
export function makeSite({ racks = 420, devices = 6000, events = 70, seed = 1, now = Date.now() } = {}) {
  const random = randomOf(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const locations = [
    { id: 1, name: "Europe" },
    { id: 2, name: "SAS", parent_id: 1 },
    { id: 3, name: "VLA", parent_id: 1 },
    { id: 4, name: "MYT", parent_id: 1 },
  ];
  const weights = [0.5, 0.32, 0.18];
  const rows = [];
  const racksOut = [];
  for (const [i, weight] of weights.entries()) {
    const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    let left = i === 2 ? racks - racksOut.length : Math.round(racks * weight);
    for (let r = 0; left > 0; r++) {
      const row = {
        id: 100 * (i + 1) + r,
        name: `${locations[i + 1].name}-${letters[r % 24]}${r >= 24 ? r : ""}`,
        location_id: i + 2,
      };
      rows.push(row);
      const length = Math.min(left, (racks > 800 ? 18 : 12) + Math.floor(random() * 9));
      let position = 1;
      for (let n = 0; n < length; n++) {
        if (random() < 0.04) position += 1 + Math.floor(random() * 2);
        racksOut.push({
          id: 10_000 + racksOut.length,
          name: String(position).padStart(2, "0"),
          row_id: row.id,
          height: pick([42, 42, 42, 47]),
          position,
          ...(random() < 0.1 ? { reversed: true } : {}),
          ...(random() < 0.05 ? { comment: "Ask the floor staff before opening the rear door" } : {}),
        });
        position++;
      }
      left -= length;
    }
  }
  const unwatched = new Set(racksOut.filter(() => random() < 0.03).map((rack) => rack.id));
  const devicesOut = [];
  const perRack = devices / racks;
  let id = 1;
  for (const rack of racksOut) {
    const rowName = rows.find((row) => row.id === rack.row_id).name.toLowerCase();
    let unit = 1;
    let made = 0;
    const add = (fields) => {
      made++;
      const name = fields.name ?? `${rowName}${rack.name}-n${String(made).padStart(2, "0")}`;
      devicesOut.push({
        id,
        name,
        fqdn: `${name}.example.net`,
        ...fields,
        name,
      });
      return id++;
    };
    const wanted = Math.round(perRack * (0.8 + 0.4 * random()));
    add({
      name: `${rowName}${rack.name}-pdu-l`,
      type: "PDU",
      hw: "APC AP8853",
      mounts: [{ rack_id: rack.id }],
    });
    add({
      name: `${rowName}${rack.name}-pdu-r`,
      type: "PDU",
      hw: "APC AP8853",
      mounts: [{ rack_id: rack.id }],
    });
    add({
      name: `${rowName}${rack.name}-tor`,
      type: "Network switch",
      hw: "Juniper QFX5120",
      mounts: [{ rack_id: rack.id, unit: rack.height, atoms: 1 }],
    });
    while (made < wanted && unit < rack.height - 2) {
      if (random() < 0.12) {
        unit += 1 + Math.floor(random() * 2);
        continue;
      }
      const height = pick([1, 1, 1, 2, 2, 4]);
      if (unit + height > rack.height - 1) break;
      const deep = random() < 0.85;
      const container = add({
        type: "Server",
        hw: pick(["Dell R640", "Dell R740xd", "Supermicro 1029P", "HPE DL380 Gen10"]),
        mounts: [
          {
            rack_id: rack.id,
            unit,
            ...(height > 1 ? { height } : {}),
            ...(deep ? {} : { atoms: pick([1, 3, 4]) }),
          },
        ],
      });
      if (random() < 0.1)
        for (let v = 0; v < 3 && made < wanted; v++)
          add({
            name: `vm-${container}-${v}`,
            type: "VM",
            container_id: container,
          });
      unit += height;
    }
    while (made < wanted)
      add({
        name: `vm-${id}`,
        type: "VM",
        container_id: devicesOut.at(-1 - Math.floor(random() * Math.min(made, 5))).id,
      });
  }

  const inventory = {
    format: 1,
    version: `inventory-${seed}-${racks}`,
    locations,
    rows,
    racks: racksOut,
    devices: devicesOut,
  };
  const rackOf = new Map();
  const byId = new Map(devicesOut.map((device) => [device.id, device]));
  for (const device of devicesOut) {
    let at = device;
    while (at && !at.mounts) at = byId.get(at.container_id);
    if (at) rackOf.set(device.id, at.mounts[0].rack_id);
  }
  const watched = devicesOut.filter((device) => !unwatched.has(rackOf.get(device.id)));
  const coverage = {
    format: 1,
    version: `coverage-${seed}-${racks}`,
    sources: [{ name: "zabbix", devices: watched.map((device) => device.id) }],
  };

  const eventsOut = [];
  const makeEvent = (i, device, [name, severity], since, more = {}) => {
    const host = device?.name ?? `unknown-${i}`;
    const event = {
      id: `zabbix:${80_000 + i}:${host}`,
      key: `zabbix:${30_000 + i}:${host}`,
      source: "zabbix",
      host,
      ...(device ? { device_id: device.id, rack_id: rackOf.get(device.id) } : {}),
      severity,
      name,
      ref: { triggerid: String(30_000 + i), eventid: String(80_000 + i) },
      since: stamp(since),
      ...more,
    };
    eventsOut.push(event);
    return event;
  };
  for (let i = 0; i < events; i++) {
    const unplaced = random() < (events > 1000 ? 0.002 : 0.06);
    const device = unplaced ? undefined : pick(watched);
    const age = random() < 0.04 ? random() * 100_000 : 120_000 + random() ** 3 * 9e7;
    const problem = pick(random() < 0.25 ? PROBLEMS : PROBLEMS.filter(([, s]) => s < 5));
    const more = unplaced
      ? {
          unplaced: pick(["unknown_host", "unknown_host", "ambiguous", "no_rack"]),
        }
      : {};
    const dice = random();
    if (!unplaced && dice < 0.12) {
      more.handled = "acknowledged";
      more.acknowledged = {
        by: "a.petrova",
        at: stamp(now - age / 2),
        text: "looking into it",
        origin: "zabbix",
      };
    } else if (!unplaced && dice < 0.2) {
      more.handled = "suppressed";
      more.suppressed = true;
    } else if (!unplaced && dice < 0.25) {
      more.handled = "dependent";
      more.dependent = true;
    } else if (dice < 0.32) {
      more.comment_count = 1;
      more.comments = [
        {
          id: 1000 + i,
          author: "a.petrova",
          at: stamp(now - age / 3),
          text: "Seen, the shift knows.",
        },
      ];
    }
    if (random() < 0.4)
      more.tags = [
        {
          tag: "scope",
          value: pick(["availability", "performance", "capacity"]),
        },
      ];
    makeEvent(i, device, problem, now - age, more);
  }
  /** A rack loses power: most of what stands in it falls at once. */
  const fell = (rack, since) => {
    const key = `rack:${rack.id}@${Math.floor(since / 1000)}`;
    const gone = watched.filter((device) => rackOf.get(device.id) === rack.id && device.type !== "PDU");
    const made = gone.map((device, n) =>
      makeEvent(500_000 + rack.id * 100 + n, device, ["Unavailable by ICMP ping", 4], since, {
        incident: key,
      }),
    );
    return {
      events: made,
      incident: {
        key,
        rack_id: rack.id,
        members: gone.length,
        reason: `${gone.length} of ${gone.length} devices unreachable`,
        since: stamp(since),
        worst: 4,
      },
    };
  };

  const byKey = (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const noDataRacks = new Set(racksOut.filter(() => random() < 0.012).map((rack) => rack.id));
  /** A snapshot as of `at`; fields of `changes` replace what it would hold. */
  const snapshot = (at = Date.now(), changes = {}) => {
    const problems = new Set(eventsOut.map((event) => event.id.split(":")[1])).size;
    return {
      revision: Math.floor(at),
      generated_at: stamp(at),
      inventory_version: inventory.version,
      coverage_version: coverage.version,
      templates_version: "8c1f2e74b0",
      sources: [
        {
          name: "comments",
          kind: "comments",
          status: "ok",
          fetched_at: stamp(at),
          late_after_s: 60,
          stale_after_s: 120,
        },
        {
          name: "inventory",
          kind: "inventory",
          status: "ok",
          fetched_at: stamp(at - 95_000),
          late_after_s: 900,
          stale_after_s: 1500,
        },
        {
          name: "zabbix",
          kind: "zabbix",
          status: "ok",
          fetched_at: stamp(at - 2000),
          late_after_s: 15,
          stale_after_s: 120,
          link: "https://zabbix.example.net/tr_events.php?triggerid={triggerid}&eventid={eventid}",
          problems,
        },
      ],
      no_data: devicesOut
        .filter((device) => noDataRacks.has(rackOf.get(device.id)))
        .map((device) => device.id),
      events: [...eventsOut].sort(byKey),
      ...changes,
    };
  };
  /** Templates and the tracker, as of now. */
  const templates = (changes = {}) => ({
    version: "8c1f2e74b09d5a31c7e0f6b2d84a9e53b1c6d7f0",
    subject: "Say which feed the rack is on",
    committed_at: stamp(now - 7_200_000),
    pulled_at: stamp(now - 240_000),
    tracker: { kind: "startrek", answered_at: stamp(now), pending: 0, failed: 0 },
    tickets: [
      { name: "other", title: "Anything else", queue: "NOC", summary: "{{ n }} problems" },
      {
        name: "power",
        title: "A rack lost power",
        queue: "DCOPS",
        summary: "No power, {{ n }} devices",
        type: "incident",
        priority: "critical",
        followers: ["dc-duty"],
        tags: ["heat", "power"],
      },
      { name: "vendor", title: "For the vendor", queue: "HW", summary: "Broken: {{ n }}" },
    ],
    comments: [{ name: "on-site", title: "On site" }],
    best: ["power", "other"],
    ...changes,
  });
  return {
    inventory,
    coverage,
    templates,
    snapshot,
    fell,
    makeEvent,
    events: eventsOut,
    rackOf,
    watched,
  };
}
