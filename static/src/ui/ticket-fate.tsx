/** What becomes of a ticket that was asked for. */
import { useEffect, useRef, useState } from "preact/hooks";
import { editTicket, retryTicket, showTicket, why } from "../api/rest.ts";
import type { Ticket } from "../core/model.ts";
import { editsOf, type Typed } from "../core/ticket.ts";
import { moment } from "./format.ts";
import { Trouble } from "./modal.tsx";
import { aboutOf, closeDialog, serverNow, zoneOf } from "./state.ts";
import { Fields, Foot } from "./ticket-form.tsx";
import { TicketKey } from "./ticket.tsx";
import type { Props } from "./top.tsx";

/** Time to read the key of a new ticket before the dialog closes itself. */
const READ_MS = 4000;

export interface Sent {
  readonly id: number;
  /** It was there before, and got so many events. */
  readonly added?: number;
}

/** What becomes of a ticket. It is read again whenever the picture says that something has changed. */
export function Follow({ heat, words, sent }: Props & { readonly sent: Sent }) {
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
