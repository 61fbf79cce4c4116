/** The templates of tickets and comments: which commit is in use, why a newer one is not, and what they say. */
import { useEffect, useState } from "preact/hooks";
import { listTemplates, renderTemplate, why } from "../api/rest.ts";
import type { Rendered, Templates } from "../core/model.ts";
import { moment, since } from "./format.ts";
import { Close, Modal } from "./modal.tsx";
import { aboutOf, change, closeDialog, mayAct, openDialog, serverNow, type State, zoneOf } from "./state.ts";
import type { Props } from "./top.tsx";
import type { Words } from "./words/index.ts";

/** How often the page asks how the templates are, in milliseconds: the picture tells only of a new commit in use. */
const LOOK_EVERY_MS = 60_000;

/** Keeps the state's `templates` up to date. */
export function useTemplates({ me, frame }: State): void {
  const known = me !== undefined;
  const version = frame?.templatesVersion;
  useEffect(() => {
    if (!known) return;
    // A look that fails leaves what was known.
    const look = () =>
      void listTemplates().then(
        (templates) => change({ templates, templatesTrouble: undefined }),
        (error: unknown) => change({ templatesTrouble: why(error) }),
      );
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [known, version]);
}

/** What is wrong with the templates in a word, and in full. */
function troubleOf(templates: Templates | undefined, words: Words) {
  if (templates?.rejected || templates?.error) {
    return { word: words.templates.rejected, reason: templates.error ?? words.templates.rejected };
  }
  return templates?.pull_error
    ? { word: words.templates.notPulled, reason: templates.pull_error }
    : undefined;
}

export function TemplatesChip({ heat, words }: Props) {
  const { templates, frame } = heat;
  const version = frame?.templatesVersion ?? templates?.version;
  const trouble = troubleOf(templates, words);
  if (!version && !trouble) return null;
  return (
    <button
      type="button"
      id="templates"
      class={trouble ? "chip late" : "chip fresh"}
      aria-haspopup="dialog"
      title={trouble?.reason ?? templates?.subject ?? words.templates.title}
      onClick={() => openDialog({ kind: "templates" })}
    >
      <i aria-hidden="true" />
      <span>{words.source.templates}</span>
      <b>{version?.slice(0, 7) ?? "–"}</b>
      {trouble ? <em>{trouble.word}</em> : null}
    </button>
  );
}

export function TemplatesDialog({ heat, words }: Props) {
  const { templates } = heat;
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  return (
    <Modal class="templates" label={words.templates.title} onClose={closeDialog}>
      <h2>{words.templates.title}</h2>
      {heat.templatesTrouble ? <p class="why">{words.templates.notLoaded(heat.templatesTrouble)}</p> : null}
      {templates ? (
        <>
          <Commit templates={templates} heat={heat} words={words} />
          <div class="halves">
            <div class="names">
              <Names
                title={words.templates.tickets}
                of={templates.tickets}
                chosen={chosen}
                onChoose={setChosen}
              />
              <Names
                title={words.templates.comments}
                of={templates.comments}
                chosen={chosen}
                onChoose={setChosen}
              />
              {templates.tickets.length + templates.comments.length === 0 ? (
                <p class="lead">{words.templates.none}</p>
              ) : null}
            </div>
            <Preview name={chosen} heat={heat} words={words} />
          </div>
        </>
      ) : null}
      <footer class="actions">
        <Close words={words} />
      </footer>
    </Modal>
  );
}

function Commit({ templates, heat, words }: Props & { readonly templates: Templates }) {
  const now = serverNow(heat);
  const zone = zoneOf(heat);
  const when = (time: string) => `${moment(words, time, zone, now)} · ${words.ago(since(words, time, now))}`;
  const { tracker } = templates;
  return (
    <>
      <dl class="facts">
        <dt>{words.templates.commit}</dt>
        <dd>
          {templates.version ? <code>{templates.version.slice(0, 12)}</code> : words.templates.noCommit}{" "}
          {templates.subject}
        </dd>
        {templates.committed_at ? (
          <>
            <dt>{words.templates.committed}</dt>
            <dd>{when(templates.committed_at)}</dd>
          </>
        ) : null}
        {templates.pulled_at ? (
          <>
            <dt>{words.templates.pulled}</dt>
            <dd>{when(templates.pulled_at)}</dd>
          </>
        ) : null}
        <dt>{words.templates.tracker}</dt>
        <dd>
          {tracker
            ? [
                tracker.kind,
                ...(tracker.pending > 0 ? [words.templates.pending(words.number(tracker.pending))] : []),
                ...(tracker.failed > 0 ? [words.templates.failed(words.number(tracker.failed))] : []),
              ].join(" · ")
            : words.ticket.noTracker}
          {tracker?.error ? <span class="why"> {tracker.error}</span> : null}
        </dd>
      </dl>
      {templates.pull_error ? (
        <p class="warning">
          {words.templates.notPulled}: {templates.pull_error}
        </p>
      ) : null}
      {templates.rejected || templates.error ? (
        <div class="warning">
          {words.templates.rejectedLong(templates.rejected?.slice(0, 12) ?? "")}
          {templates.error ? <pre tabIndex={0}>{templates.error}</pre> : null}
        </div>
      ) : null}
    </>
  );
}

interface NamesProps {
  readonly title: string;
  readonly of: readonly { readonly name: string; readonly title: string; readonly queue?: string }[];
  readonly chosen: string | undefined;
  readonly onChoose: (name: string) => void;
}

function Names({ title, of, chosen, onChoose }: NamesProps) {
  if (of.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {of.map((template) => (
          <li key={template.name}>
            <button
              type="button"
              aria-pressed={template.name === chosen}
              onClick={() => onChoose(template.name)}
            >
              {template.title}
              <small>{[template.name, template.queue].filter(Boolean).join(" · ")}</small>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** What the chosen template says about the selection. */
function Preview({ name, heat, words }: Props & { readonly name: string | undefined }) {
  const events = aboutOf(heat);
  const [rendered, setRendered] = useState<Rendered | undefined>(undefined);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const ids = JSON.stringify(events?.map(({ id }) => id) ?? []);
  const may = mayAct(heat);
  useEffect(() => {
    setRendered(undefined);
    setTrouble(undefined);
    const wanted = JSON.parse(ids) as string[];
    if (name === undefined || wanted.length === 0 || !may) return;
    let current = true;
    renderTemplate(name, wanted).then(
      (answer) => current && setRendered(answer),
      (error: unknown) => current && setTrouble(words.ticket.notReady(why(error))),
    );
    return () => {
      current = false;
    };
  }, [name, ids, may, words]);

  const { draft } = rendered ?? {};
  const said = draft ? draft.description : rendered?.text;
  return (
    <section class="preview" aria-label={words.templates.preview}>
      {!may ? (
        <p class="lead">{words.templates.viewer}</p>
      ) : events?.length === 0 ? (
        <p class="lead">{words.templates.selectFirst}</p>
      ) : name === undefined ? (
        <p class="lead">{words.templates.choose}</p>
      ) : null}
      {trouble ? <p class="why">{trouble}</p> : null}
      {rendered && events ? <small>{words.templates.previewOn(words.events(events.length))}</small> : null}
      {draft ? (
        <>
          <h3>{draft.summary}</h3>
          <small>{[draft.queue, draft.type, draft.priority].filter(Boolean).join(" · ")}</small>
        </>
      ) : null}
      {said ? <pre tabIndex={0}>{said}</pre> : null}
      {rendered?.warnings?.map((warning) => (
        <p key={warning} class="warning">
          {warning}
        </p>
      ))}
    </section>
  );
}
