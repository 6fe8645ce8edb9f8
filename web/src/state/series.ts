/** From the server's lines to what a chart draws. */
import type { Line, Stream } from "../api/types.ts";
import { xExtent } from "../charts/extent.ts";
import type { Series, Span, XKind } from "../charts/series.ts";
import { smooth } from "../lib/smooth.ts";

const X_NAMES: Record<string, string> = { _step: "Step", _runtime: "Relative time", _timestamp: "Wall time" };

/** A run as charts know it. */
export interface DrawnRun {
  id: string;
  name: string;
  colour: string;
  /** Its writers' colours by label, where the run is alone and they are what is told apart. */
  writers?: Readonly<Record<string, string>>;
}

/** How the lines are looked at, as far as the points themselves depend on it. */
export interface Reading {
  x: string;
  smoothing: number;
  span: Span | null;
}

export function seriesOf(lines: readonly Line[], runs: readonly DrawnRun[], { x: xKey, smoothing, span }: Reading): Series[] {
  const wanders = !(xKey in X_NAMES);
  const linesOf = linesByRun(lines);
  const plain = runs.flatMap((run) => (linesOf.get(run.id) ?? []).map(({ label, x, y, lo, hi, marks, breaks }): Series => ({
    ...writerOf(run, label), group: run.id, x, y, raw: null, lo, hi, marks, breaks, wanders,
  })));
  if (smoothing <= 0) return plain;
  return plain.map((one) => {
    // The range is the line's own: runs of other days on a wall clock make no line smoother.
    const [low, high] = xExtent([one]) ?? [0, 0];
    const range = Math.min(high - low, span ? span[1] - span[0] : Infinity);
    return { ...one, raw: one.y, y: smooth(one.x, one.y, smoothing, range, one.wanders ? [] : one.breaks) };
  });
}

/** A run has a line, or one for each of its writers. */
export function linesByRun(lines: readonly Line[]): Map<string, Line[]> {
  const found = new Map<string, Line[]>();
  for (const line of lines) {
    const some = found.get(line.run);
    if (some) some.push(line);
    else found.set(line.run, [line]);
  }
  return found;
}

/** The run, or that one of its writers that a label is of. Ids and labels have no %. */
function writerOf({ id, name, colour, writers }: DrawnRun, label: string): DrawnRun {
  if (!label) return { id, name, colour };
  return { id: `${id}%${label}`, name: `${name} · ${label}`, colour: writers?.[label] ?? colour };
}

export function xName(x: string): string {
  return X_NAMES[x] ?? x;
}

export function xKind(x: string): XKind {
  if (x === "_runtime") return "duration";
  return x === "_timestamp" ? "date" : "number";
}

/** What a metric is drawn over: what was chosen, else what its runs defined, else the step. */
export function xOf(stream: Stream, chosen: string | null, defined?: string): string {
  // System metrics are sampled by time, beside the steps: their x is a time.
  if (stream === "system") return chosen === "_timestamp" ? chosen : "_runtime";
  return chosen ?? defined ?? "_step";
}
