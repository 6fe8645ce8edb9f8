/** The spans that axes show. */
import type { Series, Span } from "./series.ts";

/** The span of x over all series, marks included; null when there is nothing to show. */
export function xExtent(series: readonly Series[]): Span | null {
  let low = Infinity;
  let high = -Infinity;
  for (const { x, marks } of series) {
    for (const at of x) {
      if (at < low) low = at;
      if (at > high) high = at;
    }
    for (const mark of marks) {
      if (mark.x < low) low = mark.x;
      if (mark.x > high) high = mark.x;
    }
  }
  if (low > high) return null;
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** The span of y that the points within `span` need, with air above and below; null when there is none. */
export function yExtent(series: readonly Series[], span: Span, log: boolean): Span | null {
  let low = Infinity;
  let high = -Infinity;
  const take = (value: number) => {
    if (log && value <= 0) return;
    if (value < low) low = value;
    if (value > high) high = value;
  };
  for (const { x, y, raw } of series) {
    for (let i = 0; i < x.length; i += 1) {
      const at = x[i] as number;
      if (at < span[0] || at > span[1]) continue;
      take(y[i] as number);
      if (raw) take(raw[i] as number);
    }
  }
  if (low > high) return null;
  return log ? padLog(low, high) : pad(low, high);
}

function pad(low: number, high: number): Span {
  const air = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.05;
  return [low - air, high + air];
}

function padLog(low: number, high: number): Span {
  const air = low === high ? 2 : (high / low) ** 0.05;
  return [low / air, high * air];
}

/** How many points a logarithmic axis cannot show. */
export function countNotPositive(series: readonly Series[]): number {
  let count = 0;
  for (const { y, raw } of series) {
    for (const value of raw ?? y) if (value <= 0) count += 1;
  }
  return count;
}
