/** Views: a named heatmap of the racks and devices that an expression means, and the events that a filter means. */
import { useEffect, useState } from "preact/hooks";
import { forget, read, Refusal, saveView, why } from "../api/rest.ts";
import { spotAt } from "../core/spot.ts";
import type { SavedView, ViewMembers, ViewPage } from "../core/model.ts";
import { Send, sendByKey, useSending } from "./act.tsx";
import { usePages } from "./answer.ts";
import { Leave } from "./leave.tsx";
import { Close, Modal } from "./modal.tsx";
import { change, closeDialog, current, drop, limitTo, mayAct, openDialog, turn } from "./state.ts";
import type { Props } from "./top.tsx";

/** Members change with the inventory, and when somebody edits the view. */
const LOOK_EVERY_MS = 60_000;

/** Keeps the worker told of the view in force, and the state of what it is called and what is wrong with it. */
export function useSavedView({ view: { saved }, plan, words }: Props["heat"]): void {
  useEffect(() => {
    change({ savedView: undefined });
    if (saved === undefined) return limitTo(undefined);
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        const [view, members] = await Promise.all([
          read<SavedView>(`/views/${saved}`),
          read<ViewMembers>(`/views/${saved}/members`),
        ]);
        if (gone) return;
        const { racks, devices, error, unknown = [] } = members;
        limitTo({ filter: view.filter, ...(view.expression.trim() ? { racks, devices } : {}) });
        const wrong = error ?? (unknown.length > 0 ? words.view.unknown(unknown.join(", ")) : undefined);
        change({ savedView: { name: view.name, ...(wrong ? { wrong } : {}) } });
      } catch (error) {
        // The last members stay in force.
        if (!gone) change({ savedView: { ...current().savedView, wrong: why(error) } });
      }
      if (!gone) timer = setTimeout(() => void look(), LOOK_EVERY_MS);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [saved, plan?.version]);
}

export function ViewChip({ heat, words }: Props) {
  const { saved } = heat.view;
  const { name, wrong } = heat.savedView ?? {};
  return (
    <span class="view">
      <button
        type="button"
        id="views"
        class={wrong ? "plain wrong" : "plain"}
        aria-haspopup="dialog"
        title={wrong ?? words.view.title}
        onClick={() => openDialog({ kind: "views" })}
      >
        {saved === undefined ? words.view.title : (name ?? (wrong ? words.view.gone : "…"))}
        {wrong ? " !" : ""}
        {wrong && name ? <small> {wrong}</small> : null}
      </button>
      {saved === undefined ? null : <Leave label={words.view.leave} onLeave={() => drop("saved")} />}
    </span>
  );
}

export function ViewsDialog({ heat, words }: Props) {
  const [edited, edit] = useState<Partial<SavedView> | undefined>(undefined);
  const { data, items, trouble, more } = usePages<ViewPage, SavedView>(
    "/views",
    ({ views }) => views,
    edited,
  );
  return (
    <Modal class="act views" label={words.view.title} onClose={closeDialog}>
      {edited ? (
        <Edit view={edited} heat={heat} words={words} onDone={() => edit(undefined)} />
      ) : (
        <>
          <h2>{words.view.title}</h2>
          {trouble ? <p class="why">{words.ticket.notReady(trouble)}</p> : null}
          {data && items.length === 0 ? <p class="lead">{words.view.none}</p> : null}
          <ul>
            {items.map((view) => (
              <li key={view.id}>
                <button
                  type="button"
                  class="name"
                  aria-current={view.id === heat.view.saved ? "true" : undefined}
                  onClick={() => {
                    turn({ saved: view.id });
                    closeDialog();
                  }}
                >
                  <b>{view.name}</b>
                  <small>
                    {view.owner}
                    {view.shared ? ` · ${words.view.shared}` : ""}
                  </small>
                  <code>{[view.expression, view.filter].filter(Boolean).join(" · ")}</code>
                </button>
                {view.editable ? (
                  <button type="button" class="link" onClick={() => edit(view)}>
                    {words.comments.edit}
                  </button>
                ) : null}
              </li>
            ))}
          </ul>
          {more ? (
            <button type="button" class="link" onClick={() => void more()}>
              {words.past.more}
            </button>
          ) : null}
          <footer class="actions">
            {mayAct(heat) ? (
              <button type="button" class="primary" onClick={() => edit({ filter: heat.view.filter ?? "" })}>
                {words.view.create}
              </button>
            ) : null}
            <Close words={words} />
          </footer>
        </>
      )}
    </Modal>
  );
}

interface EditProps extends Props {
  readonly view: Partial<SavedView>;
  readonly onDone: () => void;
}

/** Where in which field a mistake is. */
interface Wrong {
  readonly field: string;
  readonly position: number;
  readonly detail: string;
}

function Edit({ view, words, onDone }: EditProps) {
  const [wish, setWish] = useState({
    name: view.name ?? "",
    expression: view.expression ?? "",
    filter: view.filter ?? "",
    shared: view.shared ?? false,
  });
  const [wrong, setWrong] = useState<Wrong | undefined>(undefined);
  const [sure, setSure] = useState(false);
  const { busy, trouble, send } = useSending(words);
  const save = async () => {
    setWrong(undefined);
    try {
      const saved = await saveView(wish, view.id, view.version);
      turn({ saved: saved.id });
    } catch (error) {
      const { pointer, position, detail } = error instanceof Refusal ? error.problem : {};
      if (pointer === undefined || position === undefined) throw error;
      const field = pointer.slice(1);
      setWrong({ field, position, detail: detail ?? "" });
      // What is typed goes on where the mistake is.
      const box = document.getElementById(`view-${field}`) as HTMLTextAreaElement | null;
      const at = [...(wish[field as "filter"] ?? "")].slice(0, position).join("").length;
      box?.focus();
      box?.setSelectionRange(at, at);
      return " ";
    }
    return undefined;
  };
  const field = (name: "expression" | "filter", help: string) => {
    const spot = spotAt(wish[name], wrong?.position ?? 0);
    return (
      <label class="field">
        <span>{words.view[name]}</span>
        <textarea
          id={`view-${name}`}
          rows={name === "expression" ? 4 : 2}
          spellcheck={false}
          value={wish[name]}
          aria-invalid={wrong?.field === name}
          onInput={(event) => setWish({ ...wish, [name]: event.currentTarget.value })}
        />
        {wrong?.field === name ? (
          <span class="mistake-at" role="alert">
            <code>
              {spot.before}
              <mark>{spot.word || "\u00a0"}</mark>
              {spot.after}
            </code>
            {wrong.detail}
          </span>
        ) : (
          <small>{help}</small>
        )}
      </label>
    );
  };
  return (
    <form
      onKeyDown={sendByKey}
      onSubmit={(event) => {
        event.preventDefault();
        void send(save);
      }}
    >
      <h2>{view.id === undefined ? words.view.create : view.name}</h2>
      <label class="field">
        <span>{words.view.name}</span>
        <input
          value={wish.name}
          maxLength={80}
          onInput={(event) => setWish({ ...wish, name: event.currentTarget.value })}
        />
      </label>
      {field("expression", words.view.expressionHelp)}
      {field("filter", words.view.filterHelp)}
      <label class="check">
        <input
          type="checkbox"
          checked={wish.shared}
          onChange={(event) => setWish({ ...wish, shared: event.currentTarget.checked })}
        />
        {words.view.share}
      </label>
      <div class="do">
        <button type="button" onClick={onDone}>
          {words.panel.close}
        </button>
        {view.id === undefined ? null : (
          <button
            type="button"
            disabled={busy}
            onClick={() =>
              sure
                ? void send(async () => {
                    await forget(view.id as number, view.version as number);
                    drop("saved");
                  })
                : setSure(true)
            }
          >
            {sure ? words.comments.reallyRemove : words.comments.remove}
          </button>
        )}
      </div>
      <Send
        words={words}
        label={words.comments.save}
        trouble={trouble?.trim()}
        busy={busy}
        disabled={wish.name.trim() === ""}
      />
    </form>
  );
}
