/**
 * The colours of the map. The map's ground is dark in both themes, so that a severity looks the same on the wall
 * and on a laptop in daylight. `palette.test.ts` proves the distances between the severities for colour-blind eyes
 * and their contrast against a calm cell.
 */
import { NONE } from "./model.ts";

export type PaletteName = "heat" | "zabbix";

/** By severity, 0 not classified … 5 disaster. */
export const PALETTES: Readonly<Record<PaletteName, readonly string[]>> = {
  heat: ["#7d868f", "#8ac1e9", "#f7efbe", "#ffac15", "#ea2c28", "#b548ec"],
  // As Zabbix ships them: familiar, but high and disaster look alike to many.
  zabbix: ["#97aab3", "#7499ff", "#ffc859", "#ffa059", "#e97659", "#e45959"],
};

export const GROUND = "#14171b";
/** Watched and quiet. */
export const CALM = "#2a2f36";
/** Lines of a hatch that says: no data. */
export const SILENT = "#59626d";
/** Outline of what nobody watches. */
export const HOLLOW = "#3a414a";
export const LIGHT_INK = "#e8ebee";
export const DARK_INK = "#0c0e10";

function luminance(hex: string): number {
  const channel = (from: number) => (Number.parseInt(hex.slice(from, from + 2), 16) / 255) ** 2.2;
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

/** The ink that reads best on a fill. */
export function inkOn(fill: string): string {
  // Where black and white give the same contrast.
  return luminance(fill) > 0.179 ? DARK_INK : LIGHT_INK;
}

/** Fill of a severity, or of a calm cell for `NONE`. */
export function fillOf(palette: readonly string[], severity: number): string {
  return severity === NONE ? CALM : (palette[severity] ?? CALM);
}
