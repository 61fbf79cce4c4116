/** What is wrong with the inventory: what cannot be placed, what nobody watches, and what would mend it. */
import { useState } from "preact/hooks";
import type { InventoryProblem, InventoryProblems } from "../core/model.ts";
import { usePages } from "./answer.ts";
import { turn } from "./state.ts";
import type { Props } from "./top.tsx";

type Kind = InventoryProblem["kind"];

export function Problems({ heat, words }: Props) {
  const [kind, setKind] = useState<Kind | undefined>(undefined);
  const { data, items, trouble, more } = usePages<InventoryProblems, InventoryProblem>(
    `/inventory/problems${kind ? `?kind=${kind}` : ""}`,
    ({ problems }) => problems,
    heat.plan?.version,
  );
  const counts = Object.entries(data?.counts ?? {}) as [Kind, number][];
  return (
    <section class="group problems">
      <h3>{words.problems.title}</h3>
      {trouble ? <p class="why">{words.ticket.notReady(trouble)}</p> : null}
      {data && counts.length === 0 ? <p>{words.problems.none}</p> : null}
      <div class="do">
        {counts.map(([one, count]) => (
          <button
            key={one}
            type="button"
            aria-pressed={one === kind}
            onClick={() => setKind(one === kind ? undefined : one)}
          >
            {words.problems.kinds[one]} {words.number(count)}
          </button>
        ))}
      </div>
      <ul>
        {items.map((problem, i) => (
          <li key={i}>
            {(problem.what === "device" || problem.what === "rack") && problem.id ? (
              <button
                type="button"
                class="link"
                onClick={() =>
                  turn({
                    ...(problem.rack_id ? { rack: problem.rack_id } : {}),
                    selection: { kind: problem.what as "device" | "rack", id: problem.id as number },
                  })
                }
              >
                {problem.name ?? `#${problem.id}`}
              </button>
            ) : (
              <b>{problem.host ?? problem.name}</b>
            )}{" "}
            <small>{problem.text}</small>
          </li>
        ))}
      </ul>
      {more ? (
        <button type="button" class="wide" onClick={() => void more()}>
          {words.past.more}
        </button>
      ) : null}
    </section>
  );
}
