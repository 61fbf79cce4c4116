/** The first days with Heat: thousands of old problems that nobody will act on now drown what is new. */
import { useState } from "preact/hooks";
import { acknowledge, Refusal, why } from "../api/rest.ts";
import { Trouble } from "./modal.tsx";
import { mayAct } from "./state.ts";
import type { Props } from "./top.tsx";

/** So many old ones are a backlog; fewer are taken on one by one. */
const MANY = 20;
/** Written so that it means what the worker counts. */
const FILTER = "age>7d -handled";

export function Backlog({ heat, words }: Props) {
  const old = heat.frame?.old ?? 0;
  const [closed, close] = useState(false);
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | undefined>(undefined);
  /** How many the server says they are. */
  const [told, setTold] = useState<number | undefined>(undefined);
  if (closed || old < MANY || !mayAct(heat)) return null;
  const take = async () => {
    setBusy(true);
    try {
      const text = words.backlog.text;
      await acknowledge({ filter: FILTER, count: told ?? old, until_worsens: true, text });
      close(true);
    } catch (error) {
      // Some came to that age, or cleared, meanwhile: the next try is about as many as there are.
      if (error instanceof Refusal) setTold(error.problem.count);
      setTrouble(words.ticket.notDone(why(error)));
    }
    setBusy(false);
  };
  return (
    <section class="backlog">
      <p>{words.backlog.hint(words.events(old))}</p>
      {sure ? <p class="lead">{words.backlog.meaning}</p> : null}
      <Trouble why={trouble} />
      <div class="actions">
        <button
          type="button"
          class="primary"
          disabled={busy}
          onClick={() => (sure ? void take() : setSure(true))}
        >
          {sure ? words.backlog.sure(words.number(told ?? old)) : words.backlog.take}
        </button>
        <button type="button" class="second" onClick={() => close(true)}>
          {words.backlog.later}
        </button>
      </div>
    </section>
  );
}
