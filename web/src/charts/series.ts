/** What a chart draws: plain arrays. A series has an id, a name, a colour and a group; what it stands for is not known here. */

export type MarkKind = "NaN" | "Infinity" | "-Infinity";

export interface Series {
  id: string;
  /** Series of one group stand out together when the group is pointed at. */
  group: string;
  name: string;
  colour: string;
  x: readonly number[];
  /** The values drawn: smoothed when `raw` is given. */
  y: readonly number[];
  /** The values as logged, drawn faint behind, or null when `y` holds them. */
  raw: readonly number[] | null;
  /** Extremes of the bucket each point stands for; empty when nothing was thinned. */
  lo: readonly number[];
  hi: readonly number[];
  /** Where the value was no number that can be drawn. */
  marks: readonly { x: number; kind: MarkKind }[];
  /** Points are joined in their order even where x goes back: x is no clock. */
  wanders: boolean;
  /** The x at which another stretch takes over: the line is not drawn across. */
  breaks: readonly number[];
}

export type XKind = "number" | "duration" | "date";
export type Span = readonly [number, number];

/** How the series are looked at. */
export interface Frame {
  xKind: XKind;
  /** Charts with the same x key share their crosshair. */
  xKey: string;
  xName: string;
  log: boolean;
  /** The span of x to show, or null for all of it. */
  span: Span | null;
  /** The span of y to show, or null for what the visible points need. */
  ySpan: Span | null;
}

/** Index of the first element that is not below `at`, in an ascending list. */
export function lowerBound(values: readonly number[], at: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function isAscending(values: readonly number[]): boolean {
  for (let i = 1; i < values.length; i += 1) {
    if ((values[i] as number) < (values[i - 1] as number)) return false;
  }
  return true;
}
