/** What the query string says about charts and lists, read and written in one place. */
import type { Span } from "../charts/series.ts";
import type { QueryChange } from "./location.ts";

/** Written for an empty choice of columns, which is not the same as no choice. */
const NONE = "-";

/** By when runs began: when they arrived says little of runs that were carried here together. */
export const NEWEST_FIRST = "-started_at";

export type PanelSize = "s" | "m" | "l";

/** How charts are looked at. */
export interface ChartView {
  /** `_step`, `_runtime`, `_timestamp` or the key of a metric; null: for each metric what its runs defined, else the step. */
  x: string | null;
  smoothing: number;
  log: boolean;
  filter: string;
  /** The span shown of each x that was zoomed into. */
  zooms: ReadonlyMap<string, Span>;
  size: PanelSize;
  stretches: "latest" | "all";
  /** The panel in full screen, as `stream:key`. */
  full: string | null;
  shut: ReadonlySet<string>;
}

/** Which runs are listed and which of them are drawn. */
export interface ListView {
  search: string;
  order: string;
  state: string;
  base: "first" | "all" | "none";
  on: ReadonlySet<string>;
  off: ReadonlySet<string>;
  pins: ReadonlySet<string>;
  columns: readonly string[] | null;
  folded: boolean;
}

export function readChartView(search: string): ChartView {
  const query = new URLSearchParams(search);
  const size = query.get("size");
  return {
    x: query.get("x"),
    smoothing: clampSmoothing(Number(query.get("smooth") ?? 0)),
    log: query.get("log") === "1",
    filter: query.get("panels") ?? "",
    zooms: readZooms(query),
    size: size === "m" || size === "l" ? size : "s",
    stretches: query.get("stretches") === "all" ? "all" : "latest",
    full: query.get("full"),
    shut: readSet(query, "shut"),
  };
}

export function readListView(search: string): ListView {
  const query = new URLSearchParams(search);
  const base = query.get("show");
  return {
    search: query.get("q") ?? "",
    order: query.get("order") ?? NEWEST_FIRST,
    state: query.get("state") ?? "",
    base: base === "all" || base === "none" ? base : "first",
    on: readSet(query, "on"),
    off: readSet(query, "off"),
    pins: readSet(query, "pin"),
    columns: query.has("cols") ? [...readSet(query, "cols")].filter((column) => column !== NONE) : null,
    folded: query.get("list") === "0",
  };
}

/** A set of names in one parameter, each percent-encoded, so that a comma in a name does no harm. */
export function writeSet(names: ReadonlySet<string>): string | null {
  return names.size === 0 ? null : [...names].map(encodeURIComponent).join(",");
}

function readSet(query: URLSearchParams, name: string): ReadonlySet<string> {
  const text = query.get(name);
  return new Set(text ? text.split(",").map(decodeSafely) : []);
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand: taken as it stands
  }
}

export function writeSpan(span: Span | null): string | null {
  return span === null ? null : `${span[0]}..${span[1]}`;
}

function readSpan(text: string | null): Span | null {
  const [low, high] = (text ?? "").split("..").map(Number);
  if (low === undefined || high === undefined || !(low < high)) return null;
  return Number.isFinite(low) && Number.isFinite(high) ? [low, high] : null;
}

const ZOOM = "zoom:";

function readZooms(query: URLSearchParams): ReadonlyMap<string, Span> {
  const zooms = new Map<string, Span>();
  for (const [name, text] of query) {
    const span = name.startsWith(ZOOM) ? readSpan(text) : null;
    if (span) zooms.set(name.slice(ZOOM.length), span);
  }
  return zooms;
}

/** The parameter with the span shown of an x. */
export function zoomName(x: string): string {
  return ZOOM + x;
}

function clampSmoothing(value: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), 0.999) : 0;
}

export function writeColumns(columns: readonly string[]): string {
  return writeSet(new Set(columns)) ?? NONE;
}

/** The span of y that one panel was zoomed to. */
export function readPanelZoom(search: string, panel: string): Span | null {
  return readSpan(new URLSearchParams(search).get(panelZoomName(panel)));
}

export function panelZoomName(panel: string): string {
  return `y:${panel}`;
}

/** The set with the name in it if it was not, and out of it if it was. */
export function toggled(names: ReadonlySet<string>, name: string): Set<string> {
  const next = new Set(names);
  if (!next.delete(name)) next.add(name);
  return next;
}

/** The change of the address that shows or hides one run. */
export function toggleRun(list: ListView, run: string, shown: boolean): QueryChange {
  const on = new Set(list.on);
  const off = new Set(list.off);
  on.delete(run);
  off.delete(run);
  if (shown) off.add(run);
  else on.add(run);
  return { on: writeSet(on), off: writeSet(off) };
}
