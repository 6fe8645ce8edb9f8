/** Axes: three to six ticks, in the units that were logged. */
import type uPlot from "uplot";
import { formatTick } from "../lib/numbers.ts";
import { formatDate, formatSpanTick } from "../lib/times.ts";
import type { XKind } from "./series.ts";

export interface ChartTheme {
  text: string;
  grid: string;
  crosshair: string;
  surface: string;
  font: string;
}

const SPANS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
  3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 1728000, 4320000, 8640000,
];

export function xAxis(theme: ChartTheme, kind: XKind): uPlot.Axis {
  const least = kind === "date" ? 84 : 56;
  const axis: uPlot.Axis = { ...common(theme), space: (_plot, _axis, _low, _high, width) => Math.max(least, width / 7), size: 26 };
  if (kind === "date") {
    axis.values = (_plot, ticks, _axis, _space, step) => dateTicks(ticks, step);
  } else if (kind === "duration") {
    axis.incrs = SPANS;
    axis.values = (_plot, ticks) => ticks.map(formatSpanTick);
  } else {
    axis.values = (_plot, ticks) => ticks.map(formatTick);
  }
  return axis;
}

export function yAxis(theme: ChartTheme, log: boolean): uPlot.Axis {
  const axis: uPlot.Axis = {
    ...common(theme),
    space: (_plot, _axis, _low, _high, height) => Math.max(30, height / 7),
    values: (_plot, ticks) => ticks.map(formatTick),
    size: (_plot, labels) => 16 + 6.4 * Math.max(3, ...(labels ?? []).map((label) => label.length)),
  };
  if (log) {
    axis.splits = (_plot, _axis, low, high) => logTicks(low, high);
    axis.filter = (_plot, ticks) => ticks;
  }
  return axis;
}

function common(theme: ChartTheme): uPlot.Axis {
  return {
    stroke: theme.text,
    font: theme.font,
    gap: 4,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
    border: { show: false },
  };
}

/** Times of day; the date stands at the first tick of each day, or alone where ticks are days apart. */
export function dateTicks(ticks: readonly number[], step: number): string[] {
  let day = "";
  const digits = [0, 1, 2].find((count) => Number.isInteger(Number((step * 10 ** count).toPrecision(6)))) ?? 3;
  return ticks.map((exact) => {
    const tick = Math.round(exact * 1000) / 1000;
    const [date = "", time = ""] = formatDate(tick).split(" ");
    if (step >= 86400) return step >= 20 * 86400 ? date : date.slice(5);
    const part = digits > 0 ? (tick - Math.floor(tick)).toFixed(digits).slice(1) : "";
    const clock = step < 60 ? time + part : time.slice(0, 5);
    const same = date === day;
    day = date;
    return same || part ? clock : `${date.slice(5)} ${clock}`; // both are too wide
  });
}

/** Powers of ten, thinned to at most six; within two decades also 2 and 5, within half a one even steps. */
export function logTicks(low: number, high: number): number[] {
  const from = Math.log10(low);
  const until = Math.log10(high);
  if (until - from < 0.5) return evenTicks(low, high);
  const ticks: number[] = [];
  const every = Math.max(1, Math.ceil((until - from) / 6));
  const heads = until - from < 2 ? [1, 2, 5] : [1];
  for (let power = Math.floor(from); power <= Math.ceil(until); power += 1) {
    if (power % every !== 0) continue;
    for (const head of heads) {
      const tick = head * 10 ** power;
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

function evenTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5, 10].find((factor) => factor * size >= rough) ?? 10);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) ticks.push(i * step);
  return ticks;
}
