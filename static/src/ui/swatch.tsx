/** A severity's colour with its digit, so that it never stands for itself. */
import { fillOf, inkOn } from "../core/palette.ts";

export interface SwatchProps {
  readonly palette: readonly string[];
  readonly severity: number;
  readonly title?: string;
  /** Somebody takes care of it: hatched. */
  readonly handled?: boolean;
}

export function Swatch({ palette, severity, title, handled }: SwatchProps) {
  const fill = fillOf(palette, severity);
  return (
    <span
      class={handled ? "swatch handled" : "swatch"}
      style={handled ? { borderColor: fill, color: fill } : { background: fill, color: inkOn(fill) }}
      {...(title ? { title, role: "img", "aria-label": title } : { "aria-hidden": true })}
    >
      {severity}
    </span>
  );
}
