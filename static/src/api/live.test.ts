import { describe, expect, test } from "vitest";
import { backOff, keepLine, type Polled, type Socket } from "./live.ts";
import type { Line } from "./protocol.ts";

/** A line with a clock that only moves when told, and sockets that only do what they are told. */
function stage(answer: () => Polled = () => ({ kind: "text", text: "by http" })) {
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  const sockets: (Socket & { closed: boolean; openedAt: number })[] = [];
  const delivered: string[] = [];
  const lines: (readonly [Line, string | undefined])[] = [];
  let polls = 0;
  const reconnect = keepLine({
    open: () => {
      const socket = {
        onopen: null,
        onmessage: null,
        onclose: null,
        closed: false,
        openedAt: now,
        close: () => {},
      };
      socket.close = () => {
        socket.closed = true;
      };
      sockets.push(socket);
      return socket;
    },
    poll: async () => {
      polls++;
      return answer();
    },
    deliver: (text) => delivered.push(text),
    changed: (line, trouble) => lines.push([line, trouble]),
    connected: () => {},
    after: (milliseconds, run) => {
      const timer = { at: now + milliseconds, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    random: () => 0.5,
  });
  const pass = async (milliseconds: number) => {
    const until = now + milliseconds;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      timers = timers.filter((timer) => timer !== next);
      now = next.at;
      next.run();
    }
    now = until;
  };
  const last = () => sockets.at(-1) as (typeof sockets)[number];
  const say = (text: string) => last().onmessage?.({ data: text });
  return {
    sockets,
    delivered,
    lines,
    pass,
    last,
    say,
    reconnect,
    polls: () => polls,
    now: () => now,
    line: () => lines.at(-1)?.[0],
  };
}

describe("the line", () => {
  test("whose handshake hangs is fetched by HTTP at once, and tried again", async () => {
    const line = stage();
    const first = line.last();
    await line.pass(3_900);
    expect([line.polls(), line.sockets.length]).toEqual([0, 1]);
    await line.pass(100);
    expect([line.polls(), first.closed, line.line()]).toEqual([1, true, "polling"]);
    expect(line.delivered).toEqual(["by http"]);
    await line.pass(1_000);
    expect(line.sockets.length).toBe(2);
    line.last().onopen?.();
    line.say("live again");
    expect(line.line()).toBe("live");
    await line.pass(20_000);
    expect(line.sockets.length).toBe(2);
  });

  test("is live from the first message on, and hands on each", () => {
    const line = stage();
    line.last().onopen?.();
    expect(line.line()).toBeUndefined();
    line.say("one");
    line.say("two");
    expect(line.delivered).toEqual(["one", "two"]);
    expect(line.lines).toEqual([["live", undefined]]);
  });

  test("comes back within a second after a cut, and at once when the server says it goes away", async () => {
    const line = stage();
    line.say("one");
    line.last().onclose?.({ code: 1006 });
    await line.pass(1000);
    expect(line.sockets).toHaveLength(2);
    line.say("two");
    line.last().onclose?.({ code: 1012 });
    await line.pass(0);
    expect(line.sockets).toHaveLength(3);
  });

  test("does not storm a server that sends everybody away", async () => {
    const line = stage();
    line.say("one");
    for (let i = 0; i < 5; i++) {
      line.last().onclose?.({ code: 1012 });
      await line.pass(0);
    }
    expect(line.sockets).toHaveLength(2);
  });

  test("waits longer and longer, at most 30 seconds, when nobody answers", async () => {
    const line = stage();
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const closed = line.now();
      line.last().onclose?.({ code: 1006 });
      while (line.last().openedAt <= closed && line.now() < closed + 60_000) await line.pass(100);
      waits.push(line.last().openedAt - closed);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect([waits[0], waits[1], waits.at(-1)]).toEqual([500, 1_500, 15_500]);
    expect(backOff(0, 0.99)).toBeLessThan(1000);
    expect(backOff(20, 0.999)).toBeLessThanOrEqual(30_000);
    expect(backOff(1, 0)).toBe(1000);
  });

  test("fetches the picture by HTTP while no socket can be had, and stops when one can", async () => {
    const line = stage();
    line.last().onclose?.({ code: 1006 });
    await line.pass(1000);
    line.last().onclose?.({ code: 1006 });
    await line.pass(1);
    expect(line.delivered).toEqual(["by http"]);
    expect(line.line()).toBe("polling");
    await line.pass(2000);
    line.say("by socket");
    expect(line.line()).toBe("live");
    const polls = line.polls();
    await line.pass(49_000);
    expect(line.polls()).toBe(polls);
  });

  test("says why there is no picture, and that a login is wanted", async () => {
    const failing = stage(() => ({ kind: "failed", reason: "no snapshot yet" }));
    const refused = stage(() => ({ kind: "refused" }));
    for (const line of [failing, refused]) {
      line.last().onclose?.({ code: 1006 });
      await line.pass(1000);
      line.last().onclose?.({ code: 1006 });
      await line.pass(1);
    }
    expect(failing.lines.at(-1)).toEqual(["connecting", "no snapshot yet"]);
    expect(refused.line()).toBe("refused");
  });

  test("takes a socket that says nothing for dead", async () => {
    const line = stage();
    line.say("one");
    await line.pass(49_000);
    expect(line.sockets).toHaveLength(1);
    await line.pass(3_000);
    expect(line.sockets[0]?.closed).toBe(true);
    expect(line.sockets).toHaveLength(2);
  });

  test("connects at once when asked to", async () => {
    const line = stage(() => ({ kind: "failed", reason: "away" }));
    for (let i = 0; i < 6; i++) {
      line.last().onclose?.({ code: 1006 });
      await line.pass(30_000);
    }
    line.last().onclose?.({ code: 1006 });
    const before = line.sockets.length;
    line.reconnect();
    expect(line.sockets).toHaveLength(before + 1);
  });

  test("never has two sockets at once", async () => {
    const line = stage();
    line.say("one");
    const old = line.last();
    line.last().onclose?.({ code: 1006 });
    await line.pass(1000);
    line.say("two");
    line.reconnect();
    expect(line.sockets.filter((socket) => !socket.closed && socket !== old)).toHaveLength(1);
  });
});
