/** The signs of the map, always in sight. */
import { SEVERITIES } from "../core/model.ts";
import { Swatch } from "./swatch.tsx";
import type { Words } from "./words/index.ts";

export function Legend({ palette, words }: { readonly palette: readonly string[]; readonly words: Words }) {
  return (
    <ul class="legend" aria-label={words.legend.label}>
      {SEVERITIES.map((severity) => (
        <li key={severity}>
          <Swatch palette={palette} severity={severity} />
          {words.severity[severity]}
        </li>
      ))}
      {(["handled", "fresh", "calm", "silent", "unwatched"] as const).map((sign) => (
        <li key={sign}>
          <span class={`sign ${sign}`} aria-hidden="true" />
          {words.legend[sign]}
        </li>
      ))}
    </ul>
  );
}
