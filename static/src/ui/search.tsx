/** The search box: a rack or a device by name; Enter jumps there. */
import { useState } from "preact/hooks";
import type { Found } from "../core/search.ts";
import { current, find, turn } from "./state.ts";
import type { Props } from "./top.tsx";

function jump(found: Found): void {
  const { plan } = current();
  const rack = plan?.racks[found.rack];
  const selection = { kind: found.kind, id: found.id } as const;
  turn(rack ? { rack: rack.id, selection } : { selection });
}

export function Search({ heat, words }: Props) {
  const [text, setText] = useState("");
  const [chosen, choose] = useState(0);
  const [focused, setFocused] = useState(false);
  const answers = heat.found?.text === text ? heat.found.found : [];
  const open = focused && text.trim() !== "" && heat.found?.text === text;

  const take = (found: Found | undefined) => {
    if (!found) return;
    jump(found);
    setText("");
    (document.activeElement as HTMLElement | null)?.blur();
    document.getElementById("map")?.focus();
  };

  return (
    <div class="search">
      <input
        id="search"
        type="text"
        role="combobox"
        enterkeyhint="go"
        autocomplete="off"
        spellcheck={false}
        placeholder={`/  ${words.top.search}`}
        aria-label={words.top.searchLabel}
        aria-expanded={open}
        aria-controls="found"
        aria-activedescendant={open && answers[chosen] ? `found-${chosen}` : undefined}
        value={text}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onInput={(event) => {
          const value = event.currentTarget.value;
          setText(value);
          choose(0);
          find(value);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") choose(Math.min(answers.length - 1, chosen + 1));
          else if (event.key === "ArrowUp") choose(Math.max(0, chosen - 1));
          else if (event.key === "Enter") take(answers[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      <ul id="found" role="listbox" aria-label={words.top.searchLabel} hidden={!open}>
        {answers.map((found, i) => (
          <li
            key={`${found.kind}${found.id}`}
            id={`found-${i}`}
            role="option"
            aria-selected={i === chosen}
            // Before the field loses the focus, which closes the list.
            onMouseDown={() => take(found)}
          >
            <b>{found.name}</b>
            <span>{found.place}</span>
          </li>
        ))}
        {answers.length === 0 ? (
          <li role="option" aria-selected={false} aria-disabled={true}>
            {words.top.nothingFound}
          </li>
        ) : null}
      </ul>
    </div>
  );
}
