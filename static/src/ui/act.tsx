/** What one does about one event or many: acknowledge, comment, copy as text. Tickets have a dialog of their own. */
import { useEffect, useRef, useState } from "preact/hooks";
import { acknowledge, commentOnMany, why, withdraw } from "../api/rest.ts";
import type { HeatEvent } from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import { Choice } from "./choice.tsx";
import { moment } from "./format.ts";
import { Close, closeAround, Modal, Trouble, useFocus } from "./modal.tsx";
import { aboutOf, closeDialog, pickNothing, serverNow, type State, thaw, zoneOf } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import type { Props } from "./top.tsx";
import type { Words } from "./words/index.ts";

const LONGEST = 4000;
const HOUR_MS = 3_600_000;

/** When something ends: after so many hours, with the shift, when it worsens, or never by itself. */
export type End = number | "shift" | "worsens" | "never";

/** What the API calls it. */
export function endOf(end: End, now: number | undefined): { until?: string; until_worsens?: true } {
  if (end === "shift") return { until: "end_of_shift" };
  if (end === "worsens") return { until_worsens: true };
  if (end === "never") return {};
  const time = new Date((now ?? Date.now()) + end * HOUR_MS);
  return { until: `${time.toISOString().slice(0, 19)}Z` };
}

interface EndsProps extends Props {
  readonly offered: readonly End[];
  readonly end: End;
  readonly onPick: (end: End) => void;
}

/** A choice of ends. That of the shift is offered where the site has shifts. */
export function Ends({ offered, end, heat, words, onPick }: EndsProps) {
  const { me } = heat;
  const shift = me?.shift_ends_at;
  const said = (one: End) =>
    one === "shift"
      ? words.act.endOfShift(shift ? moment(words, shift, zoneOf(heat), serverNow(heat), true) : "")
      : typeof one === "number"
        ? one < 48
          ? words.act.hours(one)
          : words.act.days(one / 24)
        : words.act[one];
  return (
    <Choice
      name="end"
      label={words.act.howLong}
      of={offered.filter((one) => one !== "shift" || shift)}
      chosen={end}
      said={said}
      onChoose={onPick}
    />
  );
}

interface SendProps {
  readonly words: Words;
  readonly label: string;
  readonly trouble: string | undefined;
  readonly busy: boolean;
  readonly disabled?: boolean;
}

/** The foot of a form: why it failed, and the button that sends it. */
export function Send({ words, label, trouble, busy, disabled = false }: SendProps) {
  return (
    <>
      <Trouble why={trouble} />
      <footer class="actions">
        <small>{words.ticket.sendsKey}</small>
        <button type="submit" class="primary" disabled={busy || disabled}>
          {busy ? words.ticket.sending : label}
        </button>
        <button type="button" class="second" onClick={closeAround}>
          {words.comments.cancel}
        </button>
      </footer>
    </>
  );
}

/** Sends something once at a time; closes the dialog when it is done. */
export function useSending(words: Words) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const flying = useRef(false);
  const send = async (work: () => Promise<string | undefined | void>) => {
    if (flying.current) return;
    flying.current = true;
    setBusy(true);
    setTrouble(undefined);
    try {
      const more = await work();
      // Whoever has done something wants to see it.
      thaw();
      if (more) setTrouble(more);
      else closeDialog();
    } catch (error) {
      setTrouble(words.ticket.notDone(why(error)));
    }
    flying.current = false;
    setBusy(false);
  };
  return { busy, trouble, send };
}

/** Ctrl+Enter sends the form. */
export function sendByKey(event: KeyboardEvent): void {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  (event.currentTarget as HTMLFormElement).requestSubmit();
}

export function ActDialog({
  heat,
  words,
  kind,
}: Props & { readonly kind: "acknowledge" | "comment" | "copy" }) {
  const seen = aboutOf(heat);
  // From the first sight on the choice of events stands still.
  const [events, setEvents] = useState(seen);
  useEffect(() => {
    if (!events && seen) setEvents(seen);
  }, [events, seen]);
  return (
    <Modal class="act" label={words.act[kind]} onClose={closeDialog}>
      <h2>{words.act[kind]}</h2>
      {events && events.length > 0 ? (
        <>
          <About events={events} heat={heat} words={words} />
          {kind === "acknowledge" ? <Acknowledge events={events} heat={heat} words={words} /> : null}
          {kind === "comment" ? <CommentMany events={events} words={words} /> : null}
          {kind === "copy" ? <Copy events={events} heat={heat} words={words} /> : null}
        </>
      ) : (
        <>
          {events ? <p class="lead">{words.act.nothing}</p> : null}
          <footer class="actions">
            <Close words={words} />
          </footer>
        </>
      )}
    </Modal>
  );
}

const SHOWN = 8;

/** What the dialog is about, the worst of it by name. */
function About({ events, heat, words }: Props & { readonly events: readonly HeatEvent[] }) {
  const palette = PALETTES[heat.taste.palette];
  return (
    <ul class="about" aria-label={words.events(events.length)}>
      {events.slice(0, SHOWN).map((event) => (
        <li key={event.id}>
          <Swatch palette={palette} severity={event.severity} handled={event.handled !== undefined} />
          <span>
            {event.name} <small>{event.host ?? words.event.noHost}</small>
          </span>
        </li>
      ))}
      {events.length > SHOWN ? <li>{words.act.more(words.events(events.length - SHOWN))}</li> : null}
    </ul>
  );
}

interface AboutProps {
  readonly events: readonly HeatEvent[];
}

function Acknowledge({ events, heat, words }: Props & AboutProps) {
  const [end, setEnd] = useState<End>(heat.me?.shift_ends_at ? "shift" : 1);
  const [text, setText] = useState("");
  const field = useFocus<HTMLTextAreaElement>();
  const { busy, trouble, send } = useSending(words);
  const ids = events.map(({ id }) => id);
  const taken = events.filter(({ acknowledged }) => acknowledged?.origin === "heat");
  const done = (unknown: readonly string[] | undefined, count: number) => {
    pickNothing();
    return unknown && unknown.length === count ? words.act.allOver : undefined;
  };
  return (
    <form
      onKeyDown={sendByKey}
      onSubmit={(event) => {
        event.preventDefault();
        void send(async () => {
          const terms = { ...endOf(end, serverNow(heat)), ...(text.trim() ? { text: text.trim() } : {}) };
          return done((await acknowledge({ ids, ...terms })).unknown, ids.length);
        });
      }}
    >
      <Ends offered={[1, "shift", 24, "worsens"]} end={end} heat={heat} words={words} onPick={setEnd} />
      <p class="lead">{end === "worsens" ? words.act.worsensMeaning : words.act.pausesMeaning}</p>
      <label class="field">
        <span>{words.act.why}</span>
        <textarea
          ref={field}
          autofocus
          rows={2}
          maxLength={LONGEST}
          value={text}
          onInput={(e) => setText(e.currentTarget.value)}
        />
      </label>
      {taken.length > 0 ? (
        <button
          type="button"
          class="link"
          disabled={busy}
          onClick={() =>
            void send(async () => done((await withdraw(taken.map(({ id }) => id))).unknown, taken.length))
          }
        >
          {words.act.withdraw} ({words.events(taken.length)})
        </button>
      ) : null}
      <Send words={words} label={words.act.acknowledge} trouble={trouble} busy={busy} />
    </form>
  );
}

function CommentMany({ events, words }: AboutProps & { readonly words: Words }) {
  const [text, setText] = useState("");
  const [onTicket, setOnTicket] = useState(false);
  const field = useFocus<HTMLTextAreaElement>();
  const { busy, trouble, send } = useSending(words);
  const ticketed = events.some(({ ticket }) => ticket?.id !== undefined);
  return (
    <form
      onKeyDown={sendByKey}
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() === "") return;
        void send(async () => {
          await commentOnMany(
            events.map(({ id }) => id),
            text.trim(),
            onTicket,
          );
          pickNothing();
        });
      }}
    >
      <textarea
        ref={field}
        autofocus
        rows={4}
        maxLength={LONGEST}
        value={text}
        aria-label={words.comments.write}
        placeholder={words.comments.write}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {ticketed ? (
        <label class="check">
          <input type="checkbox" checked={onTicket} onChange={(e) => setOnTicket(e.currentTarget.checked)} />
          {words.comments.onTicket(words.ticket.unnamed)}
        </label>
      ) : null}
      <Send
        words={words}
        label={words.comments.send}
        trouble={trouble}
        busy={busy}
        disabled={text.trim() === ""}
      />
    </form>
  );
}

/** Events as lines to paste into a chat or a mail. */
function linesOf(events: readonly HeatEvent[], heat: State, words: Words): string {
  const now = serverNow(heat);
  return events
    .map(({ severity, host, name, since, ticket, opdata }) =>
      [
        `[${words.severity[severity]}] ${host ?? words.event.noHost}: ${name}`,
        ...(opdata ? [opdata] : []),
        moment(words, since, zoneOf(heat), now),
        ...(ticket?.key ? [ticket.key] : []),
      ].join(" · "),
    )
    .join("\n");
}

/** The text is selected and, where the browser lets a page do that, in the clipboard already. */
function Copy({ events, heat, words }: Props & AboutProps) {
  const [text] = useState(() => linesOf(events, heat, words));
  const [copied, setCopied] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const copy = () => {
    box.current?.select();
    // Without https there is no `clipboard`, but the old way still works.
    const done = navigator.clipboard
      ? navigator.clipboard.writeText(text).then(() => true)
      : Promise.resolve(document.execCommand("copy"));
    done.then(setCopied, () => setCopied(false));
  };
  useEffect(copy, []);
  return (
    <>
      <textarea ref={box} rows={8} readOnly value={text} aria-label={words.act.copy} />
      <footer class="actions">
        <small role="status">{copied ? words.act.copied : ""}</small>
        <button type="button" class="primary" onClick={copy}>
          {words.act.copy}
        </button>
        <Close words={words} />
      </footer>
    </>
  );
}
