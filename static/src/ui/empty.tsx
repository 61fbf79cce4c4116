/** What the map says when there is nothing to draw: what is missing, and what to configure. */
import { isMonitor } from "../core/clock.ts";
import type { State } from "./state.ts";
import type { Words } from "./words/index.ts";

export type EmptyState =
  "waiting" | "noSnapshot" | "noInventory" | "emptyInventory" | "inventoryComing" | "noSources";

export function emptyState({ frame, plan, tick }: State): EmptyState | undefined {
  if (!frame) return tick.trouble === undefined ? "waiting" : "noSnapshot";
  if (!frame.sources.some(isMonitor)) return "noSources";
  if (frame.inventory === "none") return "noInventory";
  if (!plan) return "inventoryComing";
  return plan.racks.length === 0 ? "emptyInventory" : undefined;
}

interface Props {
  readonly state: EmptyState;
  readonly words: Words;
  readonly trouble: string | undefined;
}

export function Empty({ state, words, trouble }: Props) {
  const address = state === "waiting" ? ` ${location.host}` : "";
  return (
    <div class="empty" role="status" data-state={state}>
      <h2>{words.empty[state]}</h2>
      <p>
        {words.empty[`${state}Hint`]}
        {address}
      </p>
      {trouble === undefined ? null : <p class="why">{trouble}</p>}
      {state === "waiting" || state === "inventoryComing" ? null : <a href="/status">{words.empty.status}</a>}
    </div>
  );
}
