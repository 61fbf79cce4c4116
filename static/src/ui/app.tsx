/** The page: the strip on top, the map, the list, the panel, and the keys. */
import { useEffect } from "preact/hooks";
import { readView, up, without, zoomOut } from "../core/url.ts";
import { ActDialog } from "./act.tsx";
import { useAlarm } from "./alarm.ts";
import { Help } from "./help.tsx";
import { Kiosk } from "./kiosk.tsx";
import { EventList } from "./list.tsx";
import { MapArea } from "./map.tsx";
import { NoteDialog } from "./notes.tsx";
import { Panel } from "./panel.tsx";
import {
  current,
  drop,
  freeze,
  go,
  goNext,
  mayAct,
  openDialog,
  pick,
  pickAll,
  pickNothing,
  thaw,
  turn,
  useHeat,
} from "./state.ts";
import { mute, SoundDialog } from "./sound.tsx";
import { TemplatesDialog, useTemplates } from "./templates.tsx";
import { Ticketing } from "./ticketing.tsx";
import { type Props, Top } from "./top.tsx";
import { useSavedView, ViewsDialog } from "./views.tsx";
import { keyPressed } from "../core/keys.ts";

/** Whether a key belongs to a field that is being typed in. */
function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) || isTextInput(target))
  );
}

function isTextInput(target: HTMLElement): boolean {
  return target instanceof HTMLInputElement && !/^(checkbox|radio|range)$/.test(target.type);
}

/** What a key does, by its name; the rest is the map's and the list's. */
const KEYS: Readonly<Record<string, () => void>> = {
  "/": () => document.getElementById("search")?.focus(),
  "?": () => openDialog({ kind: "help" }),
  p: () => turn({ pinned: !current().view.pinned }),
  t: () => mayAct(current()) && openDialog({ kind: "ticket" }),
  a: () => mayAct(current()) && openDialog({ kind: "acknowledge" }),
  c: () => {
    const heat = current();
    if (!mayAct(heat)) return;
    const box = document.getElementById("comment");
    if (box && heat.picked.size === 0) box.focus();
    else openDialog({ kind: "comment" });
  },
  h: () => (current().view.changes ? drop("changes") : turn({ changes: true })),
  v: () => openDialog({ kind: "views" }),
  u: () => turn({ selection: { kind: "tray" } }),
  n: () => goNext(false),
  N: () => goNext(true),
  x: () => {
    const { cursor, detail, view } = current();
    const open = view.event !== undefined && detail?.event;
    if (open) pick([open.event.id]);
    else if (cursor !== undefined && view.rack === undefined) pickAll(cursor);
  },
  l: () => {
    const { list } = current().view;
    if (list === "page") drop("list");
    else turn({ list: list === undefined ? "drawer" : "page" });
  },
  " ": () => freeze(!current().frame?.frozen),
  Escape: () => {
    if (current().picked.size > 0) pickNothing();
    else go(up(current().view));
  },
  "-": () => go(zoomOut(current().view)),
  m: () => mute(current()),
  k: () => {
    // A wall is never held.
    thaw();
    go({ ...without(current().view, "list", "changes", "event", "selection", "rack"), kiosk: true });
  },
};

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const { target } = event;
  const key = keyPressed(event);
  // A dialog has keys of its own: Escape closes, and the rest belongs to what is typed.
  // One that is closing has them no more, one that has just been asked for has them already.
  const dialog = document.querySelector("dialog");
  if (current().dialog && (!dialog || dialog.open)) return;
  if (isTyping(target)) {
    // Leaving a field keeps what was typed; the next Escape goes up.
    if (key === "Escape") (target as HTMLElement).blur();
    return;
  }
  // Space presses the button that has the focus.
  if (key === " " && target instanceof HTMLElement && target.closest("button, a, input, summary")) return;
  const { kiosk } = current().view;
  // A wall does nothing but be left.
  const press = kiosk ? { k: leaveKiosk, Escape: leaveKiosk, m: KEYS.m }[key] : KEYS[key];
  if (!press) return;
  press();
  event.preventDefault();
}

/** As the address was: what the wall showed last is no matter. */
function leaveKiosk(): void {
  go(without(readView(location.search), "kiosk", "rotate", "every"));
}

function Over({ heat, words }: Props) {
  const { dialog } = heat;
  if (!dialog) return null;
  switch (dialog.kind) {
    case "ticket":
      return <Ticketing heat={heat} words={words} id={dialog.id} />;
    case "templates":
      return <TemplatesDialog heat={heat} words={words} />;
    case "views":
      return <ViewsDialog heat={heat} words={words} />;
    case "sound":
      return <SoundDialog heat={heat} words={words} />;
    case "help":
      return <Help heat={heat} words={words} />;
    case "note":
      return <NoteDialog heat={heat} words={words} places={dialog.places} note={dialog.note} />;
    default:
      return <ActDialog heat={heat} words={words} kind={dialog.kind} />;
  }
}

export function App() {
  const heat = useHeat();
  const { words, view } = heat;
  useTemplates(heat);
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  useAlarm(heat);
  useSavedView(heat);
  if (view.kiosk) return <Kiosk heat={heat} words={words} />;
  return (
    <div class={view.pinned ? "page" : "page unpinned"}>
      <Top heat={heat} words={words} />
      <main class="body">
        <div class="middle">
          {view.list === "page" ? null : <MapArea heat={heat} words={words} />}
          {view.list ? <EventList heat={heat} words={words} /> : null}
        </div>
        {view.pinned || view.selection || view.event !== undefined || view.changes ? (
          <Panel heat={heat} words={words} />
        ) : null}
      </main>
      <Over heat={heat} words={words} />
    </div>
  );
}
