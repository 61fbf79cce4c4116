// A stand-in for the API that also serves the built page, for tests that must not depend on the stack:
// plain node http and a WebSocket that writes text frames. `node e2e/mock.mjs [--port N] [--racks N] [--events N]`.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, deflateRawSync } from "node:zlib";
import { makeSite, stamp } from "./site.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** What production's nginx sends, so that what it refuses fails here first. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** One unmasked WebSocket frame. */
function frame(opcode, payload) {
  const length = payload.length;
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, length])
      : length < 65536
        ? Buffer.from([0x80 | opcode, 126, length >> 8, length & 255])
        : Buffer.concat([
            Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]),
            Buffer.from(new Uint32Array([length]).buffer).reverse(),
          ]);
  return Buffer.concat([head, payload]);
}

/** A snapshot as one message, deflated (and marked so) or not. */
function messageOf(snapshot, deflated) {
  // In ASCII, as the server writes it.
  const escaped = (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = Buffer.from(JSON.stringify(snapshot).replace(/[^\0-\x7f]/g, escaped));
  if (!deflated) return frame(1, text);
  // As `Packed` does it in lib/src/packed.rs.
  const level = text.length > 8 << 20 ? 1 : 6;
  const packed = deflateRawSync(text, { level, finishFlush: constants.Z_SYNC_FLUSH });
  // The tail of a flush is left out, and the first reserved bit says that it is deflated.
  return frame(0x41, packed.subarray(0, -4));
}

/**
 * Starts it on a port (0: any). What it serves is in `state`; change it and call `push`. `state.down`: every request
 * is dropped and no socket is accepted. `state.clock`: added to the `Date` header, in milliseconds.
 */
export async function startMock({ port = 0, site = makeSite(), compress = false } = {}) {
  const state = {
    site,
    inventory: site.inventory,
    coverage: site.coverage,
    snapshot: site.snapshot(),
    comments: [],
    nextComment: 1,
    templates: site.templates(),
    tickets: [],
    /** What was made of each `Idempotency-Key`. */
    ticketsAskedFor: new Map(),
    me: {
      name: "operator",
      role: "operator",
      auth: "off",
      version: "0.1.0",
      settings: { map_severity: 2, timezone: "Europe/Moscow" },
      shift_ends_at: stamp(Date.now() + 5 * 3_600_000),
    },
    /** Ids of the events that whatever filter means. */
    filtered: [],
    down: false,
    refuseSockets: false,
    clock: 0,
    requests: [],
    notes: [],
    nextNote: 1,
    views: [],
    nextView: 1,
    /** Racks and devices for which a view's expression holds, by its id. */
    members: {},
    changes: [],
    /** Earlier openings, by `key` or `rack_id`. */
    openings: [],
    inventoryProblems: [],
    /** Bodies of the writing requests, as `[method and path, body]`. */
    written: [],
  };
  const sockets = new Set();

  const send = (response, status, body, headers = {}) => {
    response.writeHead(status, {
      "Content-Type": "application/json",
      Date: new Date(Date.now() + state.clock).toUTCString(),
      "X-Request-Id": "mock",
      ...headers,
    });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  const problem = (response, status, detail, more = {}) =>
    send(
      response,
      status,
      {
        type: "about:blank",
        title: String(status),
        status,
        detail,
        request_id: "mock",
        ...more,
      },
      { "Content-Type": "application/problem+json" },
    );

  const document = (request, response, body, version) => {
    if (!body) return problem(response, 503, "no snapshot has been published yet");
    const etag = `"${version}"`;
    if (request.headers["if-none-match"] === etag) return send(response, 304, undefined, { ETag: etag });
    return send(response, 200, body, { ETag: etag });
  };

  const join3 = (key) => {
    const said = state.comments.filter((comment) => comment.event_key === key);
    const event = state.snapshot?.events?.find((other) => other.key === key);
    if (!event) return;
    event.comments = said.slice(-3).map(({ id, author, at, edited_at, text }) => ({
      id,
      author,
      at,
      ...(edited_at ? { edited_at } : {}),
      text,
    }));
    event.comment_count = said.length;
    push({ ...state.snapshot, revision: state.snapshot.revision + 1 });
  };

  /** A ticket's standing on the events it covers, as the snapshot has it. */
  const join4 = (ticket) => {
    for (const event of state.snapshot.events) {
      if (!ticket.ids.includes(event.id)) continue;
      const { id, key, url, state: standing, status, error } = ticket;
      event.ticket = JSON.parse(JSON.stringify({ id, key, url, state: standing, status, error }));
      if (standing === "pending" || standing === "created") event.handled = "ticketed";
      else if (event.handled === "ticketed") delete event.handled;
    }
    push({ ...state.snapshot, revision: state.snapshot.revision + 1 });
  };

  /** What the tracker makes of a ticket: `{ key }`, `{ error, state }`, … */
  const fate = (id, changes) => {
    const ticket = state.tickets.find((other) => other.id === id);
    if (changes.key)
      changes = { url: `https://tracker.example.net/${changes.key}`, state: "created", ...changes };
    Object.assign(ticket, { error: undefined, ...changes });
    join4(ticket);
  };

  const draftOf = (name, ids) => {
    const template = state.templates.tickets.find((other) => other.name === name);
    if (!template) return undefined;
    const events = state.snapshot.events.filter((event) => ids.includes(event.id));
    const { queue, type, priority, followers, tags } = template;
    const summary = template.summary.replace("{{ n }}", String(events.length));
    const description = events.map((event) => `* ${event.host}: ${event.name}`).join("\n");
    return { queue, summary, description, type, priority, followers, tags };
  };

  const coveredOf = (ids) =>
    state.snapshot.events
      .filter((event) => ids.includes(event.id) && /pending|created/.test(event.ticket?.state))
      .map(({ id, ticket }) => ({ id, ticket }));

  const shown = ({ ids: _, ...ticket }) => ({
    ...ticket,
    ...(ticket.state !== "created" && !ticket.attached && ticket.error ? { editable: true } : {}),
  });

  const tickets = (request, response, path, body) => {
    const covers = (covered, ids) =>
      problem(response, 409, "open tickets cover some of these events", {
        covered,
        free: ids.filter((id) => !covered.some((one) => one.id === id)),
      });
    if (path === "/tickets" && request.method === "POST") {
      const name = request.headers["idempotency-key"];
      if (!name) return problem(response, 400, "the header Idempotency-Key is missing");
      const before = state.ticketsAskedFor.get(name);
      if (before) return send(response, 201, shown(before));
      const covered = coveredOf(body.ids);
      if (covered.length > 0 && !body.force) return covers(covered, body.ids);
      const draft = { ...draftOf(body.template, body.ids), ...body.edits };
      const ticket = {
        id: state.tickets.length + 1,
        state: "pending",
        ...(body.existing ? { key: body.existing, attached: true } : {}),
        ids: body.ids,
        draft,
        severity: 4,
        author: state.me.name,
        created_at: stamp(Date.now()),
        attempts: 0,
      };
      state.tickets.push(ticket);
      state.ticketsAskedFor.set(name, ticket);
      send(response, 201, shown(ticket));
      return join4(ticket);
    }
    const of = /^\/tickets\/(\d+)(\/events|\/retry)?$/.exec(path);
    const ticket = of && state.tickets.find((other) => other.id === Number(of[1]));
    if (!ticket) return problem(response, 404, "there is no such ticket");
    if (request.method === "GET") return send(response, 200, shown(ticket));
    if (of[2] === "/events") {
      const covered = coveredOf(body.ids);
      if (covered.length > 0) return covers(covered, body.ids);
      ticket.ids = [...ticket.ids, ...body.ids];
    } else if (of[2] === "/retry") {
      if (ticket.state !== "failed") return problem(response, 409, "only a failed one is retried");
      Object.assign(ticket, { state: "pending", error: undefined });
    } else {
      ticket.draft = { ...ticket.draft, ...body };
    }
    send(response, 200, shown(ticket));
    return join4(ticket);
  };

  const known = (ids) => state.snapshot.events.filter((event) => ids.includes(event.id));
  const unknownOf = (ids) => {
    const unknown = ids.filter((id) => !state.snapshot.events.some((event) => event.id === id));
    return unknown.length > 0 ? { unknown } : {};
  };
  const next = () => push({ ...state.snapshot, revision: state.snapshot.revision + 1 });
  const endOf = (until) => (until === "end_of_shift" ? state.me.shift_ends_at : until);

  const acknowledgements = (request, response, body) => {
    if (body.filter !== undefined && body.count !== state.filtered.length) {
      return problem(response, 409, "the filter means another number of events now", {
        count: state.filtered.length,
      });
    }
    const ids = body.ids ?? state.filtered;
    const events = known(ids);
    if (events.length === 0) return problem(response, 404, "none of these events is active");
    if (request.method === "DELETE") {
      for (const event of events) {
        delete event.acknowledged;
        if (event.handled === "acknowledged") delete event.handled;
      }
      send(response, 200, { withdrawn: events.map(({ id }) => id), ...unknownOf(ids) });
      return next();
    }
    const until = endOf(body.until);
    const { text, until_worsens } = body;
    for (const event of events) {
      event.handled = "acknowledged";
      event.acknowledged = JSON.parse(
        JSON.stringify({ by: "operator", at: stamp(Date.now()), text, until, until_worsens, origin: "heat" }),
      );
    }
    const made = events.map(({ id, key, severity }, n) => ({
      id: n + 1,
      event_id: id,
      event_key: key,
      by: "operator",
      at: stamp(Date.now()),
      severity,
    }));
    send(response, 201, { acknowledgements: made, ...unknownOf(ids) });
    return next();
  };

  const notes = (request, response, path, body) => {
    const id = Number(path.split("/")[2]);
    const note = state.notes.find((other) => other.id === id);
    if (id && !note) return problem(response, 404, "there is no such note");
    const shown = () => {
      state.snapshot.notes = state.notes.map((other) => JSON.parse(JSON.stringify(other)));
      next();
    };
    if (request.method === "POST") {
      const made = { id: state.nextNote++, author: "operator", at: stamp(Date.now()), ...body };
      made.until = endOf(body.until);
      state.notes.push(made);
      send(response, 201, made, { Location: `/api/v1/notes/${made.id}` });
    } else if (request.method === "PATCH") {
      Object.assign(note, body, "until" in body ? { until: endOf(body.until) ?? undefined } : {});
      send(response, 200, note);
    } else if (request.method === "DELETE") {
      state.notes.splice(state.notes.indexOf(note), 1);
      send(response, 204);
    } else {
      return send(response, 200, { notes: state.notes });
    }
    return shown();
  };

  const views = (request, response, path, json) => {
    const [, , id, members] = path.split("/");
    if (!id && request.method === "GET") return send(response, 200, { views: state.views });
    const view = state.views.find((other) => other.id === Number(id));
    if (id && !view) return problem(response, 404, "there is no such view");
    if (members) {
      return send(response, 200, {
        version: `${view.version}.1`,
        inventory_version: state.inventory.version,
        racks: [],
        devices: [],
        ...state.members[id],
      });
    }
    if (request.method === "GET") return send(response, 200, view, { ETag: `"${view.version}"` });
    if (id && request.headers["if-match"] !== `"${view.version}"`) {
      return problem(response, 412, "the view was changed meanwhile");
    }
    if (request.method === "DELETE") {
      state.views.splice(state.views.indexOf(view), 1);
      return send(response, 204);
    }
    const wrong = json.expression.indexOf(" AND ");
    if (wrong >= 0) {
      return problem(response, 422, 'unexpected "AND"; "and" is written in lower case', {
        pointer: "/expression",
        position: [...json.expression.slice(0, wrong + 1)].length,
      });
    }
    const made = Object.assign(
      view ?? { id: state.nextView++, owner: "operator", version: 0, editable: true },
      {
        ...json,
        updated_at: stamp(Date.now()),
      },
    );
    made.version++;
    if (!view) state.views.push(made);
    return send(response, view ? 200 : 201, made, { ETag: `"${made.version}"` });
  };

  /** A rack or a device with what is known of it. */
  const place = (response, kind, id) => {
    const { inventory } = state;
    const found = inventory[`${kind}s`].find((other) => other.id === id);
    if (!found) return problem(response, 404, `there is no such ${kind}`);
    const link = `https://racktables.example.net/index.php?page=${kind}&${kind === "rack" ? "rack" : "object"}_id=${id}`;
    const more =
      kind === "rack"
        ? { devices: inventory.devices.filter((device) => device.mounts?.some((m) => m.rack_id === id)) }
        : {
            racks: (found.mounts ?? []).map(({ rack_id }) => {
              const rack = inventory.racks.find((other) => other.id === rack_id);
              return { id: rack.id, name: rack.name };
            }),
            watched_by: ["zabbix"],
          };
    return send(response, 200, { inventory_version: inventory.version, [kind]: found, link, ...more });
  };

  const api = async (request, response, url) => {
    const path = url.pathname.slice("/api/v1".length);
    if (path === "/snapshot") return document(request, response, state.snapshot, state.snapshot?.revision);
    if (path === "/inventory") return document(request, response, state.inventory, state.inventory?.version);
    if (path === "/coverage") return document(request, response, state.coverage, state.coverage?.version);
    if (path === "/me") return send(response, 200, state.me);
    let body = "";
    for await (const chunk of request) body += chunk;
    const text = () => JSON.parse(body).text;
    if (request.method !== "GET") {
      state.written.push([`${request.method} ${path}`, body === "" ? undefined : JSON.parse(body)]);
    }
    if (path === "/templates") return send(response, 200, state.templates);
    const rendered = /^\/templates\/([^/]+)\/render$/.exec(path);
    if (rendered) {
      const name = decodeURIComponent(rendered[1]);
      const draft = draftOf(name, JSON.parse(body).ids);
      if (draft) return send(response, 200, { draft, warnings: state.templates.warnings?.[name] });
      return send(response, 200, { text: "We are on site." });
    }
    if (path.startsWith("/tickets")) {
      return tickets(request, response, path, body === "" ? undefined : JSON.parse(body));
    }
    const json = body === "" ? undefined : JSON.parse(body);
    if (path === "/events/acknowledge") return acknowledgements(request, response, json);
    if (path.startsWith("/views")) return views(request, response, path, json);
    const about = /^\/(rack|device)s\/(\d+)(\/history)?$/.exec(path);
    if (about?.[3]) {
      return send(response, 200, {
        openings: state.openings.filter((one) => one.rack_id === Number(about[2])),
      });
    }
    if (about) return place(response, about[1], Number(about[2]));
    const past = /^\/events\/([^/]+)\/history$/.exec(path);
    if (past) {
      const key = decodeURIComponent(past[1]);
      return send(response, 200, { key, openings: state.openings.filter((one) => one.key === key) });
    }
    if (path === "/changes") {
      const from = Number(url.searchParams.get("since") ?? Math.max(0, state.changes.length - 100));
      return send(response, 200, { changes: state.changes.slice(from), next: String(state.changes.length) });
    }
    if (path === "/inventory/problems") {
      const kind = url.searchParams.get("kind");
      const counts = {};
      for (const one of state.inventoryProblems) counts[one.kind] = (counts[one.kind] ?? 0) + 1;
      const all = state.inventoryProblems.filter((one) => !kind || one.kind === kind);
      const from = Number(url.searchParams.get("cursor") ?? 0);
      return send(response, 200, {
        inventory_version: state.inventory.version,
        counts,
        problems: all.slice(from, from + 50),
        ...(all.length > from + 50 ? { next: String(from + 50) } : {}),
      });
    }
    if (path.startsWith("/notes")) return notes(request, response, path, json);
    if (path === "/comments" && request.method === "POST") {
      const events = known(json.ids);
      const made = events.map(({ key }) => ({
        id: state.nextComment++,
        event_key: key,
        author: "operator",
        at: stamp(Date.now()),
        text: json.text,
        own: true,
      }));
      state.comments.push(...made);
      send(response, 201, { comments: made, ...unknownOf(json.ids) });
      for (const { key } of events) join3(key);
      return undefined;
    }
    const of = /^\/events\/([^/]+)(\/comments)?$/.exec(path);
    if (of) {
      const key = decodeURIComponent(of[1]);
      const said = state.comments.filter((comment) => comment.event_key === key);
      if (!of[2])
        return send(response, 200, {
          key,
          events: state.snapshot.events.filter((event) => event.key === key),
        });
      if (request.method === "GET") {
        const newest = [...said].reverse();
        const from = Number(url.searchParams.get("cursor") ?? 0);
        return send(response, 200, {
          comments: newest.slice(from, from + 50),
          ...(newest.length > from + 50 ? { next: String(from + 50) } : {}),
        });
      }
      const comment = {
        id: state.nextComment++,
        event_key: key,
        author: "operator",
        at: stamp(Date.now()),
        text: text(),
        own: true,
      };
      state.comments.push(comment);
      send(response, 201, comment, {
        Location: `/api/v1/comments/${comment.id}`,
      });
      return join3(key);
    }
    const one = /^\/comments\/(\d+)$/.exec(path);
    const comment = one && state.comments.find((other) => other.id === Number(one[1]));
    if (!comment) return problem(response, 404, "no such route or comment");
    if (!comment.own) return problem(response, 403, "only its author may change a comment");
    if (request.method === "DELETE") {
      state.comments.splice(state.comments.indexOf(comment), 1);
      send(response, 204);
    } else {
      comment.text = text();
      comment.edited_at = stamp(Date.now());
      send(response, 200, comment);
    }
    return join3(comment.event_key);
  };

  const file = (response, path) => {
    const name = normalize(path === "/" ? "/index.html" : path);
    try {
      const full = join(DIST, name);
      if (!statSync(full).isFile()) throw new Error("not a file");
      response.writeHead(200, {
        "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
      });
      response.end(readFileSync(full));
    } catch {
      response.writeHead(404).end();
    }
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://mock");
    state.requests.push(`${request.method} ${url.pathname}`);
    if (url.pathname.startsWith("/api/")) {
      if (state.down) return request.socket.destroy();
      return void api(request, response, url).catch((error) => problem(response, 400, String(error)));
    }
    return file(response, url.pathname);
  });

  server.on("upgrade", (request, socket) => {
    state.requests.push(`UPGRADE ${request.url}`);
    socket.on("error", () => {});
    if (state.down || state.refuseSockets) return socket.destroy();
    // As production does: one deflated message, the same for everybody.
    const deflated = compress && /permessage-deflate/.test(request.headers["sec-websocket-extensions"] ?? "");
    const extension = deflated
      ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
      : "";
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${extension}\r\n`,
    );
    sockets.add(socket);
    socket.compressed = deflated;
    // Clients send control frames only; a close is all that matters here.
    socket.on("data", (data) => (data[0] & 15) === 8 && socket.end());
    socket.on("close", () => sockets.delete(socket));
    if (state.snapshot) socket.write(messageOf(state.snapshot, deflated));
  });

  /** Publishes a snapshot to every socket. Returns when it was sent, in milliseconds. */
  const push = (snapshot) => {
    state.snapshot = snapshot;
    const messages = new Map();
    for (const { compressed } of sockets) {
      if (!messages.has(compressed)) messages.set(compressed, messageOf(snapshot, compressed));
    }
    const sent = performance.timeOrigin + performance.now();
    for (const socket of sockets) socket.write(messages.get(socket.compressed));
    return sent;
  };

  /** Closes every socket: with a close code, or as if the cable was cut. */
  const cut = (code) => {
    for (const socket of sockets) {
      if (code === undefined) socket.destroy();
      else socket.end(frame(8, Buffer.from([code >> 8, code & 255])));
    }
    sockets.clear();
  };

  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const stop = () => {
    cut();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, state, push, cut, stop, sockets, fate };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, fallback) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(process.argv[at + 1]);
  };
  const site = makeSite({
    racks: option("racks", 420),
    devices: option("devices", 6000),
    events: option("events", 70),
  });
  const mock = await startMock({ port: option("port", 8099), site });
  setInterval(() => mock.push(site.snapshot()), 5000);
  process.stdout.write(`${mock.url}\n`);
}
