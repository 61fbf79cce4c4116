// Takes a picture of every state that a person should look at before a change of the page is done, in both languages:
// `npm run build && npm run pictures -- FOLDER`. It asserts nothing: eyes do.
import { mkdirSync } from "node:fs";
import { launch, open } from "../e2e/browser.mjs";
import { startMock } from "../e2e/mock.mjs";
import { makeSite, stamp } from "../e2e/site.mjs";

const folder = process.argv[2] ?? "pictures";
mkdirSync(folder, { recursive: true });
const LANGUAGES = { en: "en-GB", ru: "ru-RU" };

/** A source of the snapshot, changed. */
const withSource = (snapshot, name, changes) => ({
  ...snapshot,
  sources: snapshot.sources.map((source) => (source.name === name ? { ...source, ...changes } : source)),
});

/** A rack whose devices fell together, with the snapshot that says so. */
function incident(site) {
  const worst = site.inventory.racks[site.inventory.racks.length >> 1];
  const devices = site.inventory.devices.filter((device) => site.rackOf.get(device.id) === worst.id);
  const since = Date.now() - 40_000;
  const key = `rack:${worst.id}@${Math.floor(since / 1000)}`;
  const of = devices.map((device, i) =>
    site.makeEvent(950_000 + i, device, ["Unavailable by ICMP ping", 4], since, { incident: key }),
  );
  return {
    rack: worst,
    changes: {
      incidents: [
        {
          key,
          rack_id: worst.id,
          members: of.length,
          reason: `${of.length} of ${devices.length} devices unreachable`,
          since: stamp(since),
          worst: 4,
        },
      ],
    },
  };
}

/** A rack with something to act on. */
const burning = (site) =>
  site.events.find((event) => event.rack_id && !event.handled && event.severity > 3).rack_id;

/** Name, what the site is like, the address, and what is done there. */
const STATES = [
  ["zoom0", {}, () => "/"],
  ["zoom0-light", { scheme: "light" }, () => "/"],
  ["zoom0-selected", {}, (site) => `/?sel=rack:${burning(site)}`],
  ["zoom1", {}, () => "/?dc=sas"],
  ["zoom2", {}, (site) => `/?rack=${burning(site)}`],
  ["list", {}, () => "/?list=page"],
  ["drawer-filtered", {}, () => "/?list=drawer&filter=sev%3E%3Dhigh%20-handled"],
  ["ticket", {}, (site) => `/?sel=rack:${burning(site)}`, (page) => page.keyboard.press("t")],
  ["acknowledge", {}, (site) => `/?sel=rack:${burning(site)}`, (page) => page.keyboard.press("a")],
  ["help", {}, () => "/", (page) => page.keyboard.press("?")],
  ["kiosk", { width: 3840, height: 2160 }, () => "/?kiosk=1"],
  ["kiosk-dc", { width: 1920, height: 1080 }, () => "/?kiosk=1&dc=sas"],
  [
    "stale",
    {
      snapshot: (s) =>
        withSource(s, "zabbix", { status: "failed", error: "502", fetched_at: stamp(Date.now() - 300_000) }),
    },
    () => "/",
  ],
  [
    "no-data",
    { snapshot: (s, site) => ({ ...s, no_data: site.inventory.devices.slice(0, 1500).map(({ id }) => id) }) },
    () => "/",
  ],
  ["not-live", { clock: 90_000 }, () => "/"],
  ["incident", { incident: true }, (site) => `/?sel=rack:${site.incident.rack.id}`],
  ["incident-rack", { incident: true }, (site) => `/?rack=${site.incident.rack.id}`],
  ["tray", {}, () => "/?sel=tray"],
  ["changes", {}, () => "/?changes=1"],
  ["storm", { racks: 2000, devices: 50_000, events: 20_000 }, () => "/"],
  ["calm", { events: 0 }, () => "/"],
  ["telephone", { width: 390, height: 844 }, () => "/"],
];

const only = process.argv.slice(3);
const browser = await launch();
for (const [name, how, address, act] of STATES) {
  if (only.length > 0 && !only.includes(name)) continue;
  for (const [language, locale] of Object.entries(LANGUAGES)) {
    const { racks = 420, devices = 6000, events = 70, width, height, scheme, clock = 0 } = how;
    const site = makeSite({ racks, devices, events });
    const mock = await startMock({ site });
    if (how.incident) site.incident = incident(site);
    let snapshot = site.snapshot(Date.now(), site.incident?.changes ?? {});
    if (how.snapshot) snapshot = how.snapshot(snapshot, site);
    mock.push({ ...snapshot, revision: Date.now() });
    mock.state.clock = clock;
    const page = await open(browser, mock.url + address(site), { locale, width, height, scheme });
    await page.waitForSelector("#line[data-line=live], .kiosk, canvas", { state: "attached" });
    await act?.(page);
    await page.waitForTimeout(1500);
    await page.screenshot({ path: `${folder}/${name}-${language}.png` });
    for (const complaint of page.complaints) process.stdout.write(`${name} ${language}: ${complaint}\n`);
    await page.context().close();
    await mock.stop();
  }
  process.stdout.write(`${name}\n`);
}
await browser.close();
