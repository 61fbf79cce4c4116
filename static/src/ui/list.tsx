/** The list of events, below the map or instead of it. Only the rows in sight exist. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Listed } from "../api/protocol.ts";
import { keyPressed } from "../core/keys.ts";
import { WORST_FIRST } from "../core/list.ts";
import { PALETTES } from "../core/palette.ts";
import { pathOf } from "../core/plan.ts";
import { subject } from "../core/url.ts";
import { since } from "./format.ts";
import { HandledFlag } from "./event.tsx";
import { Leave } from "./leave.tsx";
import { drop, look, pick, pickAll, pickNothing, saveList, serverNow, turn } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import { TicketChip } from "./ticket.tsx";
import { atLeast, type Props } from "./top.tsx";

/** Height of a row in CSS pixels; the style sheet has the same. */
const ROW = 27;
/** Rows beyond what is in sight, and the step in which the part that is asked for moves. */
const SPARE = 20;

const COLUMNS = ["severity", "since", "host", "place", "name", "comment", "ticket", "source"] as const;
/** What is most useful first, the first time a column is chosen. */
const TURNED: readonly string[] = ["severity", "since", "comment"];

export function EventList({ heat, words }: Props) {
  const { view, detail, picked } = heat;
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  /** The same at once: of two quick keys the second one must not start where the first did. */
  const row = useRef(0);
  /** A key has chosen a row that may not be here yet. */
  const moved = useRef(false);
  const stand = useCallback((to: number) => {
    row.current = to;
    setAt(to);
  }, []);
  const sort = view.sort ?? WORST_FIRST;
  const page = detail?.page;
  const total = page?.total ?? 0;

  const see = useCallback(() => {
    if (!box.current) return;
    const first = Math.floor(box.current.scrollTop / ROW) - SPARE;
    look(Math.max(0, first - (first % SPARE)), Math.ceil(box.current.clientHeight / ROW) + 3 * SPARE);
  }, []);
  useLayoutEffect(() => {
    if (!box.current) return;
    see();
    const observer = new ResizeObserver(see);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [see]);

  // The focus follows the row as it is now, also to one that comes after what had the focus has gone.
  useEffect(() => {
    if (!box.current?.contains(document.activeElement) && !moved.current) return;
    const to = box.current?.querySelector<HTMLElement>(`[data-at="${row.current}"]`);
    to?.focus({ preventScroll: true });
    moved.current = !to;
  }, [at, page?.from]);

  const move = (to: number) => {
    const next = Math.max(0, Math.min(total - 1, to));
    const { current: area } = box;
    if (area) {
      const top = next * ROW;
      if (top < area.scrollTop) area.scrollTop = top;
      else if (top + 2 * ROW > area.scrollTop + area.clientHeight) {
        area.scrollTop = top + 2 * ROW - area.clientHeight;
      }
    }
    moved.current = true;
    stand(next);
  };
  const onKey = (event: KeyboardEvent) => {
    const item = page?.items[row.current - page.from];
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -total, End: total }[
      event.key
    ];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step !== undefined) move(row.current + step);
    else if (event.key === "Enter" && item && event.target instanceof HTMLTableRowElement) {
      turn({ event: item.event.key });
    } else if (keyPressed(event) === "x" && item && !item.clearedAt) pick([item.event.id]);
    else return;
    event.preventDefault();
  };
  const sortBy = (column: string) => {
    const fresh = TURNED.includes(column) ? `-${column}` : column;
    const next = sort === fresh ? (fresh.startsWith("-") ? column : `-${column}`) : fresh;
    if (next === WORST_FIRST) drop("sort");
    else turn({ sort: next });
  };
  const rows = page?.items ?? [];
  const above = page?.from ?? 0;
  const chosen = subject(view);
  /** The row that the Tab key comes to. */
  const stop = at >= above && at < above + rows.length ? at : above;
  return (
    <section class={`list ${view.list}`} aria-label={words.list.title}>
      <header>
        <h2>{words.list.title}</h2>
        <span class="count">
          {atLeast(words, heat.frame?.atLeast, words.number(total - (page?.over ?? 0)))}
        </span>
        {page && (page.hidden > 0 || view.all) ? (
          <button
            type="button"
            aria-pressed={view.all ?? false}
            onClick={() => (view.all ? drop("all") : turn({ all: true }))}
          >
            {view.all ? words.panel.hide : words.panel.hidden(words.number(page.hidden))}
          </button>
        ) : null}
        <button type="button" onClick={() => pickAll()}>
          {words.list.pickAll}
        </button>
        {picked.size > 0 ? (
          <button type="button" onClick={pickNothing}>
            {words.list.picked(words.number(picked.size))} ×
          </button>
        ) : null}
        <button type="button" onClick={saveList}>
          {words.list.csv}
        </button>
        <span class="rest" />
        <button type="button" onClick={() => turn({ list: view.list === "page" ? "drawer" : "page" })}>
          {view.list === "page" ? words.list.smaller : words.list.larger}
        </button>
        <Leave label={words.ticket.close} onLeave={() => drop("list")} />
      </header>
      <div class="rows" ref={box} onScroll={see} onKeyDown={onKey}>
        <table aria-rowcount={total + 1}>
          <thead>
            <tr>
              <th>
                <span class="unseen">{words.list.pick}</span>
              </th>
              {COLUMNS.map((column) => (
                <th
                  key={column}
                  class={`of-${column}`}
                  aria-sort={
                    sort.replace("-", "") !== column
                      ? "none"
                      : // What began first is the oldest.
                        sort.startsWith("-") !== (column === "since")
                        ? "descending"
                        : "ascending"
                  }
                >
                  <button type="button" onClick={() => sortBy(column)}>
                    {words.list.columns[column]}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {above > 0 ? <tr aria-hidden="true" style={{ height: `${above * ROW}px` }} /> : null}
            {rows.map((item, i) => (
              <ListRow
                key={item.event.id}
                item={item}
                at={above + i}
                focusable={above + i === stop}
                picked={picked.has(item.event.id)}
                here={
                  view.event === item.event.key ||
                  (chosen?.kind === "rack" && item.event.rack_id === chosen.id) ||
                  (chosen?.kind === "device" && item.event.device_id === chosen.id)
                }
                onFocus={stand}
                heat={heat}
                words={words}
              />
            ))}
            {total > above + rows.length ? (
              <tr aria-hidden="true" style={{ height: `${(total - above - rows.length) * ROW}px` }} />
            ) : null}
          </tbody>
        </table>
        {page && total === 0 ? <p class="lead">{words.panel.noEvents}</p> : null}
      </div>
    </section>
  );
}

interface RowProps extends Props {
  readonly item: Listed;
  readonly at: number;
  readonly focusable: boolean;
  readonly picked: boolean;
  /** It is what is open or selected. */
  readonly here: boolean;
  readonly onFocus: (at: number) => void;
}

function ListRow({ item, at, focusable, picked, here, onFocus, heat, words }: RowProps) {
  const { event, rack, clearedAt, reason } = item;
  const now = serverNow(heat);
  const said = event.comments?.at(-1);
  const open = () => turn({ event: event.key });
  return (
    <tr
      data-at={at}
      aria-rowindex={at + 2}
      tabIndex={focusable ? 0 : -1}
      aria-current={here ? "true" : undefined}
      class={[clearedAt ? "over" : "", event.handled ? "handled" : "", picked ? "picked" : ""].join(" ")}
      onFocus={() => onFocus(at)}
      onClick={open}
    >
      <td onClick={(click) => click.stopPropagation()}>
        {clearedAt ? null : (
          <input
            type="checkbox"
            tabIndex={-1}
            checked={picked}
            aria-label={words.list.pickOne(event.name)}
            onChange={() => pick([event.id])}
          />
        )}
      </td>
      <td>
        <Swatch
          palette={PALETTES[heat.taste.palette]}
          severity={event.severity}
          handled={event.handled !== undefined || clearedAt !== undefined}
          title={words.severity[event.severity] ?? ""}
        />
      </td>
      <td class="since">{since(words, clearedAt ?? event.since, now)}</td>
      <td>{event.host ?? words.event.noHost}</td>
      <td>
        {rack >= 0 && heat.plan ? pathOf(heat.plan, rack).join(" / ") : reason ? words.reason[reason] : ""}
      </td>
      <td title={event.name}>
        {/* Before the name, which may be cut. */}
        {clearedAt ? <small>{words.list.cleared} </small> : <HandledFlag event={event} words={words} />}
        {clearedAt ? <s>{event.name}</s> : event.name}
      </td>
      <td title={said?.text}>{said ? `${said.author}: ${said.text}` : ""}</td>
      <td>{event.ticket ? <TicketChip ticket={event.ticket} heat={heat} words={words} /> : null}</td>
      <td>{event.source}</td>
    </tr>
  );
}
