/** What has changed lately, in the panel. */
import { useEffect, useRef, useState } from "preact/hooks";
import { read, why } from "../api/rest.ts";
import { eventsOf, tell } from "../core/changes.ts";
import type { Change, ChangePage } from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import { pathOf } from "../core/plan.ts";
import { since } from "./format.ts";
import { Leave } from "./leave.tsx";
import { drop, serverNow, turn } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import { TicketKey } from "./ticket.tsx";
import type { Props } from "./top.tsx";

const KEPT = 300;
/** Pictures come faster than anybody reads. */
const PAUSE_MS = 1000;

const SIGNS = { opened: "●", cleared: "○", worsened: "▲", commented: "✎", acknowledged: "✓", ticketed: "⚑" };

export function Changes({ heat, words }: Props) {
  const [changes, setChanges] = useState<readonly Change[]>([]);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  const cursor = useRef<string | undefined>(undefined);
  const revision = heat.frame?.revision;
  useEffect(() => {
    let gone = false;
    const timer = setTimeout(
      async () => {
        try {
          const from = cursor.current;
          const query = from === undefined ? "" : `?since=${encodeURIComponent(from)}`;
          const page = await read<ChangePage>(`/changes${query}`);
          // Another question was asked meanwhile, and brings these too.
          if (gone || from !== cursor.current) return;
          cursor.current = page.next;
          setChanges((known) => [...known, ...page.changes].slice(-KEPT));
          setTrouble(undefined);
        } catch (error) {
          if (!gone) setTrouble(why(error));
        }
      },
      cursor.current === undefined ? 0 : PAUSE_MS,
    );
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [revision]);
  const now = serverNow(heat);
  return (
    <>
      <header>
        <div>
          <h2>{words.changes.title}</h2>
        </div>
        <Leave label={words.panel.close} onLeave={() => drop("changes")} />
      </header>
      <p>
        <a href="/handover" target="_blank" rel="noreferrer">
          {words.changes.handover}
        </a>
      </p>
      {trouble ? <p class="why">{words.ticket.notReady(trouble)}</p> : null}
      {!trouble && changes.length === 0 ? <p class="lead">{words.changes.none}</p> : null}
      <ol class="changes">
        {tell(changes).map((told, i) => {
          const { first } = told;
          const events = eventsOf(told);
          const rack = heat.plan?.racks.findIndex(({ id }) => id === first.rack_id) ?? -1;
          return (
            <li key={`${first.at}${first.key}${first.kind}${i}`}>
              <button
                type="button"
                onClick={() =>
                  events > 1 && first.rack_id !== undefined
                    ? turn({ selection: { kind: "rack", id: first.rack_id } })
                    : turn({ event: first.key })
                }
              >
                <i aria-hidden="true">{SIGNS[first.kind]}</i>
                {first.severity === undefined ? null : (
                  <Swatch palette={PALETTES[heat.taste.palette]} severity={first.severity} />
                )}
                <span class="what">
                  <small>
                    {words.changes.kinds[first.kind]}
                    {first.by ? ` · ${first.by}` : ""}
                  </small>
                  <b>
                    {events > 1 && heat.plan
                      ? words.changes.many(words.events(events), pathOf(heat.plan, rack).join(" / "))
                      : `${first.host ?? ""}: ${first.name ?? first.key}`}
                  </b>
                  {first.text ? <small>{first.text}</small> : null}
                </span>
                <time dateTime={first.at}>{since(words, first.at, now)}</time>
              </button>
              {first.ticket ? <TicketKey ticket={first.ticket} /> : null}
            </li>
          );
        })}
      </ol>
    </>
  );
}
