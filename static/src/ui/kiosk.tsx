/**
 * The wall: nothing but the map, large. It shows one data centre or several in turn, jumps to where something bad begins
 * and stays there until somebody takes care of it.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { PALETTES } from "../core/palette.ts";
import { tabByKey } from "../core/plan.ts";
import { isMuffled } from "./alarm.ts";
import { Band } from "./band.tsx";
import { MapArea } from "./map.tsx";
import { show, serverNow, type State, zoneOf } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import { atLeast, calmOf, type Props, silenceOf, Sources } from "./top.tsx";

const DEFAULT_EVERY_S = 30;
/** From this severity on the wall jumps. */
const JUMPS_FROM = 4;
const HOLDS_MS = 300_000;
const LOOK_FOR_NEW_PAGE_MS = 60_000;

interface Hold {
  readonly key: string;
  readonly tab: string;
  readonly name: string;
  readonly until: number;
}

/** What holds the wall, if anything. */
function useHold({ rings, detail, beat }: State): Hold | undefined {
  const [hold, setHold] = useState<Hold | undefined>(undefined);
  useEffect(() => {
    const worst = (rings ?? [])
      .filter(({ tab, severity }) => tab !== undefined && severity >= JUMPS_FROM)
      .sort((a, b) => b.severity - a.severity)[0];
    if (worst?.tab === undefined) return;
    const { key, tab, name, host } = worst;
    setHold({ key, tab, name: `${host}: ${name}`, until: performance.now() + HOLDS_MS });
  }, [rings]);
  const over = hold && (performance.now() > hold.until || !detail?.urgent.includes(hold.key));
  useEffect(() => {
    if (over) setHold(undefined);
  }, [over, beat]);
  return over ? undefined : hold;
}

/** Keeps the screen awake while the page is seen. */
function useWakefulness(): void {
  useEffect(() => {
    const stay = () => {
      // Not every browser can, and on a battery it may refuse.
      if (document.visibilityState === "visible") navigator.wakeLock?.request("screen").catch(() => {});
    };
    stay();
    document.addEventListener("visibilitychange", stay);
    return () => document.removeEventListener("visibilitychange", stay);
  }, []);
}

/** A wall that nobody touches takes the newer page by itself. */
function useNewPage(): void {
  useEffect(() => {
    let known: string | undefined;
    const look = async () => {
      const answer = await fetch("/version.json", { cache: "no-store" }).catch(() => undefined);
      if (!answer?.ok) return;
      const version = await answer.text();
      if (known !== undefined && version !== known) location.reload();
      known = version;
    };
    void look();
    const timer = setInterval(() => void look(), LOOK_FOR_NEW_PAGE_MS);
    return () => clearInterval(timer);
  }, []);
}

export function Kiosk({ heat, words }: Props) {
  const { view, plan, frame } = heat;
  // What the address says stays there; what is shown moves.
  const [home] = useState(view);
  const round = home.rotate ?? [];
  const [step, setStep] = useState(0);
  const hold = useHold(heat);
  useWakefulness();
  useNewPage();
  useEffect(() => {
    if (round.length < 2 || hold) return;
    const timer = setInterval(() => setStep((n) => n + 1), (home.every ?? DEFAULT_EVERY_S) * 1000);
    return () => clearInterval(timer);
  }, [round.length, hold === undefined]);
  const wanted = hold?.tab ?? round[step % Math.max(1, round.length)] ?? home.dc;
  const shown = useRef(view.dc);
  useEffect(() => {
    if (shown.current === wanted) return;
    shown.current = wanted;
    const { dc: _, ...rest } = home;
    show({ ...rest, ...(wanted === undefined ? {} : { dc: wanted }) });
  }, [wanted]);

  const tab = plan && tabByKey(plan, view.dc);
  const count = (tab === undefined ? frame?.whole : frame?.tabs[tab])?.count ?? 0;
  const unplaced = frame?.unplaced;
  // Else a mistyped address would pass for all racks.
  const strayed = plan
    ? [home.dc, ...round].filter((key) => key !== undefined && tabByKey(plan, key) === undefined)
    : [];
  const now = serverNow(heat);
  const clock =
    now === undefined
      ? ""
      : new Date(now).toLocaleTimeString(words.locale, {
          hour: "2-digit",
          minute: "2-digit",
          ...(zoneOf(heat) ? { timeZone: zoneOf(heat) } : {}),
        });
  return (
    <div class="page kiosk">
      <header class="kiosk-bar">
        <h1>{tab === undefined ? words.map.site : plan?.tabs[tab]?.name}</h1>
        {heat.savedView ? <span>{heat.savedView.name ?? words.view.gone}</span> : null}
        <b class="kiosk-count">
          {count > 0
            ? words.state.unhandled(atLeast(words, frame?.atLeast, words.number(count))) +
              silenceOf(heat, words)
            : calmOf(heat, words)}
        </b>
        {unplaced && unplaced.count > 0 ? (
          <span class="kiosk-unplaced">
            <Swatch
              palette={PALETTES[heat.taste.palette]}
              severity={unplaced.worst}
              title={words.severity[unplaced.worst] ?? ""}
            />
            {words.top.unplaced} {atLeast(words, frame?.atLeast, words.number(unplaced.count))}
          </span>
        ) : null}
        {strayed.length > 0 ? <span class="why">{words.kiosk.noTab(strayed.join(", "))}</span> : null}
        <span class="held" role="status">
          {hold?.name}
        </span>
        <Band heat={heat} words={words} />
        {isMuffled(heat) ? <span class="why">{words.sound.muffled}</span> : null}
        <Sources heat={heat} words={words} onlyBad />
        <time>{clock}</time>
      </header>
      <main class="body">
        <MapArea heat={heat} words={words} />
      </main>
    </div>
  );
}
