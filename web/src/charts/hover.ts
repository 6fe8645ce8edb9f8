/** The values of all series at one x. */
import { isAscending, lowerBound, type MarkKind, type Series } from "./series.ts";

export interface Reading {
  series: Series;
  x: number;
  y: number;
  /** The value as logged, where `y` is smoothed. */
  raw: number | null;
  /** Set when the nearest thing logged was not a number. */
  mark: MarkKind | null;
}

/** Index of the point nearest to `at`, or -1 for an empty list. */
export function nearestIndex(x: readonly number[], at: number): number {
  if (x.length === 0) return -1;
  if (!isAscending(x)) return nearestByScan(x, at);
  const right = lowerBound(x, at);
  if (right === 0) return 0;
  if (right === x.length) return right - 1;
  return at - (x[right - 1] as number) <= (x[right] as number) - at ? right - 1 : right;
}

/** Later points win: where stretches overlap the later one counts. */
function nearestByScan(x: readonly number[], at: number): number {
  let best = 0;
  for (let i = 1; i < x.length; i += 1) {
    if (Math.abs((x[i] as number) - at) <= Math.abs((x[best] as number) - at)) best = i;
  }
  return best;
}

/** What each series says at x. A series that begins later or ended earlier by more than `reach` says nothing. */
export function readingsAt(series: readonly Series[], at: number, reach: number): Reading[] {
  const readings: Reading[] = [];
  for (const one of series) {
    const reading = readingAt(one, at, reach);
    if (reading) readings.push(reading);
  }
  return readings;
}

function readingAt(series: Series, at: number, reach: number): Reading | null {
  const index = nearestIndex(series.x, at);
  const x = index < 0 ? Infinity : (series.x[index] as number);
  const mark = nearestMark(series, at);
  if (mark && Math.abs(mark.x - at) < Math.abs(x - at) && Math.abs(mark.x - at) <= reach) {
    return { series, x: mark.x, y: Number(mark.kind), raw: null, mark: mark.kind };
  }
  if (index < 0) return null;
  const first = series.x[0] as number;
  const last = series.x[series.x.length - 1] as number;
  const inside = at >= Math.min(first, last) - reach && at <= Math.max(first, last) + reach;
  if (!inside && Math.abs(x - at) > reach) return null;
  return { series, x, y: series.y[index] as number, raw: series.raw ? (series.raw[index] as number) : null, mark: null };
}

function nearestMark({ marks }: Series, at: number): Series["marks"][number] | null {
  let best: Series["marks"][number] | null = null;
  for (const mark of marks) {
    if (best === null || Math.abs(mark.x - at) < Math.abs(best.x - at)) best = mark;
  }
  return best;
}

/** The `limit` readings nearest to y (by `distance`), sorted by value, highest first; what is no number is last. */
export function nearestReadings(
  readings: readonly Reading[], distance: (y: number) => number, limit: number,
): Reading[] {
  const far = (reading: Reading) => (Number.isFinite(reading.y) ? distance(reading.y) : 1e300);
  const nearest = [...readings].sort((left, right) => far(left) - far(right)).slice(0, limit);
  return nearest.sort((left, right) => height(right) - height(left));
}

function height({ y }: Reading): number {
  return Number.isNaN(y) ? -Infinity : y;
}
