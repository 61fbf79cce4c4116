/**
 * The search box: a rack or a device by name, where Enter jumps, or a filter, which dims the rest. It shows the filter
 * that is in force until somebody types.
 */
import { useEffect, useState } from "preact/hooks";
import type { Answers } from "../api/protocol.ts";
import { isWords, type Mistake, readFilter } from "../core/filter.ts";
import type { Found } from "../core/search.ts";
import { spotAt } from "../core/spot.ts";
import { Leave } from "./leave.tsx";
import { current, filterBy, find, turn } from "./state.ts";
import { atLeast, type Props } from "./top.tsx";
import { mistakeOf } from "./words/mistake.ts";

function jump(found: Found): void {
  const { plan } = current();
  const rack = plan?.racks[found.rack];
  const selection = { kind: found.kind, id: found.id } as const;
  turn(rack ? { rack: rack.id, selection } : { selection });
}

/** A rack or device to jump to, or the text as a filter. */
type Option = Found | "filter";

/**
 * What the text may mean, the likeliest first: it is a name if it is nothing but words and something is called so, or
 * nearly so; else a filter.
 */
function optionsOf({ text, found, passed }: Answers): Option[] {
  const reading = readFilter(text);
  if ("mistake" in reading || passed === undefined) return [...found];
  const isName = found[0]?.begins === true && isWords(reading.filter);
  return isName ? [...found, "filter"] : ["filter", ...found];
}

export function Search({ heat, words }: Props) {
  const { filter = "" } = heat.view;
  const [draft, setDraft] = useState<string | undefined>(undefined);
  const [chosen, choose] = useState(0);
  const [focused, setFocused] = useState(false);
  // Enter came before the worker had said what the text may mean.
  const [entered, setEntered] = useState<string | undefined>(undefined);
  // Another filter came into force: by a counter, by Back, by a link.
  useEffect(() => setDraft(undefined), [filter]);

  const text = draft ?? filter;
  const answers = heat.found?.text === text ? heat.found : undefined;
  const options = answers ? optionsOf(answers) : [];
  const open = focused && draft !== undefined && text.trim() !== "" && answers !== undefined;
  const reading = readFilter(text);
  // What may still become a name is not called a mistake.
  const isWrong = "mistake" in reading && (draft === undefined || (open && options.length === 0));

  const leave = () => {
    setDraft(undefined);
    (document.activeElement as HTMLElement | null)?.blur();
    document.getElementById("map")?.focus();
  };
  const take = (option: Option | undefined) => {
    if (option === undefined) return;
    if (option === "filter") filterBy(text.trim());
    else jump(option);
    leave();
  };
  const enter = () => {
    if (text.trim() !== "") return answers ? take(open ? options[chosen] : undefined) : setEntered(text);
    filterBy("");
    leave();
  };
  useEffect(() => {
    if (entered === undefined || (entered === text && !answers)) return;
    setEntered(undefined);
    // Whoever typed on has another text in mind.
    if (entered === text && open) take(options[0]);
  }, [entered, text, answers]);

  return (
    <div class="search" role="search">
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
        aria-activedescendant={open && options[chosen] ? `found-${chosen}` : undefined}
        aria-invalid={isWrong}
        aria-describedby={isWrong ? "mistake" : undefined}
        value={text}
        onFocus={(event) => {
          setFocused(true);
          event.currentTarget.select();
        }}
        onBlur={() => {
          setFocused(false);
          // What was typed stays, but never passes for the filter that is in force.
          if (filter !== "") setDraft(undefined);
        }}
        onInput={(event) => {
          const value = event.currentTarget.value;
          setDraft(value);
          choose(0);
          find(value);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") choose(Math.min(options.length - 1, chosen + 1));
          else if (event.key === "ArrowUp") choose(Math.max(0, chosen - 1));
          else if (event.key === "Enter") enter();
          else return;
          event.preventDefault();
        }}
      />
      {filter !== "" && !focused ? <Leave label={words.filter.clear} onLeave={() => filterBy("")} /> : null}
      <ul
        id="found"
        role="listbox"
        aria-label={words.top.searchLabel}
        hidden={!open || (isWrong && options.length === 0)}
      >
        {options.map((option, i) => (
          <li
            key={option === "filter" ? option : `${option.kind}${option.id}`}
            id={`found-${i}`}
            role="option"
            aria-selected={i === chosen}
            // Before the field loses the focus, which closes the list.
            onMouseDown={() => take(option)}
          >
            {option === "filter" ? (
              <em>
                {words.filter.show(atLeast(words, heat.frame?.atLeast, words.events(answers?.passed ?? 0)))}
              </em>
            ) : (
              <>
                <b>{option.name}</b>
                <span>{option.place}</span>
              </>
            )}
          </li>
        ))}
      </ul>
      {isWrong ? (
        <p id="mistake" class="mistake" role="status">
          <Spot text={text} mistake={reading.mistake} />
          {mistakeOf(words, reading.mistake)}
        </p>
      ) : null}
    </div>
  );
}

/** So many characters are shown on either side of a mistake. */
const AROUND = 24;

/** The text around the mistake, with a mark under its word. */
function Spot({ text, mistake }: { readonly text: string; readonly mistake: Mistake }) {
  const { before, word, after } = spotAt(text, mistake.position, AROUND);
  return (
    <code>
      {before}
      <mark>{word || "\u00a0"}</mark>
      {after}
    </code>
  );
}
