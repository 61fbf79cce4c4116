/** The page: the strip on top, the map, the panel, and the keys. */
import { useEffect } from "preact/hooks";
import { up } from "../core/url.ts";
import { Help } from "./help.tsx";
import { MapArea } from "./map.tsx";
import { Panel } from "./panel.tsx";
import { change, current, go, mayAct, openTicket, turn, useHeat } from "./state.ts";
import { TemplatesDialog, useTemplates } from "./templates.tsx";
import { Ticketing } from "./ticketing.tsx";
import { Top } from "./top.tsx";
import { WORDS } from "./words/index.ts";

/** Whether a key belongs to a field that is being typed in. */
function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { view, helpOpen, ticketing, templatesOpen } = current();
  // These have keys of their own: Escape closes, and the rest belongs to what is typed.
  if (ticketing !== undefined || templatesOpen) return;
  if (isTyping(event.target)) {
    // Leaving a field keeps what was typed; the next Escape goes up.
    if (event.key === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  switch (event.key) {
    case "/":
      document.getElementById("search")?.focus();
      break;
    case "?":
      change({ helpOpen: !helpOpen });
      break;
    case "Escape":
    case "-":
      if (helpOpen) change({ helpOpen: false });
      else go(up(view));
      break;
    case "p":
      turn({ bare: !view.bare });
      break;
    case "t":
      if (!mayAct(current())) return;
      openTicket("new");
      break;
    case "u":
      turn({ selection: { kind: "tray" } });
      break;
    default:
      return;
  }
  event.preventDefault();
}

export function App() {
  const heat = useHeat();
  const words = WORDS[heat.taste.language];
  useTemplates(heat);
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const open = heat.frame?.tabs.reduce((sum, tab) => sum + tab.count, 0) ?? 0;
  useEffect(() => {
    document.title = open > 0 ? `(${open}) Heat` : "Heat";
  }, [open]);

  return (
    <div class={heat.view.bare ? "page bare" : "page"}>
      <Top heat={heat} words={words} />
      <main class="body">
        <MapArea heat={heat} words={words} />
        {heat.view.bare ? null : <Panel heat={heat} words={words} />}
      </main>
      {heat.ticketing === undefined ? null : <Ticketing heat={heat} words={words} />}
      {heat.templatesOpen ? <TemplatesDialog heat={heat} words={words} /> : null}
      {heat.helpOpen ? <Help heat={heat} words={words} /> : null}
    </div>
  );
}
