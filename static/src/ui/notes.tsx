/** Notes on places: a rack, a row, a location, a device. A quiet one handles what opens there. */
import { useState } from "preact/hooks";
import type { PlaceName } from "../api/protocol.ts";
import { createNote, deleteNote, editNote } from "../api/rest.ts";
import type { Note } from "../core/model.ts";
import { type End, endOf, Ends, Send, sendByKey, useSending } from "./act.tsx";
import { moment, since } from "./format.ts";
import { Modal } from "./modal.tsx";
import { closeDialog, mayAct, openDialog, serverNow, zoneOf } from "./state.ts";
import type { Props } from "./top.tsx";

export function Notes({ heat, words }: Props) {
  const { notes = [], places = [] } = heat.detail ?? {};
  const now = serverNow(heat);
  if (notes.length === 0) return null;
  return (
    <section class="group">
      <h3>{words.note.title}</h3>
      <ul class="notes">
        {notes.map((note) => (
          <li key={note.id} class={note.quiet ? "note-on quiet-on" : "note-on"}>
            <p class="by">
              <b>{note.where}</b> {note.author} · {words.ago(since(words, note.at, now))}
              {note.until
                ? ` · ${words.event.until(moment(words, note.until, zoneOf(heat), now, true))}`
                : ""}
              {note.quiet ? ` · ${words.note.quiet}` : ""}
            </p>
            <p class="words">{note.text}</p>
            {mayAct(heat) ? (
              <button type="button" class="link" onClick={() => openDialog({ kind: "note", places, note })}>
                {words.comments.edit}
              </button>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface NoteProps extends Props {
  readonly places: readonly PlaceName[];
  readonly note: Note | undefined;
}

export function NoteDialog({ heat, words, places, note }: NoteProps) {
  const [place, setPlace] = useState(places[0]?.place ?? "");
  const [text, setText] = useState(note?.text ?? "");
  const [end, setEnd] = useState<End | "same">(note ? "same" : heat.me?.shift_ends_at ? "shift" : 24);
  const [quiet, setQuiet] = useState(note?.quiet ?? false);
  const [sure, setSure] = useState(false);
  const { busy, trouble, send } = useSending(words);
  const save = async () => {
    const terms = end === "same" ? {} : endOf(end, serverNow(heat));
    const said = { text: text.trim(), quiet };
    if (note) await editNote(note.id, { ...said, ...(end === "never" ? { until: null } : terms) });
    else await createNote({ place, ...said, ...terms });
  };
  return (
    <Modal class="act" label={words.note.title} onClose={closeDialog}>
      <form
        onKeyDown={sendByKey}
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") void send(save);
        }}
      >
        <h2>{note ? words.note.change : words.note.write}</h2>
        {note ? null : (
          <label class="field">
            <span>{words.note.place}</span>
            <select value={place} onChange={(event) => setPlace(event.currentTarget.value)}>
              {places.map((one) => (
                <option key={one.place} value={one.place}>
                  {words.note.kinds[one.place.split(":")[0] as keyof typeof words.note.kinds]}: {one.name}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="field">
          <span>{words.note.text}</span>
          <textarea
            autofocus
            rows={4}
            maxLength={4000}
            value={text}
            onInput={(e) => setText(e.currentTarget.value)}
          />
        </label>
        <Ends
          offered={["shift", 24, 168, "never"]}
          end={end as End}
          heat={heat}
          words={words}
          onPick={setEnd}
        />
        {note && end === "same" ? (
          <p class="lead">
            {note.until
              ? words.event.until(moment(words, note.until, zoneOf(heat), serverNow(heat)))
              : words.act.never}
          </p>
        ) : null}
        <label class="check">
          <input type="checkbox" checked={quiet} onChange={(e) => setQuiet(e.currentTarget.checked)} />
          {words.note.quietMeaning}
        </label>
        {note ? (
          <button
            type="button"
            class="link"
            disabled={busy}
            onClick={() => (sure ? void send(() => deleteNote(note.id)) : setSure(true))}
          >
            {sure ? words.comments.reallyRemove : words.note.remove}
          </button>
        ) : null}
        <Send
          words={words}
          label={words.comments.save}
          trouble={trouble}
          busy={busy}
          disabled={text.trim() === ""}
        />
      </form>
    </Modal>
  );
}
