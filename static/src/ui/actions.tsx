/** The buttons under what is looked at. Each has a key of its own. */
import { mayAct, openDialog } from "./state.ts";
import type { Props } from "./top.tsx";

interface ActionsProps extends Props {
  /** There is something to acknowledge or to put into a ticket. */
  readonly ticket: boolean;
  /** A comment is written for all of it; else the box below is for that. */
  readonly comment?: boolean;
}

export function Actions({ heat, words, ticket, comment = false }: ActionsProps) {
  const places = heat.detail?.places ?? [];
  const may = mayAct(heat);
  return (
    <div class="do" role="group" aria-label={words.act.label}>
      {may && ticket ? (
        <>
          <button type="button" onClick={() => openDialog({ kind: "acknowledge" })}>
            {words.act.acknowledge}
          </button>
          <button type="button" onClick={() => openDialog({ kind: "ticket" })}>
            {words.ticket.ask}
          </button>
        </>
      ) : null}
      {may && comment ? (
        <button type="button" onClick={() => openDialog({ kind: "comment" })}>
          {words.act.comment}
        </button>
      ) : null}
      {may && places.length > 0 ? (
        <button type="button" onClick={() => openDialog({ kind: "note", places })}>
          {words.note.ask}
        </button>
      ) : null}
      {ticket ? (
        <button type="button" onClick={() => openDialog({ kind: "copy" })}>
          {words.act.copy}
        </button>
      ) : null}
    </div>
  );
}
