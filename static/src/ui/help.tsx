/** Keys and signs on one page. */
import { PALETTES, type PaletteName } from "../core/palette.ts";
import { Choice } from "./choice.tsx";
import { Modal } from "./modal.tsx";
import { closeDialog, prefer, THEMES, ZONES } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import type { Props } from "./top.tsx";

export function Help({ heat, words }: Props) {
  return (
    <Modal class="help" label={words.help.title} onClose={closeDialog}>
      {/* Else the focus goes to the first choice, far below. */}
      <h2 tabIndex={-1} autofocus>
        {words.help.title}
      </h2>
      <div class="columns">
        <dl>
          {words.help.keys.map(([key, meaning]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
        <div>
          <dl>
            {words.help.signs.map(([sign, meaning]) => (
              <div key={sign}>
                <dt>{sign}</dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
          <h3>{words.help.filterTitle}</h3>
          <p>{words.help.filterHow}</p>
          <dl class="grammar">
            {words.help.filters.map(([filter, meaning]) => (
              <div key={filter}>
                <dt>
                  <code>{filter}</code>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </div>
      </div>
      <Choice
        name="palette"
        label={words.help.paletteLabel}
        of={Object.keys(PALETTES) as PaletteName[]}
        chosen={heat.taste.palette}
        said={(name) => (
          <>
            <span class="swatches">
              {PALETTES[name].map((_, severity) => (
                <Swatch key={severity} palette={PALETTES[name]} severity={severity} />
              ))}
            </span>
            {words.help.palettes[name]}
          </>
        )}
        onChoose={(palette) => prefer({ palette })}
      />
      <Choice
        name="theme"
        label={words.help.themeLabel}
        of={THEMES}
        chosen={heat.taste.theme}
        said={(theme) => words.help.themes[theme]}
        onChoose={(theme) => prefer({ theme })}
      />
      <Choice
        name="zone"
        label={words.help.zoneLabel}
        of={ZONES}
        chosen={heat.taste.zone}
        said={(zone) => words.help.zones[zone]}
        onChoose={(zone) => prefer({ zone })}
      />
      <form method="dialog">
        <button type="submit">{words.help.close}</button>
      </form>
    </Modal>
  );
}
