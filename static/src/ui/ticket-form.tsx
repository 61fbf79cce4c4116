/** The parts of the form by which a ticket is asked for, or mended. */
import type { ComponentChildren } from "preact";
import type { Covered, HeatEvent, Rendered, Templates, TicketDraft } from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import {
  type Cover,
  editsOf,
  type Form,
  isOwn,
  openTicketOf,
  type Typed,
  type Way,
  waysOf,
  type Writable,
} from "../core/ticket.ts";
import { Close, Trouble } from "./modal.tsx";
import { Swatch } from "./swatch.tsx";
import { TicketKey } from "./ticket.tsx";
import type { Props } from "./top.tsx";
import type { Words } from "./words/index.ts";

const LONGEST_SUMMARY = 255;

export function Foot({ words, children }: { readonly words: Words; readonly children?: ComponentChildren }) {
  return (
    <footer class="actions">
      {children}
      <Close words={words} />
    </footer>
  );
}

interface OptionsProps {
  readonly templates: Templates;
  readonly names: readonly string[];
  readonly fitting: number;
  readonly words: Words;
}

export function TemplateOptions({ templates, names, fitting, words }: OptionsProps) {
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
export function Choice({ cover, way, words, onPick }: ChoiceProps) {
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

export function Fields({ draft, typed, words, onType, busy = false }: FieldsProps) {
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

export function Warnings({ preview }: { readonly preview: { rendered?: Rendered; trouble?: string } }) {
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

export function ByHand({ link, words }: { readonly link: string | undefined; readonly words: Words }) {
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
export function Members({ events, gone, form, told, heat, words, onPick }: MembersProps) {
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
