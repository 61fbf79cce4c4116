/** The comments on an event: read, write, change and delete one's own. A new snapshot never touches what is typed. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { createComment, deleteComment, editComment, listComments, why } from "../api/rest.ts";
import type { Comment, TicketRef } from "../core/model.ts";
import { sendByKey } from "./act.tsx";
import { moment, since } from "./format.ts";
import { Trouble } from "./modal.tsx";
import { serverNow, zoneOf } from "./state.ts";
import type { Props } from "./top.tsx";

const LONGEST = 4000;
/** The remaining characters are counted aloud from here on. */
const COUNT_FROM = 500;

/** What was typed and not sent, by event key: it survives closing the event and coming back. */
const drafts = new Map<string, string>();

/** The same of one's own comments that are being changed, by their id. */
const edits = new Map<Comment["id"], string>();

interface ThreadProps extends Props {
  readonly eventKey: string;
  /** Changes whenever the snapshot knows of something new. */
  readonly said: string;
  /** The open ticket that covers the event. */
  readonly ticket?: TicketRef;
}

export function Thread({ heat, words, eventKey, said, ticket }: ThreadProps) {
  const [comments, setComments] = useState<readonly Comment[]>([]);
  const [next, setNext] = useState<string | undefined>(undefined);
  const [loaded, setLoaded] = useState(false);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const asked = useRef(0);

  const load = useCallback(async () => {
    const mine = ++asked.current;
    try {
      const page = await listComments(eventKey);
      if (mine !== asked.current) return;
      setComments(page.comments ?? []);
      setNext(page.next);
      setTrouble(undefined);
    } catch (error) {
      if (mine === asked.current) setTrouble(words.comments.notLoaded(why(error)));
    }
    setLoaded(true);
  }, [eventKey, words]);

  useEffect(() => void load(), [load, said]);

  const older = async () => {
    try {
      const page = await listComments(eventKey, next);
      setComments([...comments, ...(page.comments ?? [])]);
      setNext(page.next);
    } catch (error) {
      setTrouble(words.comments.notLoaded(why(error)));
    }
  };

  const mayWrite = heat.me !== undefined && heat.me.role !== "viewer";
  return (
    <section class="thread">
      <h3>{words.comments.title}</h3>
      {heat.me && !mayWrite ? <p class="lead">{words.comments.viewer}</p> : null}
      {mayWrite ? (
        <Write
          heat={heat}
          words={words}
          eventKey={eventKey}
          {...(ticket ? { ticket } : {})}
          onSaved={(comment) => {
            setComments((known) => [comment, ...known.filter((other) => other.id !== comment.id)]);
            void load();
          }}
        />
      ) : null}
      <Trouble why={trouble} />
      {loaded && comments.length === 0 && !trouble ? <p class="lead">{words.comments.none}</p> : null}
      <ol>
        {comments.map((comment) => (
          <Said key={comment.id} comment={comment} heat={heat} words={words} onChanged={load} />
        ))}
      </ol>
      {next === undefined ? null : (
        <button type="button" class="wide" onClick={older}>
          {words.comments.older}
        </button>
      )}
    </section>
  );
}

interface WriteProps extends Props {
  readonly eventKey: string;
  readonly ticket?: TicketRef;
  readonly onSaved: (comment: Comment) => void;
}

function Write({ words, eventKey, ticket, onSaved }: WriteProps) {
  const [text, setText] = useState(drafts.get(eventKey) ?? "");
  const [onTicket, setOnTicket] = useState(false);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const type = (value: string) => {
    setText(value);
    if (value === "") drafts.delete(eventKey);
    else drafts.set(eventKey, value);
  };
  const send = async () => {
    if (text.trim() === "" || busy) return;
    setBusy(true);
    try {
      onSaved(await createComment(eventKey, text.trim(), onTicket && ticket !== undefined));
      type("");
      setOnTicket(false);
      setTrouble(undefined);
    } catch (error) {
      setTrouble(words.comments.failed(why(error)));
    }
    setBusy(false);
  };
  return (
    <form
      onKeyDown={sendByKey}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <textarea
        id="comment"
        rows={3}
        maxLength={LONGEST}
        value={text}
        aria-label={words.comments.write}
        placeholder={words.comments.write}
        onInput={(event) => type(event.currentTarget.value)}
      />
      {ticket ? (
        <label class="check">
          <input
            type="checkbox"
            checked={onTicket}
            onChange={(event) => setOnTicket(event.currentTarget.checked)}
          />
          {words.comments.onTicket(ticket.key ?? words.ticket.unnamed)}
        </label>
      ) : null}
      <Trouble why={trouble} />
      <div class="actions">
        <small>
          {LONGEST - text.length <= COUNT_FROM
            ? words.comments.left(words.number(LONGEST - text.length))
            : words.comments.key}
        </small>
        <button type="submit" class="primary" disabled={busy || text.trim() === ""}>
          {busy ? words.comments.sending : words.comments.send}
        </button>
      </div>
    </form>
  );
}

interface SaidProps extends Props {
  readonly comment: Comment;
  readonly onChanged: () => Promise<void>;
}

function Said({ comment, heat, words, onChanged }: SaidProps) {
  const { id } = comment;
  const [removing, setRemoving] = useState(false);
  /** As it is being changed. */
  const [text, setText] = useState(edits.get(id));
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const form = useRef<HTMLFormElement>(null);
  const now = serverNow(heat);
  const zone = zoneOf(heat);
  const type = (value?: string) => {
    setText(value);
    if (value === undefined) edits.delete(id);
    else edits.set(id, value);
  };
  const leave = () => {
    setRemoving(false);
    type();
  };
  const send = async () => {
    if (text?.trim() === "") return;
    try {
      await (text === undefined ? deleteComment(id) : editComment(id, text.trim()));
      setTrouble(undefined);
      leave();
      await onChanged();
    } catch (error) {
      setTrouble(words.comments.failed(why(error)));
    }
  };
  return (
    <li class="said">
      <p class="by">
        <b>{comment.author}</b>{" "}
        <time dateTime={comment.at} title={moment(words, comment.at, zone, now)}>
          {words.ago(since(words, comment.at, now))}
        </time>
        {comment.edited_at ? ` · ${words.comments.edited}` : ""}
      </p>
      <form
        ref={form}
        // Not where it is read: what is sent from there deletes it.
        onKeyDown={text ? sendByKey : undefined}
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {text === undefined ? (
          <p class="words">{comment.text}</p>
        ) : (
          <textarea
            rows={3}
            maxLength={LONGEST}
            value={text}
            aria-label={words.comments.edit}
            onInput={(event) => type(event.currentTarget.value)}
          />
        )}
        <Trouble why={trouble} />
        {!comment.own ? null : text === undefined && !removing ? (
          <div class="actions" key="read">
            <button
              type="button"
              class="link"
              onClick={() => {
                type(comment.text);
                // Once it is there.
                requestAnimationFrame(() => form.current?.querySelector("textarea")?.focus());
              }}
            >
              {words.comments.edit}
            </button>
            <button type="button" class="link" onClick={() => setRemoving(true)}>
              {words.comments.remove}
            </button>
          </div>
        ) : (
          <div class="actions">
            {removing ? <small>{words.comments.reallyRemove}</small> : null}
            <button type="button" class="link" onClick={leave}>
              {words.comments.cancel}
            </button>
            <button type="submit" class="primary" disabled={text?.trim() === ""}>
              {removing ? words.comments.remove : words.comments.save}
            </button>
          </div>
        )}
      </form>
    </li>
  );
}
