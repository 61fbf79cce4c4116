/** What a cell shows, in words: for tooltips, for the hidden grid, for people who cannot see the canvas. */
import { NONE } from "../core/model.ts";
import { type Cells, Mark } from "../core/rollup.ts";
import type { Words } from "./words/index.ts";

export function describe(words: Words, cells: Cells, i: number): string[] {
  const marks = cells.marks[i] ?? 0;
  const severity = cells.fill[i] ?? NONE;
  const handled = cells.hatch[i] ?? NONE;
  const count = cells.count[i] ?? 0;
  const total = cells.total[i] ?? 0;
  const number = (n: number) =>
    marks & Mark.atLeast ? words.state.atLeast(words.number(n)) : words.number(n);
  const said: string[] = [];
  if (severity !== NONE) said.push(words.severity[severity] ?? "", words.state.unhandled(number(count)));
  if (total > count) said.push(words.state.total(number(total)));
  if (marks & Mark.incident) said.push(words.state.incident);
  if (marks & Mark.fresh) said.push(words.state.fresh);
  if (handled !== NONE) said.push(words.state.handled(words.severity[handled] ?? ""));
  if (marks & Mark.suppressed) said.push(words.state.suppressed);
  if (marks & Mark.dependent) said.push(words.state.dependent);
  if (marks & Mark.silent) said.push(words.state.silent);
  if (marks & Mark.partlySilent) said.push(words.state.partlySilent);
  if (marks & Mark.unwatched) said.push(words.state.unwatched);
  if (marks & Mark.commented) said.push(words.state.commented);
  if (marks & Mark.ticketed) said.push(words.state.ticketed);
  if (marks & Mark.noted) said.push(words.state.noted);
  if (marks & Mark.picked) said.push(words.list.pickedOne);
  if (said.length === 0) said.push(words.state.calm);
  if (marks & Mark.filteredOut) said.push(words.state.filteredOut);
  return said;
}
