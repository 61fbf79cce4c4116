/** Keys and signs on one page. */
import { PALETTES, type PaletteName } from "../core/palette.ts";
import { Modal } from "./modal.tsx";
import { closeDialog, prefer, THEMES, ZONES } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import type { Props } from "./top.tsx";

export function Help({ heat, words }: Props) {
  return (
    <Modal class="help" label={words.help.title} onClose={closeDialog}>
      <h2>{words.help.title}</h2>
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
        <dl>
          {words.help.signs.map(([sign, meaning]) => (
            <div key={sign}>
              <dt>{sign}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </div>
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
      <fieldset>
        <legend>{words.help.paletteLabel}</legend>
        <div>
          {(Object.keys(PALETTES) as PaletteName[]).map((name) => (
            <label key={name}>
              <input
                type="radio"
                name="palette"
                checked={heat.taste.palette === name}
                onChange={() => prefer({ palette: name })}
              />
              <span class="swatches">
                {PALETTES[name].map((_, severity) => (
                  <Swatch key={severity} palette={PALETTES[name]} severity={severity} />
                ))}
              </span>
              {words.help.palettes[name]}
            </label>
          ))}
        </div>
      </fieldset>
      <fieldset>
        <legend>{words.help.themeLabel}</legend>
        <div>
          {THEMES.map((theme) => (
            <label key={theme}>
              <input
                type="radio"
                name="theme"
                checked={heat.taste.theme === theme}
                onChange={() => prefer({ theme })}
              />
              {words.help.themes[theme]}
            </label>
          ))}
        </div>
      </fieldset>
      <fieldset>
        <legend>{words.help.zoneLabel}</legend>
        <div>
          {ZONES.map((zone) => (
            <label key={zone}>
              <input
                type="radio"
                name="zone"
                checked={heat.taste.zone === zone}
                onChange={() => prefer({ zone })}
              />
              {words.help.zones[zone]}
            </label>
          ))}
        </div>
      </fieldset>
      <form method="dialog">
        <button type="submit">{words.help.close}</button>
      </form>
    </Modal>
  );
}
