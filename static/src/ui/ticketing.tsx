/** The ticket dialog: ask for a ticket on what is selected, and see what becomes of it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { addToTicket, createTicket, listTemplates, Refusal, renderTemplate, why } from "../api/rest.ts";
import type { Covered, HeatEvent, Rendered, Templates, TicketDraft, TicketRequest } from "../core/model.ts";
import {
  BLANK,
  coverOf,
  type Form,
  handOpened,
  idsOf,
  type Means,
  requestOf,
  templatesInOrder,
  wayOf,
} from "../core/ticket.ts";
import { subject } from "../core/url.ts";
import { sendByKey } from "./act.tsx";
import { Modal, Trouble } from "./modal.tsx";
import { aboutOf, closeDialog, pickNothing } from "./state.ts";
import { Follow, type Sent } from "./ticket-fate.tsx";
import { ByHand, Choice, Fields, Foot, Members, TemplateOptions, Warnings } from "./ticket-form.tsx";
import type { Props } from "./top.tsx";

/** A preview is asked for this long after the last change, in milliseconds. */
const PREVIEW_AFTER_MS = 200;

/** What is filled in and not sent, by what is selected: it survives closing the dialog and coming back. */
const forms = new Map<string, Form>();

/** A request of which nobody knows whether it arrived. Sent again by its name, it makes no second ticket. */
interface Unanswered {
  readonly request: TicketRequest;
  readonly name: string;
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
function usePreview(name: string | undefined, ids: readonly string[], { heat, words }: Props) {
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
    // What failed is asked for again with each picture: by then the server, or the events, may be others.
  }, [wanted, words, preview.trouble && heat.frame?.revision]);
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
  const preview = usePreview(means.kind === "template" ? means.name : undefined, ids, { heat, words });
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
    return {
      request: requestOf(kept, means, draft, cover, way),
      name: crypto.getRandomValues(new Uint32Array(4)).join("-"),
    };
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
