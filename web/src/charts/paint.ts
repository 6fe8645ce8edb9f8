/** Series onto a canvas. */
import { isAscending, lowerBound, type Series, type Span } from "./series.ts";

/** From values to CSS pixels of the plot area. `y` gives NaN for what cannot be drawn (log of nothing). */
export interface Projection {
  x: (value: number) => number;
  y: (value: number) => number;
  width: number;
  height: number;
}

export function project(span: Span, ySpan: Span, log: boolean, width: number, height: number): Projection {
  const kx = width / (span[1] - span[0]);
  const low = log ? Math.log10(ySpan[0]) : ySpan[0];
  const ky = height / ((log ? Math.log10(ySpan[1]) : ySpan[1]) - low);
  return {
    x: (value) => (value - span[0]) * kx,
    y: log
      ? (value) => (value > 0 ? height - (Math.log10(value) - low) * ky : Number.NaN)
      : (value) => height - (value - low) * ky,
    width,
    height,
  };
}

export interface Stroke {
  width: number;
  envelope: boolean;
}

/** One series: its envelope, the raw line faint, the line, restarts and values that are no numbers. */
export function paintSeries(ctx: CanvasRenderingContext2D, series: Series, to: Projection, stroke: Stroke): void {
  ctx.strokeStyle = ctx.fillStyle = series.colour;
  // Round joins cost a third of the drawing; where points are closer than pixels nobody sees them.
  ctx.lineJoin = series.x.length > to.width ? "bevel" : "round";
  ctx.lineCap = "round";
  if (stroke.envelope && series.lo.length === series.x.length) paintEnvelope(ctx, series, to);
  if (series.raw) {
    ctx.globalAlpha = 0.28;
    ctx.lineWidth = 1;
    paintLine(ctx, series, series.raw, to, 0.75);
  }
  ctx.globalAlpha = 1;
  ctx.lineWidth = stroke.width;
  paintLine(ctx, series, series.y, to, 2);
  paintMarks(ctx, series, to);
}

function paintLine(
  ctx: CanvasRenderingContext2D, series: Series, y: readonly number[], to: Projection, dot: number,
): void {
  const { x, wanders } = series;
  const breaks = wanders ? [] : series.breaks;
  const [from, until] = visible(x, to);
  let next = from > 0 ? lowerBound(breaks, x[from] as number) : 0;
  let drawing = 0;
  let px = 0;
  let py = 0;
  ctx.beginPath();
  for (let i = from; i < until; i += 1) {
    const at = x[i] as number;
    let broken = !wanders && i > from && at < (x[i - 1] as number);
    while (next < breaks.length && at >= (breaks[next] as number)) {
      broken ||= i > from && (x[i - 1] as number) < (breaks[next] as number);
      next += 1;
    }
    const toY = to.y(y[i] as number);
    if (broken || Number.isNaN(toY)) {
      if (drawing === 1) dotAt(ctx, px, py, dot);
      drawing = 0;
    }
    if (Number.isNaN(toY)) continue;
    px = to.x(at);
    py = toY;
    if (drawing === 0) ctx.moveTo(px, py);
    else ctx.lineTo(px, py);
    drawing += 1;
  }
  if (drawing === 1) dotAt(ctx, px, py, dot);
  ctx.stroke();
}

/** A point with no neighbours is no line: it is drawn as a dot, so that it is seen. */
function dotAt(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  ctx.moveTo(x + radius, y);
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
}

/** The indexes to draw: those within the span and one on either side. */
function visible(x: readonly number[], to: Projection): [number, number] {
  if (x.length === 0 || !isAscending(x)) return [0, x.length];
  const left = to.x(0);
  const perUnit = to.x(1) - left;
  const low = lowerBound(x, -left / perUnit);
  const high = lowerBound(x, (to.width - left) / perUnit);
  return [Math.max(0, low - 1), Math.min(x.length, high + 2)];
}

function paintEnvelope(ctx: CanvasRenderingContext2D, { x, lo, hi, breaks }: Series, to: Projection): void {
  if (!isAscending(x)) return;
  const [from, until] = visible(x, to);
  ctx.globalAlpha = 0.14;
  let start = from;
  const cuts = breaks.map((at) => lowerBound(x, at)).filter((index) => index > from && index < until);
  for (const end of [...cuts, until]) {
    ctx.beginPath();
    for (let i = start; i < end; i += 1) ctx.lineTo(to.x(x[i] as number), clamp(to.y(hi[i] as number), to));
    for (let i = end - 1; i >= start; i -= 1) ctx.lineTo(to.x(x[i] as number), clamp(to.y(lo[i] as number), to));
    ctx.fill();
    start = end;
  }
}

function clamp(y: number, { height }: Projection): number {
  return Number.isNaN(y) ? height : Math.min(Math.max(y, -8), height + 8);
}

/** Restarts as a small tick at the foot; NaN as a cross at the head, infinities as arrows at the edge they left by. */
function paintMarks(ctx: CanvasRenderingContext2D, { marks, breaks }: Series, to: Projection): void {
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  for (const at of breaks) {
    const x = to.x(at);
    if (x < 0 || x > to.width) continue;
    ctx.moveTo(x, to.height);
    ctx.lineTo(x, to.height - 9);
    ctx.moveTo(x, to.height - 9);
    ctx.lineTo(x + 5, to.height - 6.5);
    ctx.lineTo(x, to.height - 4);
  }
  const drawn = new Set<string>();
  for (const { x: at, kind } of marks) {
    const x = Math.round(to.x(at));
    if (x < 0 || x > to.width || drawn.has(kind + x)) continue;
    drawn.add(kind + x);
    if (kind === "NaN") cross(ctx, x);
    else arrow(ctx, x, kind === "Infinity" ? 2 : to.height - 2, kind === "Infinity" ? 1 : -1);
  }
  ctx.stroke();
}

function cross(ctx: CanvasRenderingContext2D, x: number): void {
  ctx.moveTo(x - 3, 2);
  ctx.lineTo(x + 3, 8);
  ctx.moveTo(x + 3, 2);
  ctx.lineTo(x - 3, 8);
}

function arrow(ctx: CanvasRenderingContext2D, x: number, tip: number, way: number): void {
  ctx.moveTo(x - 3.5, tip + 5 * way);
  ctx.lineTo(x, tip);
  ctx.lineTo(x + 3.5, tip + 5 * way);
}
