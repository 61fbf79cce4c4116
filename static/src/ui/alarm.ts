/** What calls somebody to the screen: a sound, a notification, the title and the icon. Off until switched on. */
import { useEffect, useRef } from "preact/hooks";
import type { PaletteName } from "../core/palette.ts";
import type { State } from "./state.ts";

/** Two sounds are at least this far apart; a reminder comes this long after the last one. */
const APART_MS = 10_000;
const REMIND_MS = 60_000;

let speaker: AudioContext | undefined;

/** Browsers let a page be heard only after somebody has touched it. */
export function openSpeaker(): void {
  speaker ??= new AudioContext();
  void speaker.resume();
}

/** Whether what should be heard is not: the browser waits for somebody to touch the page. */
export function isMuffled({ taste }: State): boolean {
  return taste.sound !== "off" && speaker?.state !== "running";
}

/** Two tones; the worse, the higher and the more often. */
export function sound(severity: number, volume: number): void {
  openSpeaker();
  if (!speaker) return;
  for (let i = 0; i < (severity >= 5 ? 3 : 2); i++) {
    const [tone, gain] = [speaker.createOscillator(), speaker.createGain()];
    const from = speaker.currentTime + i * 0.22;
    tone.frequency.value = (severity >= 4 ? 740 : 520) * (i % 2 ? 0.75 : 1);
    gain.gain.setValueAtTime(0, from);
    gain.gain.linearRampToValueAtTime(volume / 100, from + 0.02);
    gain.gain.linearRampToValueAtTime(0, from + 0.2);
    tone.connect(gain).connect(speaker.destination);
    tone.start(from);
    tone.stop(from + 0.22);
  }
}

/** What is sounded and when, by taste; pure, so that it can be told without listening. */
export function dueSound(
  taste: State["taste"],
  rung: number | undefined,
  waiting: readonly number[],
  sinceLast: number,
): number | undefined {
  const from = Number(taste.sound);
  if (taste.sound === "off" || sinceLast < APART_MS) return undefined;
  if (rung !== undefined && rung >= from) return rung;
  const worst = waiting.findLastIndex((count) => count > 0);
  return taste.repeat === "yes" && worst >= from && sinceLast >= REMIND_MS ? worst : undefined;
}

/** The icons are files of their own (`public/`): the security policy refuses a `data:` address. */
function paintIcon(palette: PaletteName, worst: number): void {
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (icon) icon.href = worst < 0 ? "/favicon.svg" : `/favicon-${palette}-${worst}.svg`;
}

export function useAlarm(heat: State): void {
  const { rings, taste, frame, beat } = heat;
  const mapSeverity = heat.me?.settings.map_severity ?? 2;
  const waiting = frame?.waiting ?? [];
  const open = waiting.slice(mapSeverity).reduce((sum, count) => sum + count, 0);
  const worst = waiting.findLastIndex((count, severity) => count > 0 && severity >= mapSeverity);
  const last = useRef(Number.NEGATIVE_INFINITY);
  /** The worst that rang and was not sounded yet: it came too soon after another one. */
  const owed = useRef<number | undefined>(undefined);

  const wanted = taste.sound !== "off";
  useEffect(() => {
    if (!wanted) return;
    const touched = ["pointerdown", "keydown"];
    for (const touch of touched) addEventListener(touch, openSpeaker);
    openSpeaker();
    return () => {
      for (const touch of touched) removeEventListener(touch, openSpeaker);
    };
  }, [wanted]);
  // There may be more than a source that is silent has told.
  const title = open > 0 ? `(${frame?.atLeast ? "≥ " : ""}${open}) Heat` : "Heat";
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    paintIcon(taste.palette, worst);
  }, [worst, taste.palette]);
  useEffect(() => {
    for (const { severity, name, host, key } of rings ?? []) {
      owed.current = Math.max(owed.current ?? 0, severity);
      if (
        taste.notify === "yes" &&
        "Notification" in window &&
        Notification.permission === "granted" &&
        severity >= Number(wanted ? taste.sound : taste.loud)
      ) {
        new Notification(name, { body: host, tag: key });
      }
    }
  }, [rings]);
  useEffect(() => {
    const now = performance.now();
    const due = dueSound(taste, owed.current, waiting, now - last.current);
    if (now - last.current >= APART_MS) owed.current = undefined;
    if (due === undefined) return;
    last.current = now;
    sound(due, Number(taste.volume));
    performance.mark("heat: sound");
  }, [rings, beat]);
}
