/** What is wrong with a filter, in words. The server says the same, in English, of the filters that it is sent. */
import { DEEPEST, FIELDS, LONGEST, type Mistake, SEVERITY_NAMES } from "../../core/filter.ts";
import type { Words } from "./index.ts";

export function mistakeOf({ filter: { mistake: said } }: Pick<Words, "filter">, wrong: Mistake): string {
  switch (wrong.kind) {
    case "tooLong":
      return said.tooLong(wrong.length, LONGEST);
    case "tooDeep":
      return said.tooDeep(DEEPEST);
    case "unknownField":
      return wrong.meant
        ? said.meant(wrong.name, wrong.meant)
        : said.unknownField(wrong.name, FIELDS.join(", "));
    case "noField":
      return said.noField(wrong.sign);
    case "comparison": {
      const takes = { age: 1, sev: 0, u: 0 }[wrong.field as string] ?? 2;
      return said.comparison(wrong.field, said.takes[takes] ?? "", wrong.sign);
    }
    case "noComparison":
      return said.noComparison(wrong.flag);
    case "noValue":
      return said.noValue(wrong.after);
    case "severity":
      return said.severity(
        wrong.text,
        `${SEVERITY_NAMES.slice(0, -1).join(", ")} ${said.or} ${SEVERITY_NAMES.at(-1)}`,
      );
    case "age":
    case "unit":
      return said[wrong.kind](wrong.text);
    case "escape":
      return said.escape(wrong.character);
    case "noCondition":
      return said.noCondition(wrong.before);
    default:
      return said[wrong.kind];
  }
}
