/** What was before: earlier openings of an event or in a rack, and what people did about them. */
import { useState } from "preact/hooks";
import type { History as Past, PastOpening } from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import { usePages } from "./answer.ts";
import { age, moment } from "./format.ts";
import { serverNow, turn, zoneOf } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import { TicketKey } from "./ticket.tsx";
import type { Props } from "./top.tsx";

interface HistoryProps extends Props {
  /** `/racks/3`, or that of an event. */
  readonly path: string;
}

/** Asked for when it is unfolded. */
export function History({ heat, words, path }: HistoryProps) {
  const [open, setOpen] = useState(false);
  const { data, items, trouble, more } = usePages<Past, PastOpening>(
    open ? `${path}/history` : undefined,
    ({ openings }) => openings,
  );
  return (
    <details class="past" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.past.title}</summary>
      {trouble ? <p class="why">{words.ticket.notReady(trouble)}</p> : null}
      {data && items.length === 0 ? <p class="lead">{words.past.none}</p> : null}
      <ol>
        {items.map((opening) => (
          <Opening key={opening.id} opening={opening} heat={heat} words={words} />
        ))}
      </ol>
      {more ? (
        <button type="button" class="wide" onClick={() => void more()}>
          {words.past.more}
        </button>
      ) : null}
    </details>
  );
}

function Opening({ opening, heat, words }: Props & { readonly opening: PastOpening }) {
  const { key, name, host, opened_at, closed_at, severity_peak } = opening;
  const now = serverNow(heat);
  const lasted = closed_at ? age(words, Date.parse(closed_at) - Date.parse(opened_at)) : words.past.still;
  return (
    <li>
      <p>
        <Swatch palette={PALETTES[heat.taste.palette]} severity={severity_peak} />{" "}
        <time dateTime={opened_at}>{moment(words, opened_at, zoneOf(heat), now, true)}</time> · {lasted}
      </p>
      {key && key !== heat.view.event ? (
        <p>
          <button type="button" class="link" onClick={() => turn({ event: key })}>
            {host}: {name}
          </button>
        </p>
      ) : null}
      {opening.acknowledgements?.map(({ by, at, text }) => (
        <p key={at} class="said">
          ✓ <b>{by}</b> {text}
        </p>
      ))}
      {opening.comments?.map(({ id, author, text }) => (
        <p key={id} class="said">
          <b>{author}</b> {text}
        </p>
      ))}
      {opening.tickets?.map((ticket) => (
        <p key={ticket.id} class="said">
          ⚑ <TicketKey ticket={ticket} />
        </p>
      ))}
    </li>
  );
}
