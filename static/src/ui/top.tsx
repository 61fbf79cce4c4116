/** The strip on top: where to look, how bad it is, and whether the picture can be trusted. */
import { freshness, isMonitor, judgedAt } from "../core/clock.ts";
import { chooseSeverities, chosenSeverities, printFilter, readFilter } from "../core/filter.ts";
import { NONE, SEVERITIES, type Source } from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import { tabByKey } from "../core/plan.ts";
import { Mark } from "../core/rollup.ts";
import { kept, without } from "../core/url.ts";
import { age, since } from "./format.ts";
import { Search } from "./search.tsx";
import { SoundButton } from "./sound.tsx";
import { Swatch } from "./swatch.tsx";
import { drop, filterBy, go, openDialog, prefer, serverNow, type State, turn } from "./state.ts";
import { TemplatesChip } from "./templates.tsx";
import { ViewChip } from "./views.tsx";
import type { Words } from "./words/index.ts";

export interface Props {
  readonly heat: State;
  readonly words: Words;
}

export function Top({ heat, words }: Props) {
  return (
    <header class="top">
      <div class="bar">
        <Tabs heat={heat} words={words} />
        <Search heat={heat} words={words} />
        <ViewChip heat={heat} words={words} />
        <button
          type="button"
          class="plain"
          aria-pressed={heat.view.changes ?? false}
          onClick={() => (heat.view.changes ? drop("changes") : turn({ changes: true }))}
        >
          {words.changes.title}
        </button>
        <button
          type="button"
          class="plain"
          aria-pressed={heat.view.list !== undefined}
          onClick={() => (heat.view.list ? drop("list") : turn({ list: "drawer" }))}
        >
          {words.list.title}
        </button>
        <SoundButton heat={heat} words={words} />
        <button
          type="button"
          class="plain"
          aria-label={words.top.help}
          onClick={() => openDialog({ kind: "help" })}
        >
          ?
        </button>
        <button
          type="button"
          class="plain"
          lang={heat.taste.language === "en" ? "ru" : "en"}
          title={words.top.languageLabel}
          onClick={() => prefer({ language: heat.taste.language === "en" ? "ru" : "en" })}
        >
          {words.top.language}
        </button>
        {heat.me ? (
          <span class="who" title={words.top.roleOf(heat.me.name, words.top.role[heat.me.role])}>
            {heat.me.name}
          </span>
        ) : null}
        <LiveDot heat={heat} words={words} />
      </div>
      <div class="bar low">
        <Counters heat={heat} words={words} />
        <TrayButton heat={heat} words={words} />
        <Sources heat={heat} words={words} />
      </div>
    </header>
  );
}

function Tabs({ heat, words }: Props) {
  const { plan, frame, view } = heat;
  const palette = PALETTES[heat.taste.palette];
  const tabs = plan?.tabs ?? [];
  const all = frame?.tabs ?? [];
  const { worst, count } = frame?.whole ?? { worst: NONE, count: 0 };
  const entries = [
    { key: undefined, name: words.top.site, worst, count },
    ...(tabs.length > 1
      ? tabs.map((tab, i) => ({
          key: tab.key,
          name: tab.name || words.top.nowhere,
          worst: all[i]?.worst ?? NONE,
          count: all[i]?.count ?? 0,
        }))
      : []),
  ];
  return (
    <nav class="tabs" aria-label={words.top.tabs}>
      {entries.map((tab) => (
        <button
          type="button"
          key={tab.key ?? ""}
          class="tab"
          aria-current={view.dc === tab.key ? "page" : undefined}
          onClick={() => go({ ...kept(view), ...(tab.key ? { dc: tab.key } : {}) })}
        >
          <span>{tab.name}</span>
          {tab.worst === NONE ? null : (
            <>
              <Swatch palette={palette} severity={tab.worst} title={words.severity[tab.worst] ?? ""} />
              <b>{atLeast(words, frame?.atLeast, words.number(tab.count))}</b>
            </>
          )}
        </button>
      ))}
    </nav>
  );
}

/** A count as it may be told: under a source that may hide something it is a lower bound. */
export function atLeast(words: Words, lowerBound: boolean | undefined, count: string): string {
  return lowerBound ? words.state.atLeast(count) : count;
}

/** How much there is to act on, and how much in all. */
function told({ frame }: State, words: Words, ...counts: [number, number]): [string, string] {
  return counts.map((count) => atLeast(words, frame?.atLeast, words.number(count))) as [string, string];
}

function Tally({ open, all }: { readonly open: string; readonly all: string }) {
  return (
    <>
      <b>{open}</b>
      {open === all ? null : <small>/ {all}</small>}
    </>
  );
}

/** That nothing is heard of some racks in view, and of how many; empty where all are heard of. */
export function silenceOf({ frame, plan, view }: State, words: Words): string {
  const tab = plan && tabByKey(plan, view.dc);
  const silent = plan?.racks.filter(
    ({ row }, i) =>
      (frame?.cells.marks[i] ?? 0) & Mark.silent && (tab === undefined || plan.rows[row]?.tab === tab),
  );
  return silent?.length ? ` · ${words.map.silent(words.racks(silent.length))}` : "";
}

/** That there is nothing to act on, as far as anybody can know. */
export function calmOf(heat: State, words: Words): string {
  const { frame } = heat;
  if (!frame) return words.empty.waiting;
  if (!frame.sources.some(isMonitor)) return words.empty.noSources;
  const calm = frame.atLeast ? words.state.unhandled(words.state.atLeast("0")) : words.panel.allCalm;
  return calm + silenceOf(heat, words);
}

function Counters({ heat, words }: Props) {
  const { frame, view } = heat;
  const palette = PALETTES[heat.taste.palette];
  const reading = readFilter(view.filter ?? "");
  const filter = "mistake" in reading ? undefined : reading.filter;
  const chosen = chosenSeverities(filter);
  return (
    <div class="counters" role="group" aria-label={words.top.counters}>
      {[...SEVERITIES].reverse().map((severity) => {
        const counter = frame?.counters[severity] ?? { open: 0, all: 0 };
        const bit = 1 << severity;
        const name = words.severity[severity] ?? "";
        const [open, all] = told(heat, words, counter.open, counter.all);
        return (
          <button
            type="button"
            key={severity}
            class={counter.all === 0 ? "counter none" : "counter"}
            aria-pressed={Boolean(chosen & bit)}
            title={words.top.counter(name, open, all)}
            data-severity={severity}
            onClick={() => filterBy(printFilter(chooseSeverities(filter, chosen ^ bit)))}
          >
            <Swatch palette={palette} severity={severity} />
            <span class="name">{name}</span>
            <Tally open={open} all={all} />
          </button>
        );
      })}
    </div>
  );
}

function TrayButton({ heat, words }: Props) {
  const { frame, view } = heat;
  const { worst, count, all } = frame?.unplaced ?? { worst: NONE, count: 0, all: 0 };
  const [open, whole] = told(heat, words, count, all);
  return (
    <button
      type="button"
      class={all === 0 ? "counter tray none" : "counter tray"}
      id="tray"
      aria-pressed={view.selection?.kind === "tray"}
      title={words.top.tray(open, whole)}
      onClick={() => {
        if (view.selection?.kind === "tray") drop("selection", "event");
        else go({ ...without(view, "event"), selection: { kind: "tray" } });
      }}
    >
      {worst === NONE ? null : (
        <Swatch palette={PALETTES[heat.taste.palette]} severity={worst} title={words.severity[worst] ?? ""} />
      )}
      <span class="name">{words.top.unplaced}</span>
      <Tally open={open} all={whole} />
    </button>
  );
}

/** What a chip says about its source, in one word, and how alarming that is. */
export function sourceState(source: Source, heat: State, words: Words) {
  // A picture that is held is judged by the moment it is of.
  const now = heat.frame?.frozen?.at ?? serverNow(heat);
  const generated = heat.frame?.generatedAt ?? Number.NaN;
  const fresh = now === undefined ? "unknown" : freshness(source, judgedAt(now, generated));
  const grave = fresh === "stale" || fresh === "unknown";
  if (grave) return { mood: "stale", text: words.source[fresh] };
  if (fresh === "late") return { mood: "late", text: words.source.late };
  if (source.status === "failed" || source.status === "partial") {
    return { mood: "late", text: words.source[source.status] };
  }
  return { mood: "fresh", text: words.source.fresh };
}

export function sourceName(source: Source, words: Words): string {
  if (source.kind === "inventory" || source.kind === "comments") return words.source[source.kind];
  return source.name;
}

/** `onlyBad`: those that cannot be trusted. */
export function Sources({ heat, words, onlyBad = false }: Props & { readonly onlyBad?: boolean }) {
  const { frame, view } = heat;
  const now = serverNow(heat);
  return (
    <div class="sources" role="group" aria-label={words.top.sources}>
      {frame?.sources.map((source) => {
        const { mood, text } = sourceState(source, heat, words);
        if (onlyBad && mood === "fresh") return null;
        const chosen = view.selection?.kind === "source" && view.selection.name === source.name;
        return (
          <button
            type="button"
            key={source.name}
            class={`chip ${mood}`}
            data-source={source.name}
            data-mood={mood}
            aria-pressed={chosen}
            title={source.error ?? text}
            onClick={() => {
              if (chosen) drop("selection", "event");
              else go({ ...without(view, "event"), selection: { kind: "source", name: source.name } });
            }}
          >
            <i aria-hidden="true" />
            <span>{sourceName(source, words)}</span>
            <b>{since(words, source.fetched_at, now)}</b>
            {mood === "fresh" ? <span class="unseen">{text}</span> : <em>{text}</em>}
          </button>
        );
      })}
      {onlyBad ? null : <TemplatesChip heat={heat} words={words} />}
    </div>
  );
}

function LiveDot({ heat, words }: Props) {
  const { tick, frame } = heat;
  const now = serverNow(heat);
  const text = words.line[tick.line];
  const title = [
    text,
    ...(frame ? [words.line.revision(frame.revision)] : []),
    ...(frame && now !== undefined ? [words.ago(age(words, now - frame.generatedAt))] : []),
    ...(tick.trouble ? [tick.trouble] : []),
  ].join(" · ");
  return (
    <span
      class={`dot ${tick.line}`}
      id="line"
      data-line={tick.line}
      title={title}
      role="img"
      aria-label={text}
    />
  );
}
