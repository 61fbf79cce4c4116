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

/** The event that everything has happened to. */
const much = (site) => site.events.find((event) => event.rack_id === burning(site) && event.severity > 3);

const HOUR = 3_600_000;
const ago = (milliseconds) => stamp(Date.now() - milliseconds);

/** What people leave behind in a night: comments, a ticket, notes, views, earlier openings, changes. */
function lived({ state }, site) {
  const event = much(site);
  const { id, key, name, host, rack_id } = event;
  const ticket = { id: 1, key: "NOC-77", url: "https://tracker.example.net/NOC-77", state: "created" };
  const said = [
    [
      "a.petrova",
      5 * HOUR,
      "Seen, the vendor has been called. They want the serial number and a photograph.",
    ],
    ["operator", HOUR, "On site at 04:00. Spare part is in the cage: https://wiki.example.net/spare/parts"],
  ].map(([author, since, text], i) => ({
    id: i + 1,
    event_key: key,
    author,
    at: ago(since),
    text,
    own: author === "operator",
    ...(i === 0 ? { edited_at: ago(4 * HOUR) } : {}),
  }));
  state.comments = said;
  Object.assign(event, {
    text: "The power supply has reported a failure of its input.\nCheck the feed before you change it.",
    opdata: "PSU1: input lost, 0 V",
    openings_1h: 3,
    comment_count: 2,
    comments: said,
    last_time: {
      cleared_at: ago(72 * HOUR),
      comment: { author: "b.ivanov", at: ago(72 * HOUR), text: "it was the feed" },
      ticket: { key: "NOC-71", url: "https://tracker.example.net/NOC-71" },
    },
    tags: [
      { tag: "scope", value: "availability" },
      { tag: "class", value: "hardware" },
      { tag: "target", value: "server" },
    ],
  });
  const taken = site.events.find((other) => other.rack_id && !other.handled && other.severity === 3);
  Object.assign(taken, { handled: "ticketed", ticket });
  state.tickets = [{ ...ticket, ids: [taken.id], draft: { queue: "NOC", summary: name } }];
  state.notes = [
    {
      id: 1,
      place: `rack:${rack_id}`,
      author: "b.ivanov",
      at: ago(30 * HOUR),
      text: "Door is stuck: lift, then pull.",
    },
    {
      id: 2,
      place: "location:2",
      author: "a.petrova",
      at: ago(2 * HOUR),
      until: ago(-6 * HOUR),
      quiet: true,
      text: "Feed B is being worked on until noon.",
    },
  ];
  state.views = [
    ["Core network", "{core} and not {lab}", "", true],
    [
      "Everything of the payments team that is worse than average",
      "{payments}",
      "sev>=average -handled",
      false,
    ],
  ].map(([title, expression, filter, shared], i) => ({
    id: i + 1,
    name: title,
    expression,
    filter,
    shared,
    owner: i === 0 ? "a.petrova" : "operator",
    version: 1,
    editable: i === 1,
    updated_at: ago(HOUR),
  }));
  state.openings = [72, 200, 500].map((hours, i) => ({
    id: `${id}-${i}`,
    key,
    rack_id,
    name,
    host,
    opened_at: ago(hours * HOUR),
    closed_at: ago(hours * HOUR - (i + 1) * HOUR),
    severity_first: 3,
    severity_peak: 4,
    acknowledgements: i === 1 ? [{ by: "b.ivanov", at: ago(200 * HOUR), text: "looking" }] : [],
    comments: i === 0 ? [{ id: 9, author: "b.ivanov", at: ago(71 * HOUR), text: "it was the feed" }] : [],
    tickets:
      i === 0 ? [{ id: 7, key: "NOC-71", url: "https://tracker.example.net/NOC-71", state: "closed" }] : [],
  }));
  const change = (kind, minutes, fields = {}) => ({
    kind,
    at: ago(minutes * 60_000),
    key,
    name,
    host,
    rack_id,
    severity: event.severity,
    ...fields,
  });
  const minute = Math.floor(Date.now() / 60_000 - 9) * 60_000;
  state.changes = [
    change("opened", 40),
    change("worsened", 35),
    change("commented", 30, { by: "a.petrova", text: said[0].text }),
    change("acknowledged", 20, { by: "a.petrova", text: "looking into it" }),
    change("ticketed", 15, { by: "a.petrova", ticket }),
    ...Array.from({ length: 25 }, (_, i) => ({
      ...change("opened", 0),
      at: stamp(minute),
      key: `zabbix:${i}:x`,
    })),
    change("cleared", 3),
  ];
  state.inventoryProblems = [
    { kind: "unknown_host", host: "ghost-17.example.net", text: "no device of the inventory has this name" },
    {
      kind: "ambiguous_host",
      host: "web-01",
      text: "2 devices have this name: web-01 in SAS-A, web-01 in VLA-C",
    },
    { kind: "no_rack", what: "device", id: 5, name: "sas-a01-n02", text: "is mounted nowhere" },
  ];
  return {
    notes: state.notes,
    cleared: site.events
      .slice(0, 3)
      .map((one, i) => ({ ...one, id: `${one.id}x`, cleared_at: ago(i * 60_000) })),
  };
}

/** The rack of which README tells: the fullest of a row. */
const dark = ({ inventory, rackOf }) => {
  const row = inventory.rows.find(({ name }) => name === "SAS-D");
  const standing = (rack) => [...rackOf.values()].filter((id) => id === rack.id).length;
  return inventory.racks
    .filter(({ row_id }) => row_id === row.id)
    .sort((one, other) => standing(other) - standing(one))[0];
};

/** What README shows: a large site, a rack without power, a few new problems, and a note on the row. */
function shown(_, site) {
  const { incident } = site.fell(dark(site), Date.now() - 70_000);
  const quiet = site.watched.filter((_, i) => i % 900 === 400);
  quiet.forEach((device, i) =>
    site.makeEvent(960_000 + i, device, ["Power supply 1 has failed", 4], Date.now() - 20_000 * (i + 1)),
  );
  const note = { id: 1, place: `row:${dark(site).row_id}`, author: "a.petrova", at: ago(40 * 60_000) };
  const text = "Feed B is being replaced, electricians are on site";
  return { incidents: [incident], notes: [{ ...note, until: ago(-HOUR), text }] };
}

const README = { racks: 640, devices: 9000, events: 120, lived: shown };
const TELEPHONE = { width: 390, height: 844, lived };
const press = (key) => (page) => page.keyboard.press(key);
const click = (selector) => (page) => page.locator(selector).first().click();
const eventOf = (site) => `/?event=${encodeURIComponent(much(site).key)}`;
const rackOf = (site) => `/?sel=rack:${burning(site)}`;

/** Name, what the site is like, the address, and what is done there. */
const STATES = [
  ["zoom0", {}, () => "/"],
  ["zoom0-light", { scheme: "light" }, () => "/"],
  ["zoom0-selected", {}, rackOf],
  ["zoom0-laptop", { width: 1366, height: 768, lived }, () => "/"],
  ["zoom0-narrow", { width: 1024, height: 768, lived }, () => "/?list=drawer"],
  ["zoom0-4k", { width: 3840, height: 2160, lived }, () => "/?list=drawer"],
  ["zoom1-4k", { width: 3840, height: 2160, lived }, () => "/?dc=sas"],
  ["zoom2-4k", { width: 3840, height: 2160, lived }, (site) => `/?rack=${burning(site)}`],
  ["zoom1", {}, () => "/?dc=sas"],
  ["zoom2", {}, (site) => `/?rack=${burning(site)}`],
  ["zoom2-light", { scheme: "light", lived }, (site) => `/?rack=${burning(site)}&sel=rack:${burning(site)}`],
  ["unpinned", { lived }, (site) => `${rackOf(site)}&panel=0`],
  ["list", {}, () => "/?list=page"],
  ["list-light", { scheme: "light", lived }, () => "/?list=drawer"],
  ["drawer-filtered", {}, () => "/?list=drawer&filter=sev%3E%3Dhigh%20-handled"],
  ["event", { lived }, eventOf],
  ["event-light", { lived, scheme: "light" }, eventOf],
  ["history", { lived }, eventOf, click(".past summary")],
  ["notes", { lived }, () => "/?dc=sas"],
  ["note", { lived }, rackOf, click(".do button:nth-child(4)")],
  ["views", { lived }, () => "/", press("v")],
  ["views-light", { lived, scheme: "light" }, () => "/", press("v")],
  [
    "view-edited",
    { lived },
    () => "/",
    async (page) => {
      await page.keyboard.press("v");
      await page.locator("dialog .link").first().click();
    },
  ],
  [
    "templates",
    { lived },
    eventOf,
    async (page) => {
      await page.locator("#templates").click();
      await page.locator("dialog .names button").first().click();
    },
  ],
  ["sound", {}, () => "/", click("#sound")],
  [
    "search",
    {},
    () => "/",
    async (page) => {
      await page.keyboard.press("/");
      await page.keyboard.type("sas-d1");
    },
  ],
  ["mistake", {}, () => "/?filter=dc:sas%20hots:web"],
  ["inventory", { lived }, () => "/?sel=source:inventory"],
  ["ticket", {}, rackOf, press("t")],
  ["ticket-light", { scheme: "light" }, rackOf, press("t")],
  ["acknowledge", {}, rackOf, press("a")],
  ["help", {}, () => "/", press("?")],
  ["help-light", { scheme: "light" }, () => "/", press("?")],
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
  ["changes", { lived }, () => "/?changes=1"],
  ["storm", { racks: 2000, devices: 50_000, events: 20_000 }, () => "/"],
  ["calm", { events: 0 }, () => "/"],
  ["readme-map", README, () => "/"],
  ["readme-dc", README, () => "/?dc=sas&list=drawer"],
  ["readme-rack", README, (site) => `/?rack=${dark(site).id}&sel=rack:${dark(site).id}`],
  ["readme-ticket", README, (site) => `/?sel=rack:${dark(site).id}`, press("t")],
  ["readme-wall", { ...README, width: 1920, height: 1080 }, () => "/?kiosk=1&dc=sas"],
  ["no-sources", { snapshot: (s) => ({ ...s, sources: s.sources.slice(0, 2), events: [] }) }, () => "/"],
  ["no-inventory", { bare: true }, () => "/"],
  ["telephone", TELEPHONE, () => "/"],
  ["telephone-rack", TELEPHONE, (site) => `/?rack=${burning(site)}`],
  ["telephone-event", TELEPHONE, eventOf],
  ["telephone-list", TELEPHONE, () => "/?list=page"],
  ["telephone-help", TELEPHONE, () => "/", press("?")],
  ["telephone-ticket", TELEPHONE, rackOf, press("t")],
  ["telephone-views", TELEPHONE, () => "/", press("v")],
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
    if (how.bare) mock.state.inventory = mock.state.coverage = undefined;
    let snapshot = site.snapshot(Date.now(), {
      ...site.incident?.changes,
      ...how.lived?.(mock, site),
      ...(how.bare ? { inventory_version: undefined, coverage_version: undefined } : {}),
    });
    if (how.snapshot) snapshot = how.snapshot(snapshot, site);
    mock.push({ ...snapshot, revision: Date.now() });
    mock.state.clock = clock;
    const page = await open(browser, mock.url + address(site), { locale, width, height, scheme });
    await page.waitForSelector("#line[data-line=live], .kiosk, canvas", { state: "attached" });
    if (act) await page.waitForSelector("[role=gridcell]", { state: "attached" });
    await act?.(page);
    await page.waitForTimeout(1500);
    await page.screenshot({
      path: `${folder}/${name}-${language}.png`,
      // A telephone's page scrolls.
      fullPage: width < 900,
    });
    for (const complaint of page.complaints) process.stdout.write(`${name} ${language}: ${complaint}\n`);
    await page.context().close();
    await mock.stop();
  }
  process.stdout.write(`${name}\n`);
}
await browser.close();
