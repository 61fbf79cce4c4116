/** The breadcrumb: where the map is, and the way back up. */
import { type PlanRow, tabByKey } from "../core/plan.ts";
import { kept } from "../core/url.ts";
import { Band, Held } from "./band.tsx";
import { go, turn } from "./state.ts";
import { type Props, silenceOf } from "./top.tsx";

/** A row's name, with the place it stands in. */
export function nameOf({ place, name }: PlanRow): string {
  return [place, name].filter((part) => part !== "").join(" / ");
}

export function Crumbs({ heat, words }: Props) {
  const { plan, view, detail } = heat;
  const base = kept(view);
  const index = plan?.racks.findIndex((rack) => rack.id === view.rack) ?? -1;
  const rack = plan?.racks[index];
  const row = rack ? plan?.rows[rack.row] : plan?.rows.find(({ id }) => id === view.row);
  const tabIndex = row?.tab ?? (plan && tabByKey(plan, view.dc));
  const tab = tabIndex === undefined ? undefined : plan?.tabs[tabIndex];
  const named = plan !== undefined && plan.tabs.length > 1;
  const here = rack ? 3 : row ? 2 : tab && named ? 1 : 0;
  const racks = plan
    ? row && !rack
      ? row.slots.filter((slot) => slot >= 0).length
      : tab && !rack
        ? tab.rows.reduce((sum, r) => sum + (plan.rows[r]?.slots.filter((slot) => slot >= 0).length ?? 0), 0)
        : plan.racks.length
    : 0;
  const shown = detail?.rack && plan?.racks[detail.rack.rack] === rack ? detail.rack : undefined;
  return (
    <div class="crumbs">
      <nav aria-label={words.map.crumbs}>
        <ol>
          <li>
            <button type="button" aria-current={here === 0 ? "location" : undefined} onClick={() => go(base)}>
              {words.map.site}
            </button>
          </li>
          {tab && named ? (
            <li>
              <button
                type="button"
                aria-current={here === 1 ? "location" : undefined}
                onClick={() => go({ ...base, dc: tab.key })}
              >
                {tab.name || words.top.nowhere}
              </button>
            </li>
          ) : null}
          {row ? (
            <li>
              <button
                type="button"
                aria-current={here === 2 ? "location" : undefined}
                onClick={() => go({ ...base, ...(tab && named ? { dc: tab.key } : {}), row: row.id })}
              >
                {nameOf(row)}
              </button>
            </li>
          ) : null}
          {rack ? (
            <li>
              <button
                type="button"
                aria-current="location"
                onClick={() => turn({ selection: { kind: "rack", id: rack.id } })}
              >
                {rack.name}
              </button>
            </li>
          ) : null}
        </ol>
      </nav>
      <Held heat={heat} words={words} />
      <Band heat={heat} words={words} />
      <span class="facts">
        {rack
          ? [
              words.units(rack.height),
              ...(shown ? [words.devices(shown.devices.length + shown.quiet)] : []),
            ].join(" · ")
          : racks > 0
            ? words.racks(racks) + (row ? "" : silenceOf(heat, words))
            : ""}
      </span>
    </div>
  );
}
