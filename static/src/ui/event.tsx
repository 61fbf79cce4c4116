/** One event: its line in a list, and its details with the comments. */
import { useEffect, useState } from "preact/hooks";
import type { Listed } from "../api/protocol.ts";
import { wholeText } from "../api/rest.ts";
import type { HeatEvent, History as Past } from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import { pathOf } from "../core/plan.ts";
import { openTicketOf } from "../core/ticket.ts";
import { kept } from "../core/url.ts";
import { useAnswer } from "./answer.ts";
import { moment, since } from "./format.ts";
import { History } from "./history.tsx";
import { Actions } from "./actions.tsx";
import { Leave } from "./leave.tsx";
import { drop, go, serverNow, turn, zoneOf } from "./state.ts";
import { Notes } from "./notes.tsx";
import { Swatch } from "./swatch.tsx";
import { Thread } from "./thread.tsx";
import { TicketChip, TicketKey } from "./ticket.tsx";
import type { Props } from "./top.tsx";

/** Texts are cut at this length in the snapshot. */
const CUT_AT = 500;

interface RowProps extends Props {
  readonly item: Listed;
  /** All of the list stand in one rack: no need to say which. */
  readonly here: boolean;
}

export function EventRow({ item, heat, words, here }: RowProps) {
  const { event, rack, incident } = item;
  const palette = PALETTES[heat.taste.palette];
  const now = serverNow(heat);
  const place = rack >= 0 && !here && heat.plan ? pathOf(heat.plan, rack).slice(-3).join(" / ") : "";
  const handled = event.handled !== undefined;
  return (
    <>
      <button
        type="button"
        class={handled ? "event handled" : "event"}
        data-event={incident ? undefined : event.key}
        onClick={() =>
          incident ? turn({ selection: { kind: "rack", id: incident.rack_id } }) : turn({ event: event.key })
        }
      >
        <Swatch
          palette={palette}
          severity={event.severity}
          handled={handled}
          title={words.severity[event.severity] ?? ""}
        />
        <span class="what">
          <b>{incident?.reason ?? event.name}</b>
          <small>
            {incident ? words.state.incident : (event.host ?? words.event.noHost)}
            {place ? ` · ${place}` : ""}
          </small>
          <span class="flags">
            <HandledFlag event={event} words={words} />
            {event.comment_count ? <i title={event.comments?.at(-1)?.text}>✎ {event.comment_count}</i> : null}
            {(event.openings_1h ?? 0) > 1 ? <i>{words.event.flapping(event.openings_1h ?? 0)}</i> : null}
            {event.partial ? <i title={words.event.partial}>…</i> : null}
          </span>
        </span>
        <time dateTime={event.since}>{since(words, incident?.since ?? event.since, now)}</time>
      </button>
      {event.ticket ? <TicketChip ticket={event.ticket} heat={heat} words={words} /> : null}
    </>
  );
}

/** Glyph and word, never colour alone. */
export function HandledFlag({ event, words }: { readonly event: HeatEvent; readonly words: Props["words"] }) {
  // The ticket itself is shown below.
  if (event.handled === undefined || event.handled === "ticketed") return null;
  const glyph = { suppressed: "🔧︎", dependent: "⛓︎", acknowledged: "✓", note: "✉︎" }[event.handled];
  const word = words.event.handled[event.handled];
  return (
    <i title={word}>
      {glyph} <span>{word}</span>
    </i>
  );
}

export function EventDetail({ heat, words, eventKey }: Props & { readonly eventKey: string }) {
  const found = heat.detail?.event?.event.key === eventKey ? heat.detail.event : undefined;
  // An event that clears while somebody writes about it stays in sight.
  const [last, setLast] = useState<Listed | undefined>(found);
  useEffect(() => {
    if (found) setLast(found);
  }, [found]);
  const item = found ?? last;
  const covering = found && openTicketOf(found.event);
  const answered = heat.detail?.watched.event === eventKey;
  const path = `/events/${encodeURIComponent(eventKey)}`;
  // Only what was there can be over.
  const past = useAnswer<Past>(!item && answered ? `${path}/history` : undefined);
  const gone = item || past.trouble || (past.data?.openings.length ?? 0) > 0;
  const palette = PALETTES[heat.taste.palette];
  return (
    <>
      <header>
        <div>
          {item ? (
            <small class="severity">
              <Swatch
                palette={palette}
                severity={item.event.severity}
                handled={item.event.handled !== undefined}
              />
              {words.severity[item.event.severity]}
            </small>
          ) : null}
          <h2>{item?.event.name ?? past.data?.openings[0]?.name ?? eventKey}</h2>
        </div>
        <Leave label={words.panel.close} onLeave={() => drop("event")} />
      </header>
      {!found && answered && (gone || past.data) ? (
        <p class="lead gone" role="status">
          {gone ? words.event.gone : words.event.never}
        </p>
      ) : null}
      {item ? <Facts item={item} heat={heat} words={words} /> : null}
      {found ? <Actions heat={heat} words={words} ticket={found.event.unplaced !== "host_pending"} /> : null}
      <Notes heat={heat} words={words} />
      <History heat={heat} words={words} path={path} />
      <Thread
        heat={heat}
        words={words}
        eventKey={eventKey}
        said={saidOf(found?.event)}
        {...(covering ? { ticket: covering } : {})}
      />
    </>
  );
}

/** Changes whenever somebody said something new about the event. */
function saidOf(event: HeatEvent | undefined): string {
  const comments = event?.comments ?? [];
  return `${event?.comment_count ?? 0} ${comments.map((c) => `${c.id}@${c.edited_at ?? c.at}`).join()}`;
}

function Facts({ item, heat, words }: Props & { readonly item: Listed }) {
  const { event, rack, link } = item;
  const { plan } = heat;
  const now = serverNow(heat);
  const zone = zoneOf(heat);
  const rackId = rack >= 0 ? plan?.racks[rack]?.id : undefined;
  const when = (time: string) => moment(words, time, zone, now);
  const before = event.last_time;
  const acknowledged = event.acknowledged;
  return (
    <>
      <dl class="facts">
        <dt>{words.event.since}</dt>
        <dd>
          {when(event.since)} · {words.ago(since(words, event.since, now))}
          {event.openings_1h && event.openings_1h > 1
            ? ` · ${words.event.flapping(words.number(event.openings_1h))}`
            : ""}
        </dd>
        <dt>{words.event.host}</dt>
        <dd>
          {event.device_id === undefined ? (
            (event.host ?? words.event.noHost)
          ) : (
            <button
              type="button"
              class="link"
              onClick={() =>
                go({
                  ...kept(heat.view),
                  ...(heat.view.dc ? { dc: heat.view.dc } : {}),
                  ...(rackId === undefined ? {} : { rack: rackId }),
                  selection: { kind: "device", id: event.device_id as number },
                })
              }
            >
              {event.host}
            </button>
          )}
        </dd>
        <dt>{words.event.place}</dt>
        <dd>
          {rackId !== undefined && plan ? (
            <button
              type="button"
              class="link"
              onClick={() => turn({ rack: rackId, selection: { kind: "rack", id: rackId } })}
            >
              {pathOf(plan, rack).join(" / ")}
            </button>
          ) : (
            item.reason && words.reason[item.reason]
          )}
        </dd>
        <dt>{words.event.source}</dt>
        <dd>
          {link ? (
            <a href={link} target="_blank" rel="noreferrer">
              {words.event.openAtSource(event.source)}
            </a>
          ) : (
            event.source
          )}
        </dd>
        {event.opdata ? (
          <>
            <dt>{words.event.data}</dt>
            <dd>{event.opdata}</dd>
          </>
        ) : null}
        {event.ticket ? (
          <>
            <dt>{words.ticket.title}</dt>
            <dd>
              <TicketChip ticket={event.ticket} heat={heat} words={words} />
            </dd>
          </>
        ) : null}
        {event.handled && event.handled !== "ticketed" ? (
          <>
            <dt>{words.event.handled[event.handled]}</dt>
            <dd>
              {acknowledged
                ? [
                    acknowledged.by && acknowledged.at
                      ? words.event.by(acknowledged.by, when(acknowledged.at))
                      : "",
                    acknowledged.text ?? "",
                    acknowledged.until ? words.event.until(when(acknowledged.until)) : "",
                    acknowledged.until_worsens ? words.event.untilWorsens : "",
                  ]
                    .filter(Boolean)
                    .join(" · ")
                : ""}
            </dd>
          </>
        ) : null}
        {event.tags ? (
          <>
            <dt>{words.event.tags}</dt>
            <dd class="tags">
              {event.tags.map(({ tag, value }, i) => (
                <span key={i}>{value ? `${tag}: ${value}` : tag}</span>
              ))}
            </dd>
          </>
        ) : null}
      </dl>
      {event.text ? <Text event={event} words={words} /> : null}
      {event.partial ? <p class="lead">{words.event.partial}</p> : null}
      {before ? (
        <p class="lead">
          {words.event.lastTime(since(words, before.cleared_at, now))}
          {before.ticket ? (
            <>
              , <TicketKey ticket={before.ticket} />
            </>
          ) : null}
          {before.comment ? `: «${before.comment.text}», ${before.comment.author}` : ""}
        </p>
      ) : null}
    </>
  );
}

function Text({ event, words }: { readonly event: HeatEvent; readonly words: Props["words"] }) {
  const [whole, setWhole] = useState<string | undefined>(undefined);
  const cut = (event.text?.length ?? 0) >= CUT_AT && whole === undefined;
  return (
    <p class="text">
      {whole ?? event.text}
      {cut ? (
        <button
          type="button"
          class="link"
          onClick={() =>
            wholeText(event.key, event.id).then(
              (text) => setWhole(text ?? event.text),
              () => setWhole(event.text),
            )
          }
        >
          … {words.event.wholeText}
        </button>
      ) : null}
    </p>
  );
}
