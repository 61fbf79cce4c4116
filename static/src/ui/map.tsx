/** The map: the canvas, the keys and the pointer over it, the breadcrumb above and the legend below. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { deviceAt, type Elevation, elevate } from "../core/elevation.ts";
import { type Direction, type Layout, layOutView, neighbour, rackAt, sizeOf } from "../core/layout.ts";
import { NONE } from "../core/model.ts";
import { PALETTES } from "../core/palette.ts";
import { pathOf, type Plan } from "../core/plan.ts";
import { emptyCells } from "../core/rollup.ts";
import { without, zoomOut } from "../core/url.ts";
import { isLive } from "./band.tsx";
import { Crumbs } from "./crumbs.tsx";
import { describe } from "./describe.ts";
import { Empty, emptyState } from "./empty.tsx";
import { Legend } from "./legend.tsx";
import { Mirror, type MirrorRow } from "./mirror.tsx";
import { change, current, drawOn, drawSo, go, type State } from "./state.ts";
import type { Props } from "./top.tsx";
import type { Words } from "./words/index.ts";

interface Size {
  readonly width: number;
  readonly height: number;
  /** Of the style sheet: how large a CSS pixel of the element is. */
  readonly zoom: number;
}

/** Width and height of an element, followed. */
function useSize(): [{ current: HTMLDivElement | null }, Size] {
  const ref = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0, zoom: 1 });
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box) return;
    const measure = () =>
      setSize({
        width: box.clientWidth,
        height: box.clientHeight,
        zoom: box.getBoundingClientRect().width / box.offsetWidth || 1,
      });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}

/** The canvas that the worker draws on; it is told where and how. */
function useCanvas({ width, height, zoom }: Size, across: boolean, palette: readonly string[], words: Words) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    if (canvas.current) drawOn(canvas.current);
  }, []);
  const ratio = (window.devicePixelRatio || 1) * zoom;
  useLayoutEffect(() => {
    const { front, rear, beside } = words.map;
    const said = { nowhere: words.top.nowhere, front, rear, beside };
    if (width > 0) drawSo({ width, height, ratio, across, palette, words: said });
  }, [width, height, ratio, across, palette, words]);
  return canvas;
}

/** Notes when the page shows what a message said, for the bench and for a browser's profiler. */
function useMeasure(steps: State["steps"]): void {
  useLayoutEffect(() => {
    if (!steps) return;
    const request = requestAnimationFrame(() => {
      // Of these a browser keeps all, and a wall stays up for months.
      performance.clearMeasures(MEASURE);
      const [start, end] = [steps.arrived - performance.timeOrigin, performance.now()];
      performance.measure(MEASURE, { start, end, detail: steps });
    });
    return () => cancelAnimationFrame(request);
  }, [steps]);
}

/** Index of the rack that the selection or the open event points at. */
function selectedRack(heat: State): number | undefined {
  const { plan, view, detail } = heat;
  if (view.event !== undefined && detail?.event && detail.event.event.key === view.event) {
    return detail.event.rack < 0 ? undefined : detail.event.rack;
  }
  const id = view.selection?.kind === "rack" ? view.selection.id : undefined;
  const index = plan?.racks.findIndex((rack) => rack.id === id) ?? -1;
  return index < 0 ? undefined : index;
}

function openRack(plan: Plan, index: number): void {
  const rack = plan.racks[index];
  if (!rack) return;
  const view = without(current().view, "event");
  go({ ...view, rack: rack.id, selection: { kind: "rack", id: rack.id } });
}

/** One step in: site → tab → row → rack. */
function zoomIn(plan: Plan, index: number): void {
  const row = plan.rows[plan.racks[index]?.row ?? -1];
  const { view } = current();
  const tab = plan.tabs[row?.tab ?? -1];
  if (tab && view.dc === undefined && view.row === undefined && plan.tabs.length > 1) {
    go({ ...view, dc: tab.key });
  } else if (row && view.row === undefined) go({ ...view, row: row.id });
  else openRack(plan, index);
}

function selectRack(plan: Plan, index: number): void {
  const rack = plan.racks[index];
  if (!rack) return;
  const view = without(current().view, "event");
  const again = view.selection?.kind === "rack" && view.selection.id === rack.id;
  if (again) openRack(plan, index);
  else go({ ...view, selection: { kind: "rack", id: rack.id } });
}

function selectDevice(id: number): void {
  const view = without(current().view, "event");
  go({ ...view, selection: { kind: "device", id } });
}

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

/** Whether the map should take a key: nothing else has the focus. */
function isOnMap(target: EventTarget | null): boolean {
  return target === document.body || (target instanceof HTMLElement && target.closest(".stage") !== null);
}

/** Wheel travel that makes one step of zoom, in CSS pixels, and the rest after it. */
const WHEEL_STEP = 80;
const WHEEL_REST_MS = 350;
/** So much of the map is kept in sight around what the arrows reach, in CSS pixels. */
const SIGHT = 12;

export function MapArea({ heat, words }: Props) {
  const { plan, frame, detail, steps, view, cursor } = heat;
  const [stage, size] = useSize();
  const [hovered, hover] = useState<number | undefined>(undefined);

  const zoomed = view.rack !== undefined;
  const { dc, row, kiosk } = view;
  const layout = useMemo<Layout | undefined>(
    () =>
      plan && size.width > 0 && !zoomed ? layOutView(plan, { dc, row }, size, kiosk ?? false) : undefined,
    [plan, dc, row, size, zoomed, kiosk],
  );
  const rackDetail =
    detail?.rack && plan?.racks[detail.rack.rack]?.id === view.rack ? detail.rack : undefined;
  const openedRack = rackDetail && plan?.racks[rackDetail.rack];
  const elevation = useMemo<Elevation | undefined>(
    () =>
      openedRack && rackDetail && size.width > 0 ? elevate(openedRack, rackDetail.devices, size) : undefined,
    [openedRack, rackDetail?.devices, size],
  );
  const cells = useMemo(
    () => (frame && plan && frame.cells.fill.length === plan.racks.length ? frame.cells : undefined),
    [frame, plan],
  );
  const shownCells = useMemo(() => cells ?? emptyCells(plan?.racks.length ?? 0), [cells, plan]);

  const selected = selectedRack(heat);
  const selectedDevice =
    view.selection?.kind === "device"
      ? rackDetail?.devices.findIndex((device) => device.id === (view.selection as { id: number }).id)
      : rackDetail?.devices.findIndex((device) => device.id === detail?.event?.event.device_id);
  // What Enter opens is seen, whatever has the focus.
  const focus = view.kiosk ? undefined : cursor;

  const area = sizeOf(size, elevation ?? layout);
  const canvas = useCanvas(size, view.kiosk ?? false, PALETTES[heat.taste.palette], words);
  useMeasure(steps);

  const pointed = (event: MouseEvent): number | undefined => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return undefined;
    const [x, y] = [(event.clientX - box.left) / size.zoom, (event.clientY - box.top) / size.zoom];
    if (zoomed) return elevation && deviceAt(elevation, x, y);
    return layout && rackAt(layout, x, y);
  };

  const open = useCallback(
    (index: number) => {
      if (!plan) return;
      const { view: now, detail: shown } = current();
      if (now.rack === undefined) openRack(plan, index);
      else {
        const device = shown?.rack?.devices[index];
        if (device) selectDevice(device.id);
      }
    },
    [plan],
  );
  const moveTo = useCallback((index: number) => {
    if (current().cursor !== index) change({ cursor: index });
  }, []);
  /** By key: the cell gets the focus, so that it is read aloud, and is scrolled into sight. */
  const step = (index: number) => {
    moveTo(index);
    stage.current?.querySelector<HTMLElement>(`#cell-${index}`)?.focus({ preventScroll: true });
    const box = elevation?.boxes.find(({ device }) => device === index);
    const [top, height] = layout ? [layout.y[index], layout.cell[1]] : [box?.y, box?.height];
    const area = stage.current;
    if (!area || top === undefined || height === undefined) return;
    if (top - SIGHT < area.scrollTop) area.scrollTop = top - SIGHT;
    const below = top + height + SIGHT - area.clientHeight;
    if (below > area.scrollTop) area.scrollTop = below;
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !isOnMap(event.target)) return;
      const { cursor: at } = current();
      const direction = ARROWS[event.key];
      if (direction && layout) {
        const from = at ?? selected ?? layout.strips[0]?.racks[0];
        if (from !== undefined)
          step(at === undefined && selected === undefined ? from : neighbour(layout, from, direction));
      } else if (direction && rackDetail) {
        const last = rackDetail.devices.length - 1;
        const by = direction === "up" || direction === "left" ? -1 : 1;
        step(at === undefined ? 0 : Math.max(0, Math.min(last, at + by)));
      } else if (event.key === "Enter" || event.key === "+" || event.key === "=") {
        const target = at ?? (zoomed ? undefined : selected);
        if (target === undefined) return;
        if (event.key === "Enter" || zoomed || !plan) open(target);
        else zoomIn(plan, target);
      } else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [layout, elevation, rackDetail, selected, zoomed, open, moveTo]);

  const wheel = useRef({ travel: 0, rested: 0 });
  const onWheel = (event: WheelEvent) => {
    // A map taller than its area scrolls; there the wheel zooms with Ctrl.
    const box = stage.current;
    const scrolls = box !== null && box.scrollHeight > box.clientHeight + 1;
    if ((scrolls && !event.ctrlKey) || !plan) return;
    event.preventDefault();
    if (event.timeStamp < wheel.current.rested) return;
    wheel.current.travel += event.deltaY;
    if (Math.abs(wheel.current.travel) < WHEEL_STEP) return;
    const inward = wheel.current.travel < 0;
    wheel.current = { travel: 0, rested: event.timeStamp + WHEEL_REST_MS };
    if (!inward) go(zoomOut(view));
    else if (!zoomed) {
      const under = pointed(event) ?? selected;
      if (under !== undefined) zoomIn(plan, under);
    }
  };

  const state = emptyState(heat);
  const rows = useMemo<MirrorRow[]>(() => {
    if (zoomed && rackDetail) {
      return rackDetail.devices.map((device, index) => ({
        key: String(device.id),
        name: device.name,
        cells: [
          {
            index,
            text: [device.name, ...describe(words, rackDetail.cells, index)].join(", "),
          },
        ],
      }));
    }
    if (!plan || !layout || zoomed) return [];
    return layout.strips.map((strip, i) => ({
      key: String(i),
      name: words.map.row(plan.rows[strip.row]?.name ?? ""),
      cells: strip.racks.map((index) => ({
        index,
        text: [plan.racks[index]?.name ?? "", ...describe(words, shownCells, index)].join(", "),
      })),
    }));
  }, [plan, layout, zoomed, rackDetail, shownCells, words]);

  return (
    <section class={isLive(heat) ? "map" : "map dead"} aria-label={words.map.site}>
      {view.kiosk ? null : <Crumbs heat={heat} words={words} />}
      <div
        class="stage"
        id="map"
        tabIndex={-1}
        ref={stage}
        onWheel={onWheel}
        onPointerMove={(event) => hover(pointed(event))}
        onPointerLeave={() => hover(undefined)}
        onClick={(event) => {
          if (event.target !== canvas.current) return;
          const under = pointed(event);
          if (under === undefined || !plan) return;
          change({ cursor: under });
          if (zoomed) open(under);
          else selectRack(plan, under);
        }}
      >
        <canvas
          ref={canvas}
          aria-hidden="true"
          style={{ width: `${area.width}px`, height: `${area.height}px` }}
        />
        <Rings layout={layout} elevation={elevation} kind="hovered" index={hovered} />
        <Rings
          layout={layout}
          elevation={elevation}
          kind="selected"
          index={zoomed ? selectedDevice : selected}
        />
        <Rings layout={layout} elevation={elevation} kind="focus" index={focus} />
        <Mirror
          label={zoomed ? words.map.rackLabel : words.map.label}
          rows={rows}
          cursor={cursor}
          selected={zoomed ? selectedDevice : selected}
          onFocus={moveTo}
          onOpen={open}
        />
        {zoomed && rackDetail && rackDetail.quiet > 0 && elevation ? (
          <p
            class="quiet"
            style={{
              left: `${elevation.side.x}px`,
              top: `${sideEnd(elevation)}px`,
              width: `${elevation.side.width}px`,
            }}
          >
            {words.map.quiet(words.number(rackDetail.quiet))}
          </p>
        ) : null}
        {zoomed && plan && detail && detail.watched.rack === view.rack && !rackDetail ? (
          <p class="hint">{words.map.gone}</p>
        ) : null}
        {state ? <Empty state={state} words={words} trouble={heat.tick.trouble} /> : null}
        <Tip heat={heat} words={words} layout={layout} hovered={hovered} area={size} />
      </div>
      {view.kiosk ? null : <Legend palette={PALETTES[heat.taste.palette]} words={words} />}
    </section>
  );
}

/** What the bench and a browser's profiler see of each message. */
const MEASURE = "heat: message to pixels";

interface RingsProps {
  readonly layout: Layout | undefined;
  readonly elevation: Elevation | undefined;
  readonly kind: "hovered" | "selected" | "focus";
  /** Of the rack or device that is marked. */
  readonly index: number | undefined;
}

/** Rings around a cell, or around a device as often as it is drawn: what the pointer and the keys do waits for no worker. */
function Rings({ layout, elevation, kind, index = -1 }: RingsProps) {
  const [width, height] = layout?.cell ?? [0, 0];
  const [x, y] = [layout?.x[index] ?? Number.NaN, layout?.y[index] ?? Number.NaN];
  const boxes = elevation
    ? elevation.boxes.filter(({ device }) => device === index)
    : Number.isNaN(x)
      ? []
      : [{ x, y, width, height }];
  return (
    <>
      {boxes.map((box, i) => (
        <i
          key={i}
          class={`ring ${kind}`}
          style={{
            left: `${box.x}px`,
            top: `${box.y}px`,
            width: `${box.width}px`,
            height: `${box.height}px`,
          }}
        />
      ))}
    </>
  );
}

function sideEnd(elevation: Elevation): number {
  const ends = elevation.boxes.filter((box) => box.x === elevation.side.x).map((box) => box.y + box.height);
  return Math.max(elevation.side.y, ...ends) + 6;
}

interface TipProps extends Props {
  readonly layout: Layout | undefined;
  readonly hovered: number | undefined;
  readonly area: Size;
}

const TIP_WIDTH = 260;

function Tip({ heat, words, layout, hovered, area }: TipProps) {
  const { plan, frame } = heat;
  if (!layout || !plan || !frame || hovered === undefined) return null;
  const [x, y] = [layout.x[hovered] ?? Number.NaN, layout.y[hovered] ?? Number.NaN];
  if (Number.isNaN(x) || frame.cells.fill.length !== plan.racks.length) return null;
  const said = describe(words, frame.cells, hovered);
  const left = Math.max(0, Math.min(x, area.width - TIP_WIDTH));
  const below = y + layout.pitch[1] + 8;
  const above = below > area.height - 90;
  const severity = frame.cells.fill[hovered] ?? NONE;
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={
        above
          ? { left: `${left}px`, bottom: `${area.height - y + 8}px` }
          : { left: `${left}px`, top: `${below}px` }
      }
    >
      <b>{pathOf(plan, hovered).join(" / ")}</b>
      <span class={severity === NONE ? "quiet-text" : ""}>{said.join(" · ")}</span>
    </div>
  );
}
