/** The panel at the right: the events of the selection, or what somebody must act on, and one event's details. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Listed } from "../api/protocol.ts";
import { isMonitor } from "../core/clock.ts";
import { isBackground } from "../core/list.ts";
import { TRAY_REASONS } from "../core/model.ts";
import { pathOf, tabByKey } from "../core/plan.ts";
import { wantsTicket } from "../core/ticket.ts";
import { subject } from "../core/url.ts";
import { EventDetail, EventRow } from "./event.tsx";
import { moment, since } from "./format.ts";
import { Actions } from "./actions.tsx";
import { Backlog } from "./backlog.tsx";
import { Changes } from "./changes.tsx";
import { History } from "./history.tsx";
import { nameOf } from "./crumbs.tsx";
import { Leave } from "./leave.tsx";
import { PlaceFacts } from "./place.tsx";
import { Problems } from "./problems.tsx";
import { Notes } from "./notes.tsx";
import { drop, filterBy, pickNothing, serverNow, type State, turn, zoneOf } from "./state.ts";
import { atLeast, calmOf, type Props, sourceName, sourceState } from "./top.tsx";
import type { Words } from "./words/index.ts";

/**
 * The state as the panel shows it: what a person does at once, and a new picture when the map shows it already. Both in one
 * frame would make whoever types wait.
 */
function useBehindTheMap(heat: State): State {
  const shown = useRef(heat);
  const latest = useRef(heat);
  const [, follow] = useState({});
  latest.current = heat;
  const { frame, view } = shown.current;
  const waits = heat.frame !== frame && heat.view === view;
  if (!waits) shown.current = heat;
  useEffect(() => {
    if (!waits) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const request = requestAnimationFrame(() => {
      timer = setTimeout(() => {
        shown.current = latest.current;
        follow({});
      });
    });
    return () => {
      cancelAnimationFrame(request);
      clearTimeout(timer);
    };
  }, [waits]);
  return shown.current;
}

export function Panel({ heat: now, words }: Props) {
  const heat = useBehindTheMap(now);
  const { view } = heat;
  const panel = useRef<HTMLElement>(null);
  const shown = `${view.event} ${JSON.stringify(view.selection)} ${view.changes}`;
  useEffect(() => {
    if (view.event === undefined && !view.selection && !view.changes) return;
    // On a narrow screen it stands below the map: what was just opened must not be out of sight.
    const { top = 0 } = panel.current?.getBoundingClientRect() ?? {};
    if (top > innerHeight * 0.7) panel.current?.scrollIntoView({ block: "start" });
  }, [shown]);
  return (
    <aside class="panel" aria-label={words.panel.label} ref={panel}>
      {view.event === undefined && view.changes && !view.selection ? (
        <Changes heat={heat} words={words} />
      ) : view.event === undefined ? (
        <Selection heat={heat} words={words} />
      ) : (
        <EventDetail key={view.event} heat={heat} words={words} eventKey={view.event} />
      )}
    </aside>
  );
}

interface Heading {
  readonly kind: string;
  readonly title: string;
  readonly place?: string;
}

function headingOf({ view, plan, detail, frame }: State, words: Words): Heading {
  const selection = subject(view);
  switch (selection?.kind) {
    case "tray":
      return { kind: "", title: words.panel.tray };
    case "source": {
      const source = frame?.sources.find(({ name }) => name === selection.name);
      return { kind: words.event.source, title: source ? sourceName(source, words) : selection.name };
    }
    case "rack": {
      const index = plan?.racks.findIndex((rack) => rack.id === selection.id) ?? -1;
      const path = plan && index >= 0 ? pathOf(plan, index) : [];
      return {
        kind: words.panel.rack,
        title: path.at(-1) ?? `#${selection.id}`,
        place: path.slice(0, -1).join(" / "),
      };
    }
    case "device": {
      const device = detail?.rack?.devices.find((other) => other.id === selection.id);
      const facts = [device?.type, device?.hw, device?.label].filter(Boolean).join(" · ");
      return { kind: words.panel.device, title: device?.name ?? `#${selection.id}`, place: facts };
    }
    case undefined: {
      const tab = plan && tabByKey(plan, view.dc);
      const row = plan?.rows.find(({ id }) => id === view.row);
      const name = row ? nameOf(row) : tab === undefined ? undefined : plan?.tabs[tab]?.name;
      return { kind: "", title: name ? words.panel.nowIn(name) : words.panel.now };
    }
  }
}

function Selection({ heat, words }: Props) {
  const { view, detail, frame, plan, me } = heat;
  const [showAll, setShowAll] = useState(false);
  const heading = headingOf(heat, words);
  const selection = subject(view);
  // Details of what was selected before must not pass for those of what is selected now.
  const current =
    detail && JSON.stringify(subject(detail.watched)) === JSON.stringify(selection) ? detail : undefined;
  const items = current?.list.items ?? [];
  const background = items.filter(({ event }) => isBackground(event));
  const shown = showAll ? items : items.filter(({ event }) => !isBackground(event));
  const total = current?.list.total ?? 0;
  const bound = (count: number) => atLeast(words, frame?.atLeast, words.number(count));
  const now = serverNow(heat);
  const zone = zoneOf(heat);
  const placed = selection?.kind === "rack" || selection?.kind === "device";
  const rackOfSelection =
    selection?.kind === "rack" && plan?.racks.some(({ id }) => id === selection.id)
      ? selection.id
      : undefined;
  const source =
    selection?.kind === "source" ? frame?.sources.find(({ name }) => name === selection.name) : undefined;
  /** The address names what the inventory does not have. */
  const gone = selection?.kind === "rack" && plan !== undefined && rackOfSelection === undefined;

  return (
    <>
      <header>
        <div>
          {heading.kind ? <small>{heading.kind}</small> : null}
          <h2>{heading.title}</h2>
          {heading.place ? <p class="place">{heading.place}</p> : null}
        </div>
        {view.selection ? <Leave label={words.panel.close} onLeave={() => drop("selection")} /> : null}
      </header>
      {selection?.kind === "source" ? <SourceFacts heat={heat} words={words} name={selection.name} /> : null}
      {current?.incident ? (
        <p class="incident">
          <small>
            {words.state.incident} · {words.ago(since(words, current.incident.since, now))}
          </small>
          {current.incident.reason}
        </p>
      ) : null}
      {selection?.kind === "rack" || selection?.kind === "device" ? (
        <PlaceFacts heat={heat} words={words} kind={selection.kind} id={selection.id} />
      ) : null}
      {rackOfSelection !== undefined && view.rack !== rackOfSelection && plan ? (
        <button type="button" class="wide" onClick={() => turn({ rack: rackOfSelection })}>
          {words.panel.open}
        </button>
      ) : null}
      {heat.picked.size > 0 ? (
        <div class="picked-bar">
          <b>{words.list.picked(words.number(heat.picked.size))}</b>
          <button type="button" class="link" onClick={pickNothing}>
            {words.list.pickNone}
          </button>
        </div>
      ) : null}
      {heat.picked.size > 0 || selection === undefined || (placed && !gone) ? (
        <Actions
          heat={heat}
          words={words}
          comment={heat.picked.size > 0 || placed}
          ticket={heat.picked.size > 0 || (placed && shown.some(({ event }) => wantsTicket(event)))}
        />
      ) : null}
      {selection === undefined ? <Backlog heat={heat} words={words} /> : null}
      <Notes heat={heat} words={words} />
      {view.filter ? (
        <p class="filtered">
          <code>{view.filter}</code>
          <span>
            {frame?.passed === undefined
              ? words.filter.notApplied
              : words.filter.passed(bound(frame.passed), bound(frame.events))}
          </span>
          <button type="button" onClick={() => filterBy("")}>
            {words.filter.clear}
          </button>
        </p>
      ) : null}
      {selection?.kind === "tray" && frame && total > 0 ? (
        <p class="lead">{words.panel.trayMeaning}</p>
      ) : null}
      {current && !gone && shown.length === 0 && background.length === 0 && (!source || isMonitor(source)) ? (
        <p class="lead">
          {selection === undefined
            ? calmOf(heat, words)
            : selection.kind === "tray"
              ? words.panel.trayEmpty
              : words.panel.noEvents}
        </p>
      ) : null}
      {selection?.kind === "tray" ? (
        TRAY_REASONS.map((reason) => {
          const group = shown.filter((item) => item.reason === reason);
          return group.length === 0 ? null : (
            <section key={reason} class="group">
              <h3>
                {words.reason[reason]} <span>{bound(frame?.tray[reason] ?? group.length)}</span>
              </h3>
              <p>{words.reasonHint[reason]}</p>
              <List items={group} heat={heat} words={words} />
            </section>
          );
        })
      ) : (
        <List items={shown} heat={heat} words={words} />
      )}
      {background.length > 0 ? (
        <button type="button" class="wide" onClick={() => setShowAll(!showAll)}>
          {showAll ? words.panel.hide : words.panel.hidden(words.number(background.length))}
        </button>
      ) : null}
      {current && total > items.length ? (
        <p class="lead">{words.panel.cut(words.number(items.length), bound(total))}</p>
      ) : null}
      {selection === undefined && me && me.settings.map_severity > 0 ? (
        <p class="lead">{words.panel.below(words.severity[me.settings.map_severity] ?? "")}</p>
      ) : null}
      {source?.kind === "inventory" ? <Problems heat={heat} words={words} /> : null}
      {rackOfSelection !== undefined ? (
        <History key={rackOfSelection} heat={heat} words={words} path={`/racks/${rackOfSelection}`} />
      ) : null}
      {current && current.cleared.length > 0 ? (
        <section class="group">
          <h3>{words.panel.cleared}</h3>
          <ul class="cleared">
            {current.cleared.map((event) => (
              <li key={event.id} title={moment(words, event.cleared_at, zone, now)}>
                <s>{event.name}</s>
                <small>
                  {event.host} · {words.ago(since(words, event.cleared_at, now))}
                </small>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
    </>
  );
}

/** So many lines of a new list are made at once, and so many more each time; the first fill a screen. */
const LINES_AT_ONCE = 20;

function List({ items, heat, words }: Props & { readonly items: readonly Listed[] }) {
  const [lines, makeLines] = useState(LINES_AT_ONCE);
  useEffect(() => {
    if (lines >= items.length) return;
    const timer = setTimeout(() => makeLines(lines + LINES_AT_ONCE));
    return () => clearTimeout(timer);
  }, [lines, items.length]);
  if (items.length === 0) return null;
  const kind = subject(heat.view)?.kind;
  const here = kind === "rack" || kind === "device";
  return (
    <ul class="events">
      {items.slice(0, lines).map((item) => (
        <li key={item.event.id}>
          <EventRow item={item} heat={heat} words={words} here={here} />
        </li>
      ))}
    </ul>
  );
}

function SourceFacts({ heat, words, name }: Props & { readonly name: string }) {
  const source = heat.frame?.sources.find((other) => other.name === name);
  if (!source) return heat.frame ? <p class="lead">{words.source.gone}</p> : null;
  const now = serverNow(heat);
  const { mood, text } = sourceState(source, heat, words);
  const zone = zoneOf(heat);
  return (
    <div class="source-facts">
      <dl>
        <dt>{words.source.status}</dt>
        <dd>{source.status === "ok" ? text : words.source[source.status]}</dd>
        <dt>{words.source.fetched}</dt>
        <dd>
          {source.fetched_at
            ? `${moment(words, source.fetched_at, zone, now)} · ${words.ago(since(words, source.fetched_at, now))}`
            : words.source.never}
        </dd>
        {source.error ? (
          <>
            <dt>{words.source.error}</dt>
            <dd class="why">{source.error}</dd>
          </>
        ) : null}
        {isMonitor(source) ? (
          <>
            <dt>{words.source.counts}</dt>
            <dd>{words.number(source.problems ?? 0)}</dd>
          </>
        ) : null}
      </dl>
      {mood === "stale" ? <p class="lead">{words.source.staleMeaning}</p> : null}
    </div>
  );
}
