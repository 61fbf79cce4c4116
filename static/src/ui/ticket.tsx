/** An event's ticket: its key with a link, how it stands in the tracker, and what to do when it was not created. */
import { useState } from "preact/hooks";
import { retryTicket, why } from "../api/rest.ts";
import type { TicketRef } from "../core/model.ts";
import { isOwn, type OwnTicket, pageOf } from "../core/ticket.ts";
import { mayAct, openDialog } from "./state.ts";
import type { Props } from "./top.tsx";
import type { Words } from "./words/index.ts";

interface KeyProps {
  readonly ticket: Partial<Pick<TicketRef, "id" | "key" | "url">>;
}

/** The key, as a link where the tracker told its page. Before there is one: Heat's own number. */
export function TicketKey({ ticket }: KeyProps) {
  const name = ticket.key ?? `#${ticket.id}`;
  const page = pageOf(ticket.url);
  return page ? (
    <a href={page} target="_blank" rel="noreferrer">
      {name}
    </a>
  ) : (
    <b>{name}</b>
  );
}

export function TicketChip({ ticket, heat, words }: Props & { readonly ticket: TicketRef }) {
  return (
    <span class={`ticket ${ticket.state}`} data-ticket={ticket.id}>
      {ticket.state === "failed" ? null : <i aria-hidden="true">⚑</i>}
      <Standing ticket={ticket} words={words} />
      {ticket.state === "failed" && isOwn(ticket) && mayAct(heat) ? (
        <Mend ticket={ticket} words={words} />
      ) : null}
    </span>
  );
}

function Standing({ ticket, words }: { readonly ticket: TicketRef; readonly words: Words }) {
  switch (ticket.state) {
    case "pending":
      return (
        <>
          {ticket.key ? <TicketKey ticket={ticket} /> : null}
          <span>{ticket.error ? words.ticket.retrying(ticket.error) : words.ticket.creating}</span>
        </>
      );
    case "failed":
      return <span class="why">{words.ticket.failed(ticket.error ?? "")}</span>;
    case "closed":
      return (
        <>
          <TicketKey ticket={ticket} />
          <span>{words.ticket.closed}</span>
        </>
      );
    case "created":
      return (
        <>
          <TicketKey ticket={ticket} />
          {ticket.status ? <span>{ticket.status}</span> : null}
        </>
      );
  }
}

function Mend({ ticket, words }: { readonly ticket: OwnTicket; readonly words: Words }) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const retry = async () => {
    setBusy(true);
    try {
      await retryTicket(ticket.id);
      setTrouble(undefined);
    } catch (error) {
      setTrouble(words.ticket.notDone(why(error)));
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" class="link" disabled={busy} onClick={() => void retry()}>
        {words.ticket.retry}
      </button>
      <button type="button" class="link" onClick={() => openDialog({ kind: "ticket", id: ticket.id })}>
        {words.ticket.edit}
      </button>
      {trouble ? (
        <span class="why" role="alert">
          {trouble}
        </span>
      ) : null}
    </>
  );
}
