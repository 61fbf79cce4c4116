/**
 * The canvas again, as a grid that cannot be seen but can be focused and read aloud. One cell is in the tab order:
 * the one that has the keyboard's attention.
 */
import { Component } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { current } from "./state.ts";

export interface MirrorCell {
  /** Rack or device index. */
  readonly index: number;
  /** Its name for those who listen: letters that nobody sees would have to be laid out. */
  readonly text: string;
}

export interface MirrorRow {
  readonly key: string;
  readonly name: string;
  readonly cells: readonly MirrorCell[];
}

interface RowProps {
  readonly row: MirrorRow;
  /** Index of the cell in the tab order, if it is in this row. */
  readonly cursor: number | undefined;
  readonly selected: number | undefined;
  readonly onFocus: (index: number) => void;
  readonly onOpen: (index: number) => void;
}

function Row({ row, cursor, selected, onFocus, onOpen }: RowProps) {
  return (
    <div role="row" aria-label={row.name}>
      {row.cells.map(({ index, text }) => (
        <div
          key={index}
          role="gridcell"
          id={`cell-${index}`}
          data-index={index}
          tabIndex={index === cursor ? 0 : -1}
          aria-selected={index === selected}
          onFocus={() => onFocus(index)}
          onClick={() => onOpen(index)}
          aria-label={text}
        />
      ))}
    </div>
  );
}

/** Whether two rows are of the same cells. */
function standsAs(a: MirrorRow, b: MirrorRow): boolean {
  return a.cells.length === b.cells.length && a.cells.every(({ index }, i) => index === b.cells[i]?.index);
}

function saysAs(a: MirrorRow, b: MirrorRow): boolean {
  const same = a.name === b.name && standsAs(a, b);
  return a === b || (same && a.cells.every(({ text }, i) => text === b.cells[i]?.text));
}

/** A row that says the same as before is left as it is: 2,000 cells must not cost a frame. */
class SameRow extends Component<RowProps> {
  override shouldComponentUpdate(b: RowProps): boolean {
    const a = this.props;
    return (
      a.cursor !== b.cursor || a.selected !== b.selected || a.onOpen !== b.onOpen || !saysAs(a.row, b.row)
    );
  }

  render(props: RowProps) {
    return <Row {...props} />;
  }
}

/** So many cells say something else at once; the others follow, so that nobody who types has to wait for them. */
const AT_ONCE = 150;

/** The rows as far as they are said already: those with news one portion after the other, that of the cursor at once. */
function useGradually(rows: readonly MirrorRow[], cursor: number | undefined): readonly MirrorRow[] {
  const said = useRef<readonly MirrorRow[]>([]);
  const [, goOn] = useState({});
  const before = new Map(said.current.map((row) => [row.key, row]));
  // The first picture does not wait for them.
  let spare = before.size === 0 ? 1 : AT_ONCE;
  let late = false;
  said.current = rows.flatMap((row) => {
    const old = before.get(row.key);
    if (old && saysAs(old, row)) return [row];
    if (spare > 0 || row.cells.some(({ index }) => index === cursor)) {
      spare -= row.cells.length;
      return [row];
    }
    late = true;
    return old && standsAs(old, row) ? [old] : [];
  });
  useEffect(() => {
    const timer = late ? setTimeout(() => goOn({})) : undefined;
    return () => clearTimeout(timer);
  });
  return said.current;
}

interface Props {
  readonly label: string;
  readonly rows: readonly MirrorRow[];
  readonly cursor: number | undefined;
  readonly selected: number | undefined;
  readonly onFocus: (index: number) => void;
  readonly onOpen: (index: number) => void;
}

export function Mirror({ label, rows: all, cursor, selected, onFocus, onOpen }: Props) {
  const grid = useRef<HTMLDivElement>(null);
  const rows = useGradually(all, cursor);
  const inView = rows.some((row) => row.cells.some(({ index }) => index === cursor));
  const at = inView ? cursor : rows[0]?.cells[0]?.index;
  useEffect(() => {
    // The cursor as it is now: of two quick keys the first one's effect must not call the focus back.
    const now = current().cursor;
    // The focus follows the cursor only when it is in the grid already: it is never taken from elsewhere.
    const active = document.activeElement;
    if (now === undefined || !active || !grid.current?.contains(active)) return;
    grid.current.querySelector<HTMLElement>(`#cell-${now}`)?.focus({ preventScroll: true });
  }, [cursor]);
  if (rows.length === 0) return null;
  return (
    <div class="mirror" role="grid" aria-label={label} ref={grid}>
      {rows.map((row) => {
        const has = (index: number | undefined) =>
          index !== undefined && row.cells.some((cell) => cell.index === index) ? index : undefined;
        return (
          <SameRow
            key={row.key}
            row={row}
            cursor={has(at)}
            selected={has(selected)}
            onFocus={onFocus}
            onOpen={onOpen}
          />
        );
      })}
    </div>
  );
}
