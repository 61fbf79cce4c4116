// The page of the demonstration: shows the state once a second and presses the buttons of its API.

const SEVERITIES = ["none", "info", "warning", "average", "high", "disaster"];

// What the form offers; the API takes every fault with every value.
const FAULTS = [
  ["502 from the proxy in front", { status: 502 }],
  ["500 with an empty body", { status: 500 }],
  ["429, retry after 5 s", { too_many: 5 }],
  ["Answers 8 s late", { slow: 8000 }],
  ["An HTML page", "html"],
  ["JSON cut in half", "cut_json"],
  ["Connection breaks in the body", "cut_body"],
  ["Connection closes", "reset"],
  ["100 MB of nothing", { huge: 100_000_000 }],
  ["Fields of wrong types", "wrong_types"],
  ["Empty answers", "empty"],
  ["Token refused", "token_refused"],
  ["Token expired", "token_expired"],
  ["Session ended", "session_death"],
  ["Role forbids it", "forbidden"],
  ["Zabbix: its database is down", "database_down"],
  ["Zabbix: no memory above 1,000 rows", { memory_limit: 1000 }],
  ["Juggler: total drifts", "drifting_total"],
  ["Juggler: events repeat across pages", "repeated_events"],
  ["Startrek: does it, and hangs up", "commit_then_drop"],
  ["Startrek: what exists is found 2 s late", { unique_lag: 2000 }],
  ["Startrek: issues move under one's hands", "moved"],
  ["Startrek: issues are locked", { status: 423 }],
];

const part = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function call(method, path, body) {
  try {
    const answer = await fetch(`api/${path}`, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    part("trouble").hidden = true;
    return told;
  } catch (error) {
    part("trouble").textContent = `The simulators do not answer: ${error.message}`;
    part("trouble").hidden = false;
    return undefined;
  }
}

async function act(method, path, body) {
  const state = await call(method, path, body);
  if (state) show(state);
}

const number = (value) => value.toLocaleString("en");

function runningText({ running, power_loss_in_s: left }) {
  if (!running) return ["Nothing is being played."];
  if (left !== null && left !== undefined) return [bold("The opening day."), ` A rack loses power in ${left} s.`];
  const since = running.for_s < 120 ? `${running.for_s} s` : `${Math.floor(running.for_s / 60)} min`;
  return [bold(running.title), running.ended ? `: played ${since} ago, and as it left things.` : `: being played for ${since}.`];
}

const bold = (text) => element("b", text);

function show(state) {
  part("map").href = state.map_url;
  part("running").replaceChildren(...runningText(state));
  part("zabbix-problems").textContent = number(state.zabbix.problems);
  part("severities").replaceChildren(
    ...[5, 4, 3, 2, 1, 0].map((severity) => {
      const count = state.zabbix.by_severity[severity];
      const item = element("li", number(count), count ? "some" : "");
      item.append(element("small", SEVERITIES[severity]));
      return item;
    }),
  );
  const centres = Object.entries(state.zabbix.by_centre).map(([name, count]) => `${name} ${number(count)}`);
  part("centres").textContent = centres.join(" · ");
  part("zabbix-asked").textContent = `${number(state.zabbix.hosts)} hosts · asked ${number(state.zabbix.asked)} times`;
  part("juggler-problems").textContent = number(state.juggler.problems);
  part("juggler-asked").textContent = `asked ${number(state.juggler.asked)} times`;
  part("startrek-open").textContent = number(state.startrek.open);
  part("startrek-asked").textContent = `${number(state.startrek.issues)} issues · asked ${number(state.startrek.asked)} times`;
  showFaults(state);
  showScenarios(state);
}

function showFaults(state) {
  const names = { zabbix: "Zabbix", juggler: "Juggler", startrek: "Startrek" };
  const on = Object.keys(names).flatMap((system) =>
    state[system].faults.map((rule) => {
      const known = FAULTS.find(([, fault]) => JSON.stringify(fault) === JSON.stringify(rule.fault));
      const where = rule.method ? ` on ${rule.method}` : "";
      return element("li", `${names[system]}: ${known ? known[0] : JSON.stringify(rule.fault)}${where}`, "on");
    }),
  );
  part("faults").replaceChildren(...(on.length ? on : [element("li", "None: every system answers as it should.")]));
}

function showScenarios(state) {
  const box = part("scenarios");
  if (!box.childElementCount) {
    box.append(
      ...state.scenarios.map(({ name, title, what }) => {
        const card = element("article");
        card.dataset.name = name;
        const button = element("button", title);
        button.addEventListener("click", () => act("POST", `scenario/${name}`));
        card.append(button, element("p", what));
        return card;
      }),
    );
  }
  for (const card of box.children) {
    card.classList.toggle("running", card.dataset.name === state.running?.name);
  }
}

part("kind").append(
  ...FAULTS.map(([text], at) => {
    const option = element("option", text);
    option.value = String(at);
    return option;
  }),
);
part("fault").addEventListener("submit", (event) => {
  event.preventDefault();
  act("POST", "fault", { system: part("system").value, fault: FAULTS[Number(part("kind").value)][1] });
});
part("mend").addEventListener("click", () => act("DELETE", "fault"));

async function refresh() {
  if (!document.hidden) await act("GET", "state");
  setTimeout(refresh, 1000);
}
refresh();
