/** The ticket dialog: ask for a ticket on what is selected, and see what becomes of it. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import {
  addToTicket,
  createTicket,
  editTicket,
  listTemplates,
  Refusal,
  renderTemplate,
  retryTicket,
  showTicket,
  why,
} from "../api/rest.ts";
import type {
  Covered,
  HeatEvent,
  Rendered,
  Templates,
  Ticket,
  TicketDraft,
  TicketRequest,
} from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import {
  BLANK,
  type Cover,
  coverOf,
  editsOf,
  type Form,
  handOpened,
  idsOf,
  isOwn,
  type Means,
  openTicketOf,
  requestOf,
  templatesInOrder,
  type Typed,
  type Way,
  wayOf,
  waysOf,
  type Writable,
} from "../core/ticket.ts";
import { subject } from "../core/url.ts";
import { sendByKey } from "./act.tsx";
import { moment } from "./format.ts";
import { Close, Modal, Trouble } from "./modal.tsx";
import { aboutOf, closeDialog, pickNothing, serverNow, zoneOf } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import { TicketKey } from "./ticket.tsx";
import type { Props } from "./top.tsx";
import type { Words } from "./words/index.ts";

/** A preview is asked for this long after the last change, in milliseconds. */
const PREVIEW_AFTER_MS = 200;
const LONGEST_SUMMARY = 255;
/** Time to read the key of a new ticket before the dialog closes itself. */
const READ_MS = 4000;

/** What is filled in and not sent, by what is selected: it survives closing the dialog and coming back. */
const forms = new Map<string, Form>();

/** A request of which nobody knows whether it arrived. Sent again by its name, it makes no second ticket. */
interface Unanswered {
  readonly request: TicketRequest;
  readonly name: string;
}

interface Sent {
  readonly id: number;
  /** It was there before, and got so many events. */
  readonly added?: number;
}

export function Ticketing({ heat, words, id }: Props & { readonly id: number | undefined }) {
  const [sent, setSent] = useState<Sent | undefined>(id === undefined ? undefined : { id });
  return (
    <Modal class="ticketing" label={words.ticket.title} onClose={closeDialog}>
      {sent ? (
        <Follow heat={heat} words={words} sent={sent} />
      ) : (
        <Gather
          heat={heat}
          words={words}
          onSent={(made) => {
            pickNothing();
            setSent(made);
          }}
        />
      )}
    </Modal>
  );
}

function Foot({ words, children }: { readonly words: Words; readonly children?: ComponentChildren }) {
  return (
    <footer class="actions">
      {children}
      <Close words={words} />
    </footer>
  );
}

interface AskProps extends Props {
  readonly onSent: (sent: Sent) => void;
}

/** Waits for the events and the templates; from then on the choice of events stands still. */
function Gather({ heat, words, onSent }: AskProps) {
  const seen = aboutOf(heat);
  const [events, setEvents] = useState(seen);
  const [templates, setTemplates] = useState<Templates | undefined>(undefined);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!events && seen) setEvents(seen);
  }, [events, seen]);
  useEffect(() => {
    if (!events || events.length === 0) return;
    setTrouble(undefined);
    listTemplates(events.map((event) => event.id)).then(setTemplates, (error: unknown) =>
      setTrouble(words.ticket.notReady(why(error))),
    );
  }, [events, attempt, words]);

  if (events && templates?.tracker && events.length > 0) {
    return <Ask heat={heat} words={words} onSent={onSent} events={events} templates={templates} />;
  }
  return (
    <>
      <h2>{words.ticket.title}</h2>
      {events?.length === 0 ? <p class="lead">{words.ticket.noEvents}</p> : null}
      {templates && !templates.tracker ? (
        <div data-state="noTracker">
          <p>{words.ticket.noTracker}</p>
          <p class="lead">{words.ticket.noTrackerHint}</p>
        </div>
      ) : null}
      <Trouble why={trouble} />
      <Foot words={words}>
        {trouble ? (
          <button type="button" class="primary" onClick={() => setAttempt(attempt + 1)}>
            {words.ticket.again}
          </button>
        ) : null}
      </Foot>
    </>
  );
}

/** What a template says about these events, by the server's own renderer. */
function usePreview(name: string | undefined, ids: readonly string[], words: Words) {
  const wanted = JSON.stringify([name, ids]);
  const [preview, setPreview] = useState<{ of: string; rendered?: Rendered; trouble?: string }>({ of: "" });
  useEffect(() => {
    if (name === undefined || ids.length === 0) return;
    let current = true;
    const timer = setTimeout(() => {
      renderTemplate(name, ids).then(
        (rendered) => current && setPreview({ of: wanted, rendered }),
        (error: unknown) => current && setPreview({ of: wanted, trouble: words.ticket.notReady(why(error)) }),
      );
    }, PREVIEW_AFTER_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [wanted, words]);
  // The last one stays while the next is made, so that nothing jumps; it counts only for what it was made of.
  return { ...preview, current: preview.of === wanted };
}

interface FilledProps extends AskProps {
  readonly events: readonly HeatEvent[];
  readonly templates: Templates;
}

function Ask({ heat, words, onSent, events, templates }: FilledProps) {
  const [drafted] = useState(() =>
    JSON.stringify(heat.picked.size > 0 ? [...heat.picked] : (heat.view.event ?? subject(heat.view))),
  );
  const [form, setForm] = useState<Form>(forms.get(drafted) ?? BLANK);
  const [told, setTold] = useState<readonly Covered[]>([]);
  const [unanswered, setUnanswered] = useState<Unanswered | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  /** Told at once, which the state is not: a double click must not ask for two tickets. */
  const flying = useRef(false);
  const filled = useRef<HTMLFormElement>(null);
  useEffect(
    () =>
      filled.current?.querySelector<HTMLElement>("input:checked[type=radio], .ways input, select")?.focus(),
    [],
  );
  const fill = (part: Partial<Form>) => {
    const next = { ...form, ...part };
    setForm(next);
    setUnanswered(undefined);
    forms.set(drafted, next);
  };

  const seen = aboutOf(heat);
  const bySight = new Map(seen?.map((event) => [event.id, event]));
  const current = events.map((event) => bySight.get(event.id) ?? event);
  const cover = coverOf(
    current.filter((event) => !form.without.has(event.id)),
    told,
  );
  const way = wayOf(cover, form.way);
  const ids = idsOf(cover, way);

  const { names, fitting } = templatesInOrder(
    templates.tickets.map(({ name }) => name),
    templates.best ?? [],
  );
  const first = names[0];
  const means: Means =
    form.means ?? (first !== undefined && fitting > 0 ? { kind: "template", name: first } : { kind: "own" });
  const preview = usePreview(means.kind === "template" ? means.name : undefined, ids, words);
  const draft: Partial<TicketDraft> = (means.kind === "template" && preview.rendered?.draft) || {};
  const shown = { ...draft, ...form.typed };
  const { tracker } = templates;
  const byHand = tracker?.kind === "link";
  const needsKey = byHand || means.kind === "existing";
  const adds = way?.kind === "add" ? way.to : undefined;
  const ready =
    ids.length > 0 &&
    (adds !== undefined ||
      ((!needsKey || form.existing.trim() !== "") &&
        (means.kind !== "template" || (preview.current && preview.rendered !== undefined)) &&
        (means.kind === "existing" || (shown.queue?.trim() && shown.summary?.trim()))));

  const asked = (): Unanswered => {
    const kept = { ...form, existing: needsKey ? form.existing : "" };
    return { request: requestOf(kept, means, draft, cover, way), name: crypto.randomUUID() };
  };
  const send = async () => {
    if (flying.current || !(ready || unanswered)) return;
    flying.current = true;
    setBusy(true);
    setTrouble(undefined);
    const asking = unanswered ?? (adds === undefined ? asked() : undefined);
    setUnanswered(undefined);
    try {
      if (asking) onSent({ id: (await createTicket(asking.request, asking.name)).id });
      else if (adds !== undefined) onSent({ id: (await addToTicket(adds, ids)).id, added: ids.length });
      forms.delete(drafted);
    } catch (error) {
      if (!(error instanceof Refusal) || error.status === 0 || error.status >= 500) setUnanswered(asking);
      if (error instanceof Refusal && error.covered.length > 0) {
        setTold(error.covered);
        setTrouble(words.ticket.taken);
      } else {
        setTrouble(words.ticket.notDone(why(error)));
      }
    }
    flying.current = false;
    setBusy(false);
  };

  return (
    <form
      ref={filled}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
      onKeyDown={sendByKey}
    >
      <h2>{words.ticket.title}</h2>
      <div class="halves">
        <div class="half">
          {tracker?.error ? <p class="warning">{words.ticket.trackerError(tracker.error)}</p> : null}
          <Choice cover={cover} way={way} words={words} onPick={(picked) => fill({ way: picked })} />
          {adds === undefined ? (
            <>
              <label class="field">
                <span>{words.ticket.template}</span>
                <select
                  value={means.kind === "template" ? `template:${means.name}` : means.kind}
                  onChange={(event) => fill({ means: meansOf(event.currentTarget.value) })}
                >
                  <TemplateOptions templates={templates} names={names} fitting={fitting} words={words} />
                </select>
              </label>
              {means.kind === "existing" ? null : (
                <Fields
                  draft={draft}
                  typed={form.typed}
                  words={words}
                  onType={(typed) => fill({ typed })}
                  busy={means.kind === "template" && !preview.current && ids.length > 0}
                />
              )}
              {preview.current && means.kind === "template" ? <Warnings preview={preview} /> : null}
              {byHand && means.kind !== "existing" ? (
                <ByHand link={handOpened(tracker?.link, shown)} words={words} />
              ) : null}
              {needsKey ? (
                <label class="field">
                  <span>{words.ticket.key}</span>
                  <input
                    value={form.existing}
                    maxLength={100}
                    placeholder="NOC-77"
                    onInput={(event) => fill({ existing: event.currentTarget.value })}
                  />
                </label>
              ) : null}
            </>
          ) : null}
        </div>
        <Members
          events={current}
          gone={(event) => seen !== undefined && !bySight.has(event.id)}
          form={form}
          heat={heat}
          words={words}
          told={told}
          onPick={(without) => fill({ without })}
        />
      </div>
      <Trouble why={trouble} />
      <Foot words={words}>
        <small>{ids.length > 0 ? words.ticket.sendsKey : words.ticket.nothingChosen}</small>
        <button type="submit" class="primary" disabled={busy || !(ready || unanswered)}>
          {busy
            ? words.ticket.sending
            : unanswered
              ? words.ticket.again
              : adds !== undefined
                ? words.ticket.add
                : needsKey
                  ? words.ticket.attach
                  : words.ticket.create}
        </button>
      </Foot>
    </form>
  );
}

function meansOf(value: string): Means {
  if (value === "own" || value === "existing") return { kind: value };
  return { kind: "template", name: value.slice("template:".length) };
}

interface OptionsProps {
  readonly templates: Templates;
  readonly names: readonly string[];
  readonly fitting: number;
  readonly words: Words;
}

function TemplateOptions({ templates, names, fitting, words }: OptionsProps) {
  const titles = new Map(templates.tickets.map(({ name, title }) => [name, title]));
  const options = (some: readonly string[]) =>
    some.map((name) => (
      <option key={name} value={`template:${name}`}>
        {titles.get(name)}
      </option>
    ));
  return (
    <>
      {fitting > 0 ? (
        <optgroup label={words.ticket.fitting}>{options(names.slice(0, fitting))}</optgroup>
      ) : null}
      {names.length > fitting ? (
        <optgroup label={words.ticket.others}>{options(names.slice(fitting))}</optgroup>
      ) : null}
      <optgroup label={words.ticket.without}>
        <option value="own">{words.ticket.own}</option>
        <option value="existing">{words.ticket.existing}</option>
      </optgroup>
    </>
  );
}

interface ChoiceProps {
  readonly cover: Cover;
  readonly way: Way | undefined;
  readonly words: Words;
  readonly onPick: (way: Way) => void;
}

/** What to do where open tickets cover some of the events. */
function Choice({ cover, way, words, onPick }: ChoiceProps) {
  const ways = waysOf(cover);
  if (ways.length === 0) return null;
  const nameOfTaker = (id: number) => cover.takers.find((taker) => taker.id === id)?.key ?? `#${id}`;
  const covered = cover.takers.reduce((sum, { ids }) => sum + ids.length, 0);
  const all = words.events(covered + cover.free.length);
  const others = words.events(cover.free.length);
  return (
    <fieldset class="ways">
      <legend>
        {cover.takers.map((taker) => (
          <span key={taker.id}>
            <TicketKey ticket={taker} /> {words.ticket.covers(words.events(taker.ids.length))}
          </span>
        ))}
      </legend>
      {ways.map((offered) => (
        <label key={`${offered.kind}${offered.kind === "add" ? offered.to : ""}`} class="check">
          <input
            type="radio"
            name="way"
            checked={
              way?.kind === offered.kind &&
              (way.kind !== "add" || offered.kind !== "add" || way.to === offered.to)
            }
            onChange={() => onPick(offered)}
          />
          {offered.kind === "add"
            ? words.ticket.addTo(others, nameOfTaker(offered.to))
            : offered.kind === "others"
              ? words.ticket.forOthers(others)
              : words.ticket.forAll(all)}
        </label>
      ))}
    </fieldset>
  );
}

interface FieldsProps {
  readonly draft: Partial<TicketDraft>;
  readonly typed: Typed;
  readonly words: Words;
  readonly onType: (typed: Typed) => void;
  /** The words are being made. */
  readonly busy?: boolean;
}

function Fields({ draft, typed, words, onType, busy = false }: FieldsProps) {
  const value = (field: Writable) => typed[field] ?? draft[field] ?? "";
  const type = (field: Writable) => (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) =>
    onType({ ...typed, [field]: event.currentTarget.value });
  const edited = Object.keys(editsOf(draft, typed)).length > 0 && draft.queue !== undefined;
  const fixed = fixedOf(draft, words);
  return (
    <div class="fields" aria-busy={busy}>
      <label class="field">
        <span>{words.ticket.summary}</span>
        <input value={value("summary")} maxLength={LONGEST_SUMMARY} onInput={type("summary")} />
      </label>
      <label class="field">
        <span>{words.ticket.description}</span>
        <textarea rows={12} value={value("description")} onInput={type("description")} />
      </label>
      <div class="thirds">
        {(["queue", "type", "priority"] as const).map((field) => (
          <label key={field} class="field">
            <span>{words.ticket[field]}</span>
            <input value={value(field)} onInput={type(field)} />
          </label>
        ))}
      </div>
      {fixed || edited ? (
        <p class="fixed">
          <small>{fixed}</small>
          {edited ? (
            <button type="button" class="link" onClick={() => onType({})}>
              {words.ticket.unedit}
            </button>
          ) : null}
        </p>
      ) : null}
    </div>
  );
}

/** What else a template sets, in a line. */
function fixedOf(draft: Partial<TicketDraft>, words: Words): string {
  const list = (name: string, values: readonly string[] | undefined) =>
    values && values.length > 0 ? [`${name}: ${values.join(", ")}`] : [];
  return [
    ...list(words.ticket.assignee, draft.assignee ? [draft.assignee] : []),
    ...list(words.ticket.followers, draft.followers),
    ...list(words.ticket.components, draft.components),
    ...list(words.ticket.tags, draft.tags),
    ...Object.entries(draft.fields ?? {}).map(
      ([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
    ),
  ].join(" · ");
}

function Warnings({ preview }: { readonly preview: { rendered?: Rendered; trouble?: string } }) {
  return (
    <>
      {preview.rendered?.warnings?.map((warning) => (
        <p key={warning} class="warning">
          {warning}
        </p>
      ))}
      <Trouble why={preview.trouble} />
    </>
  );
}

function ByHand({ link, words }: { readonly link: string | undefined; readonly words: Words }) {
  return (
    <p class="by-hand">
      {link ? (
        <a class="wide" href={link} target="_blank" rel="noreferrer">
          {words.ticket.openByHand}
        </a>
      ) : (
        <span class="why">{words.ticket.noLink}</span>
      )}
      <small>{words.ticket.thenKey}</small>
    </p>
  );
}

interface MembersProps extends Props {
  readonly events: readonly HeatEvent[];
  readonly gone: (event: HeatEvent) => boolean;
  readonly form: Form;
  readonly told: readonly Covered[];
  readonly onPick: (without: ReadonlySet<string>) => void;
}

/** Which events the ticket is for. */
function Members({ events, gone, form, told, heat, words, onPick }: MembersProps) {
  const palette = PALETTES[heat.taste.palette];
  const chosen = events.filter((event) => !form.without.has(event.id)).length;
  const takenBy = new Map(told.map(({ id, ticket }) => [id, ticket]));
  const toggle = (id: string) => {
    const without = new Set(form.without);
    if (!without.delete(id)) without.add(id);
    onPick(without);
  };
  return (
    <fieldset class="members">
      <legend>{words.ticket.members(words.number(chosen), words.number(events.length))}</legend>
      {events.length > 1 ? (
        <button
          type="button"
          class="link"
          onClick={() => onPick(chosen > 0 ? new Set(events.map(({ id }) => id)) : new Set())}
        >
          {chosen > 0 ? words.ticket.none : words.ticket.all}
        </button>
      ) : null}
      <ul>
        {events.map((event) => {
          const foreign = event.ticket && !isOwn(event.ticket) ? event.ticket : undefined;
          const ticket = openTicketOf(event) ?? takenBy.get(event.id) ?? foreign;
          return (
            <li key={event.id}>
              <label class={gone(event) ? "check gone" : "check"}>
                <input
                  type="checkbox"
                  checked={!form.without.has(event.id)}
                  onChange={() => toggle(event.id)}
                />
                <Swatch
                  palette={palette}
                  severity={event.severity}
                  handled={event.handled !== undefined}
                  title={words.severity[event.severity] ?? ""}
                />
                <span>
                  {event.name}
                  <small>
                    {event.host ?? words.event.noHost}
                    {gone(event) ? ` · ${words.ticket.over}` : ""}
                    {ticket ? ` · ⚑ ${ticket.key ?? `#${ticket.id}`}` : ""}
                  </small>
                </span>
              </label>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}

/** What becomes of a ticket. It is read again whenever the picture says that something has changed. */
function Follow({ heat, words, sent }: Props & { readonly sent: Sent }) {
  const [ticket, setTicket] = useState<Ticket | undefined>(undefined);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const [typed, setTyped] = useState<Typed>({});
  const [busy, setBusy] = useState(false);
  const shown = useRef<HTMLFormElement>(null);
  useEffect(() => shown.current?.querySelector<HTMLElement>("footer button")?.focus(), []);
  // What was asked for is there: nothing is left to do here, once it was read.
  const done = ticket?.key !== undefined && (ticket.state === "created" || sent.added !== undefined);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(closeDialog, READ_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const seen = aboutOf(heat)?.find((event) => event.ticket?.id === sent.id)?.ticket;
  // Where its events are over, no picture speaks of it, and each one may mean news until it is settled.
  const settled = ticket?.key !== undefined && ticket.state !== "pending";
  const news = seen
    ? `${seen.state} ${seen.key} ${seen.error}`
    : settled
      ? "settled"
      : String(heat.frame?.revision);
  useEffect(() => {
    let current = true;
    showTicket(sent.id).then(
      (answer) => {
        if (!current) return;
        setTicket(answer);
        setTrouble(undefined);
      },
      (error: unknown) => current && setTrouble(words.ticket.notReady(why(error))),
    );
    return () => {
      current = false;
    };
  }, [sent.id, news, words]);

  const again = async () => {
    if (!ticket || busy) return;
    setBusy(true);
    setTrouble(undefined);
    try {
      const edits = editsOf(ticket.draft, typed);
      let answer = ticket;
      if (Object.keys(edits).length > 0) answer = await editTicket(ticket.id, edits);
      if (answer.state === "failed") answer = await retryTicket(ticket.id);
      setTicket(answer);
      setTyped({});
    } catch (error) {
      setTrouble(words.ticket.notDone(why(error)));
    }
    setBusy(false);
  };

  const waits = ticket?.state === "failed" || (ticket?.state === "pending" && Boolean(ticket.error));
  const mendable = waits && ticket?.editable === true;
  const edited = ticket !== undefined && Object.keys(editsOf(ticket.draft, typed)).length > 0;
  return (
    <form
      ref={shown}
      onSubmit={(event) => {
        event.preventDefault();
        void again();
      }}
    >
      <h2>{words.ticket.title}</h2>
      <div role="status" class="standing" data-standing={ticket?.state ?? "pending"}>
        <Fate ticket={ticket} sent={sent} heat={heat} words={words} />
      </div>
      {mendable ? <Fields draft={ticket.draft} typed={typed} words={words} onType={setTyped} /> : null}
      <Trouble why={trouble} />
      <Foot words={words}>
        {ticket?.state === "failed" || (mendable && edited) ? (
          <button type="submit" class="primary" disabled={busy}>
            {edited ? words.ticket.saveAndSend : words.ticket.retry}
          </button>
        ) : null}
      </Foot>
    </form>
  );
}

interface FateProps extends Props {
  readonly ticket: Ticket | undefined;
  readonly sent: Sent;
}

function Fate({ ticket, sent, heat, words }: FateProps) {
  if (ticket?.key && (ticket.state === "created" || sent.added !== undefined)) {
    return (
      <p class="done">
        <TicketKey ticket={ticket} />{" "}
        {sent.added === undefined
          ? (ticket.status ?? words.ticket.created)
          : words.ticket.added(words.events(sent.added))}
      </p>
    );
  }
  if (ticket?.state === "failed") {
    return (
      <>
        <p class="why">{words.ticket.failed(ticket.error ?? "")}</p>
        <p class="lead">{ticket.editable ? words.ticket.mend : words.ticket.mendThere}</p>
      </>
    );
  }
  if (ticket?.state === "closed") {
    return (
      <p>
        <TicketKey ticket={ticket} /> {words.ticket.closed}
      </p>
    );
  }
  const zone = zoneOf(heat);
  return (
    <>
      <p class="creating">{words.ticket.creatingLong}</p>
      {ticket?.error ? (
        <p class="warning">
          {words.ticket.retrying(ticket.error)}
          {ticket.next_attempt_at
            ? ` ${words.ticket.nextAttempt(moment(words, ticket.next_attempt_at, zone, serverNow(heat)))}`
            : ""}
        </p>
      ) : (
        <p class="lead">{words.ticket.mayClose}</p>
      )}
    </>
  );
}
