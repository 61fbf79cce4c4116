/** Everything the page says, in English. `ru.ts` must have the same keys; the type check says which are missing. */
import { DEEPEST, FIELDS, LONGEST, type Mistake, SEVERITY_NAMES } from "../../core/filter.ts";

const digits = new Intl.NumberFormat("en");

/** Small numbers need no grouping, and a storm writes thousands of them. */
const grouped = (n: number) => (n < 1000 ? String(n) : digits.format(n));

const many = (count: number, one: string, other: string) => `${grouped(count)} ${count === 1 ? one : other}`;

/** The server says the same of the filters that it is sent. */
function mistake(wrong: Mistake): string {
  switch (wrong.kind) {
    case "tooLong":
      return `the filter has ${wrong.length} characters; at most ${LONGEST} are taken`;
    case "tooDeep":
      return `parentheses and negations are nested more than ${DEEPEST} deep`;
    case "unknownField": {
      const hint = wrong.meant
        ? `did you mean ${wrong.meant}?`
        : `put text with a sign of comparison in quotes; the fields are ${FIELDS.join(", ")}`;
      return `unknown field "${wrong.name}"; ${hint}`;
    }
    case "noField":
      return `expected a field before ${wrong.sign}; put text that begins so in quotes`;
    case "comparison": {
      const takes = { age: "<, <=, > or >=", sev: ":, <, <=, > or >=", u: ":, <, <=, > or >=" } as const;
      return `${wrong.field} takes ${takes[wrong.field as keyof typeof takes] ?? "only :"}, not ${wrong.sign}`;
    }
    case "noComparison":
      return `${wrong.flag} takes no value; write ${wrong.flag} or -${wrong.flag}`;
    case "noValue":
      return `expected a value right after ${wrong.after}`;
    case "severity": {
      const names = SEVERITY_NAMES.slice(0, -1).join(", ");
      return `"${wrong.text}" is no severity; expected 0 to 5, or ${names} or ${SEVERITY_NAMES[5]}`;
    }
    case "age":
      return `"${wrong.text}" is no age; expected up to 9 digits and s, m, h, d or w, such as 15m`;
    case "unit":
      return `"${wrong.text}" is no unit of a rack; expected up to 9 digits, such as 40`;
    case "openQuote":
      return "this quote is never closed";
    case "emptyQuotes":
      return "expected something between the quotes";
    case "escape":
      return `unknown escape \\${wrong.character}; in quotes write \\" for ", \\\\ for \\ and \\* for *`;
    case "crowded":
      return "expected a space here";
    case "openParenthesis":
      return "this parenthesis is never closed";
    case "closedParenthesis":
      return "this parenthesis was never opened";
    case "nothingNegated":
      return "expected a condition right after -";
    case "noCondition":
      return `expected a condition before ${wrong.before}`;
    case "end":
      return "expected a condition, but the filter ends here";
  }
}

export const en = {
  locale: "en-GB",
  severity: ["Not classified", "Information", "Warning", "Average", "High", "Disaster"],
  age: {
    second: (n: number) => `${n} s`,
    minute: (n: number) => `${n} min`,
    hour: (n: number) => `${n} h`,
    day: (n: number) => `${n} d`,
  },
  ago: (age: string) => `${age} ago`,
  number: (n: number) => grouped(n),
  problems: (n: number) => many(n, "problem", "problems"),
  events: (n: number) => many(n, "event", "events"),
  racks: (n: number) => many(n, "rack", "racks"),
  devices: (n: number) => many(n, "device", "devices"),
  units: (n: number) => many(n, "unit", "units"),

  top: {
    site: "All",
    nowhere: "No location",
    tabs: "Data centres",
    counters: "Problems by severity",
    counter: (severity: string, open: string, all: string) =>
      `${severity}: ${open} to act on, ${all} in all. Click to filter.`,
    sources: "Sources",
    unplaced: "Unplaced",
    search: "Rack, device or filter",
    searchLabel: "Find a rack or a device by name, asset number or serial, or filter the events",
    help: "Keys and signs",
    language: "Русский",
    languageLabel: "Switch to Russian",
    palette: "Colours",
    role: { viewer: "reads", operator: "operator", admin: "administrator" },
    roleOf: (name: string, role: string) => `${name}, ${role}`,
  },

  filter: {
    mistake,
    show: (events: string) => `Show these: ${events}`,
    clear: "Show everything",
    passed: (some: string, all: string) => `${some} of ${all} events`,
    notApplied: "Everything is shown, because the filter is wrong or has not been applied yet.",
  },

  line: {
    live: "Live",
    polling: "No live connection: the picture comes every few seconds",
    connecting: "Connecting",
    refused: "Logged out",
    revision: (n: number) => `revision ${n}`,
  },
  band: {
    notLive: "NOT LIVE",
    lastPicture: (age: string) => `The last picture is ${age} old. What is drawn may have changed.`,
    clockUnknown: "The server does not say what time it is, so nobody knows how old this picture is.",
    reconnect: "Try again now",
    refused: "You are logged out.",
    login: "Log in again",
  },

  source: {
    fresh: "up to date",
    late: "late",
    stale: "stale",
    unknown: "never read",
    partial: "partly read",
    failed: "failing",
    inventory: "Inventory",
    comments: "Comments",
    templates: "templates",
    fetched: "Last complete answer",
    never: "none since the start",
    status: "Last reading",
    error: "Why it failed",
    counts: "Problems, as it counts them",
    staleMeaning: "What it last said is still shown. What has changed since is not known.",
  },

  map: {
    label: "Racks by row. Arrows move, Enter opens, Escape goes back up.",
    rackLabel: "Devices of the rack. Arrows move, Enter selects, Escape goes back up.",
    row: (name: string) => `Row ${name}`,
    crumbs: "Where you are",
    front: "Front",
    rear: "Rear",
    beside: "Without a unit, and inside others",
    quiet: (n: string) => `and ${n} inside others without a problem`,
    gone: "The inventory has no such rack.",
    site: "All racks",
  },
  state: {
    calm: "calm",
    unwatched: "nobody watches it",
    silent: "no data: its monitoring is silent",
    partlySilent: "no data from some of its devices",
    handled: (severity: string) => `handled, worst ${severity}`,
    suppressed: "in maintenance",
    dependent: "depends on another problem",
    incident: "rack incident",
    fresh: "new",
    unhandled: (n: string) => `${n} to act on`,
    total: (n: string) => `${n} in all`,
    atLeast: (n: string) => `≥ ${n}`,
    commented: "commented",
    ticketed: "ticket",
    noted: "note",
    elsewhere: "mounted here, counted in another rack",
    filteredOut: "not in the filter",
  },
  legend: {
    label: "Signs",
    calm: "calm",
    unwatched: "not watched",
    silent: "no data",
    handled: "handled",
    fresh: "new",
  },

  panel: {
    label: "Details",
    now: "To act on",
    nowIn: (place: string) => `To act on in ${place}`,
    allCalm: "Nothing to act on.",
    below: (severity: string) => `Problems below ${severity} are listed at their rack and counted above.`,
    rack: "Rack",
    device: "Device",
    tray: "Unplaced",
    trayEmpty: "Every event has its rack.",
    trayMeaning: "These are active, but stand on no rack. Why:",
    noEvents: "No active event.",
    cut: (shown: string, total: string) => `Showing ${shown} of ${total}. Narrow it by severity or place.`,
    hidden: (n: string) => `Show ${n} in maintenance or dependent`,
    hide: "Hide maintenance and dependent",
    cleared: "Cleared in the last five minutes",
    open: "Open the rack",
    close: "Back",
    show: "Show details",
    hidePanel: "Hide details",
    comment: "Note from the inventory",
    inventoryPage: "Inventory page",
  },
  reason: {
    unknown_host: "The inventory has no such host",
    ambiguous: "Several devices have this name",
    no_rack: "The device is mounted in no rack",
    host_pending: "The source has not said yet which host it is",
    elsewhere: "Its rack is not in the inventory this page holds; a newer one is on its way",
  },
  reasonHint: {
    unknown_host: "Add the host to the inventory, or give the device its monitoring name or FQDN.",
    ambiguous: "Give one of them the FQDN that monitoring uses.",
    no_rack: "Mount the device, or put it into a container that is mounted.",
    host_pending: "It is read again with the next sweep.",
    elsewhere: "Nothing to do: it moves to its rack within seconds.",
  },

  event: {
    since: "Since",
    host: "Host",
    place: "Place",
    source: "Source",
    data: "Data",
    tags: "Tags",
    text: "Description",
    wholeText: "Show the whole text",
    openAtSource: (source: string) => `Open in ${source}`,
    handled: {
      suppressed: "In maintenance",
      dependent: "Depends on another active problem",
      acknowledged: "Acknowledged",
      ticketed: "Ticket",
      note: "Quiet note on the place",
    },
    by: (who: string, when: string) => `by ${who}, ${when}`,
    until: (when: string) => `until ${when}`,
    untilWorsens: "until it worsens",
    partial: "Seen in a reading that did not finish; more may follow",
    flapping: (n: string) => `opened ${n} times within the hour`,
    lastTime: (age: string) => `Last time: cleared ${age} ago`,
    gone: "This problem is active no more. Its comments stay.",
    noHost: "host not known yet",
  },
  comments: {
    title: "Comments",
    none: "Nobody has said anything yet.",
    write: "What do you know about it?",
    send: "Comment",
    sending: "Sending…",
    edit: "Edit",
    remove: "Delete",
    reallyRemove: "Delete for good?",
    save: "Save",
    cancel: "Cancel",
    edited: "edited",
    older: "Older comments",
    failed: (why: string) => `Not saved: ${why}`,
    notLoaded: (why: string) => `Comments cannot be read: ${why}`,
    viewer: "You may read. Commenting takes the operator role.",
    left: (n: string) => `${n} characters left`,
    key: "Ctrl+Enter sends",
    onTicket: (ticket: string) => `on ${ticket} too`,
  },
  ticket: {
    title: "Ticket",
    ask: "Ticket…",
    unnamed: "the ticket",
    creating: "creating…",
    retrying: (why: string) => `not sent yet: ${why}. It is tried again by itself.`,
    failed: (why: string) => `ticket not created: ${why}`,
    closed: "closed, still burning",
    retry: "Retry",
    edit: "Edit",
    close: "Close",
    again: "Try again",
    noEvents: "Select an event, a device or a rack with something to act on first.",
    noTracker: "No tracker is configured.",
    noTrackerHint:
      "Set HEAT_TRACKER for heat-updater: startrek or webhook to open tickets from here, link to open them by hand.",
    notReady: (why: string) => `Not to be had: ${why}`,
    notDone: (why: string) => `Not done: ${why}`,
    trackerError: (why: string) =>
      `The tracker does not take tickets now: ${why}. Yours is sent as soon as it does.`,
    covers: (events: string) => `covers ${events} of these already.`,
    addTo: (events: string, ticket: string) => `Add the others (${events}) to ${ticket}`,
    forOthers: (events: string) => `A new ticket for the others (${events})`,
    forAll: (events: string) => `A new ticket for all (${events}), taken from the old one`,
    taken: "Somebody was quicker: an open ticket covers some of these now. Choose what to do.",
    template: "Template",
    fitting: "Fit these events",
    others: "Others",
    without: "Without a template",
    own: "Your own words",
    existing: "Opened elsewhere",
    summary: "Summary",
    description: "Description",
    queue: "Queue",
    type: "Type",
    priority: "Priority",
    assignee: "assignee",
    followers: "followers",
    components: "components",
    tags: "tags",
    unedit: "Undo my changes",
    key: "Its key in the tracker",
    openByHand: "Open it in the tracker, filled in",
    thenKey: "Then enter its key here, so that everybody sees it on the events.",
    noLink: "HEAT_TRACKER_LINK of heat-updater is no http or https address.",
    members: (some: string, all: string) => `${some} of ${all} events`,
    none: "None",
    all: "All",
    over: "over, or handled meanwhile",
    sendsKey: "Ctrl+Enter sends",
    nothingChosen: "No event to send",
    sending: "Sending…",
    create: "Create",
    add: "Add",
    attach: "Attach",
    created: "created",
    added: (events: string) => `got ${events}`,
    creatingLong: "Creating…",
    mayClose: "You may close this: the key appears on the events.",
    nextAttempt: (when: string) => `Next attempt: ${when}.`,
    mend: "Change what is wrong and send it again, or send it as it is.",
    mendThere: "The tracker may have it already: look there before it is sent again.",
    saveAndSend: "Save and send again",
  },
  templates: {
    title: "Templates",
    tickets: "Tickets",
    comments: "Comments",
    commit: "Commit",
    noCommit: "none in use",
    committed: "Committed",
    pulled: "Pulled",
    tracker: "Tracker",
    pending: (n: string) => `${n} to be sent`,
    failed: (n: string) => `${n} failed`,
    rejected: "newer one refused",
    rejectedLong: (commit: string) =>
      `Commit ${commit} is not used. The last good one stays, until this is mended:`,
    notPulled: "not pulled",
    notLoaded: (why: string) => `Templates cannot be read: ${why}`,
    none: "There are no templates. Set HEAT_TEMPLATES_URL for heat-updater.",
    preview: "Preview",
    previewOn: (events: string) => `On what is selected, ${events}:`,
    choose: "Choose a template to see what it says about what is selected.",
    selectFirst: "Select an event or a rack first, to see what a template says about it.",
    viewer: "Previews take the operator role.",
  },

  empty: {
    waiting: "Waiting for the first picture",
    waitingHint: "The page connects by itself. It is looking at",
    noSnapshot: "No picture has been published yet",
    noSnapshotHint:
      "Is heat-updater running? It publishes once the inventory and every source have answered or failed once.",
    noInventory: "There is no inventory, so nothing can be placed",
    noInventoryHint:
      "Set HEAT_INVENTORY_URL for heat-updater: mysql:// for RackTables, file:// for JSON or CSV, or zabbix: for host tags and groups.",
    emptyInventory: "The inventory has no racks",
    emptyInventoryHint: "Check what HEAT_INVENTORY_URL reads with: heat-updater inventory export",
    inventoryComing: "The inventory is on its way",
    inventoryComingHint: "Until it is here, all events stand in the Unplaced tray.",
    noSources: "No monitoring is configured",
    noSourcesHint: "Set HEAT_ZABBIX_URL and HEAT_ZABBIX_TOKEN, or HEAT_JUGGLER_URL, for heat-updater.",
    status: "Status page",
  },

  help: {
    title: "Keys and signs",
    close: "Close",
    keys: [
      ["/", "find a rack or a device, or filter"],
      ["← ↑ → ↓", "move across racks or devices"],
      ["Enter  +", "open"],
      ["Esc  −", "back up"],
      ["u", "unplaced events"],
      ["t", "ticket on what is selected"],
      ["p", "show or hide the details"],
      ["?", "this page"],
    ],
    signs: [
      [
        "colour",
        "the worst problem that somebody must act on; the bar at the foot of the cell grows with severity",
      ],
      ["number", "how many: a rack incident counts once"],
      ["thin hatch", "handled: acknowledged, or with an open ticket"],
      ["grey hatch", "no data: its monitoring is silent; over a colour, that is the last thing known"],
      ["hollow", "nobody watches it"],
      ["wrench, chain", "in maintenance; depends on another problem"],
      ["white outline", "new within two minutes; a double one: a rack incident"],
      ["dot, corner, bar", "commented, ticket, note (on large cells)"],
    ],
    filterTitle: "Filters, in the search box",
    filterHow: "Conditions beside each other must all hold. What does not match is dimmed.",
    filters: [
      ["dc:sas row:12 rack:07 u>40", "where it stands"],
      ["host:srv-* src:zabbix tag:env=prod", "what it is of; * is anything"],
      ["sev>=high age>15m new", "how bad, how old: s, m, h, d, w"],
      ["-handled -ticket comment ack", "what has been done about it; - negates"],
      ["suppressed dependent incident note unplaced", "what else is known of it"],
      ['(power or "link down") name:eth*', "words in host, device, name, text or ticket"],
    ],
    themeLabel: "Around the map",
    themes: { dark: "Dark", light: "Light" },
    paletteLabel: "Colours",
    palettes: { heat: "Heat (told apart by colour-blind eyes)", zabbix: "Zabbix" },
  },
};

export type Words = typeof en;
