// What the bench sends: a storm, as the server would write it. Fields stand in the server's order and empty ones are left
// out (`ActiveEvent` in lib/src/snapshot.rs). Every event has the two tags of Zabbix' stock templates; some are
// acknowledged, suppressed, commented in Russian or in a ticket, some were there before, some racks have lost power, some
// events have just cleared. That makes about 410 bytes an event, two tags being what the server reckons with, too.
import { makeSite, randomOf, stamp } from "../e2e/site.mjs";

const FIELDS = (
  "id key source host device_id rack_id unplaced severity name text opdata tags ref since suppressed dependent partial " +
  "handled acknowledged ticket comments comment_count openings_1h incident last_time cleared_at"
).split(" ");

/** This part of the events is news in each message: half of it changes, a quarter comes and a quarter goes. */
const NEWS = 0.01;
const FALLEN_RACKS = 20;
const CLEARED = 300;

const COMPONENTS = ["network", "storage", "cpu", "power", "application"];
const SCOPES = ["availability", "performance", "capacity", "notice"];

/** The event as the server writes it. `n`: which one it is. */
function served(event, n) {
  const whole = {
    ...event,
    tags: [
      { tag: "scope", value: SCOPES[n % SCOPES.length] },
      { tag: "component", value: COMPONENTS[n % COMPONENTS.length] },
    ],
    ref: { eventid: event.ref.eventid, triggerid: event.ref.triggerid },
    ...(event.comments
      ? { comments: [{ ...event.comments[0], text: "Дежурный смены в курсе, едем." }] }
      : {}),
    ...(n % 9 === 0 ? { last_time: { cleared_at: stamp(Date.parse(event.since) - 3e8) } } : {}),
    ...(n % 40 === 0 && !event.handled
      ? {
          handled: "ticketed",
          ticket: {
            id: n + 1,
            key: `NOC-${n}`,
            url: `https://tracker.example.net/NOC-${n}`,
            state: "created",
            status: "Open",
          },
        }
      : {}),
  };
  return Object.fromEntries(
    FIELDS.flatMap((name) => (whole[name] === undefined ? [] : [[name, whole[name]]])),
  );
}

/** A storm of so many events on 2,000 racks and 50,000 devices. The same number gives the same storm. */
export function makeStorm(count) {
  const random = randomOf(count);
  const site = makeSite({ racks: 2000, devices: 50_000, events: count });
  const racks = site.inventory.racks.filter((_, i) => i % (2000 / FALLEN_RACKS) === 7);
  const incidents = racks.map((rack) => site.fell(rack, Date.now() - 600_000).incident);
  // Those of the fallen racks are among the number that was asked for.
  site.events.splice(0, site.events.length - count);
  site.events.forEach((event, n) => (site.events[n] = served(event, n)));
  let cleared = [];
  let made = 0;
  let revision = Date.now();

  const snapshot = () => {
    const picture = site.snapshot(Date.now(), { incidents });
    return { ...picture, revision: ++revision, cleared };
  };
  const some = () => Math.floor(random() * site.events.length);
  const quarter = Math.max(1, Math.round((count * NEWS) / 4));
  /** The next message. */
  const next = () => {
    for (let n = 0; n < 2 * quarter; n++) site.events[some()].severity = Math.floor(random() * 6);
    for (let n = 0; n < quarter; n++) {
      const [gone] = site.events.splice(some(), 1);
      cleared = [{ ...gone, cleared_at: stamp(Date.now()) }, ...cleared].slice(0, CLEARED);
      const device = site.watched[Math.floor(random() * site.watched.length)];
      const event = site.makeEvent(
        2_000_000 + made++,
        device,
        ["High CPU utilization (over 90% for 5m)", 2],
        Date.now(),
      );
      site.events[site.events.length - 1] = served(event, made);
    }
    return snapshot();
  };
  /** A message in which every event says something else than before. */
  const anew = () => {
    for (const event of site.events) event.severity = (event.severity + 1) % 6;
    return snapshot();
  };
  return { site: { ...site, snapshot }, next, anew };
}
