/**
 * A line chart. uPlot keeps the axes, the scales and the dragging; the lines are drawn here, each with its own x,
 * on two layers: all lines, and before them the crosshair and the series that stands out. Moving the pointer
 * redraws only the front layer, whatever the number of series.
 */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type ChartTheme, xAxis, yAxis } from "./axes.ts";
import { xExtent, yExtent } from "./extent.ts";
import { nearestReadings, type Reading, readingsAt } from "./hover.ts";
import { paintSeries, type Projection, project } from "./paint.ts";
import type { Pointing, SharedPointer } from "./pointer.ts";
import type { Frame, Series, Span } from "./series.ts";
import { hideTooltip, showTooltip } from "./tooltip.ts";

export interface ChartEvents {
  /** A span was dragged out; `y` only when both directions were meant. */
  onZoom: (x: Span, y: Span | null) => void;
  onZoomOut: () => void;
}

const TOOLTIP_ROWS = 12;
/** Above this many series neither envelopes nor dots are drawn for all of them: they would hide the lines. */
const FEW = 12;
const REACH = 12;
/** Above this many, lines are one device pixel wide: those are drawn 15 times faster, and there is less to see. */
const MANY = 60;

export class LineChart {
  readonly #host: HTMLElement;
  readonly #pointer: SharedPointer;
  readonly #events: ChartEvents;
  readonly #lines = document.createElement("canvas");
  readonly #front = document.createElement("canvas");
  readonly #resizing: ResizeObserver;
  readonly #unsubscribe: () => void;
  #theme: ChartTheme;
  #plot: uPlot | null = null;
  #built = "";
  #series: readonly Series[] = [];
  #frame: Frame = { xKind: "number", xKey: "", xName: "", log: false, span: null, ySpan: null };
  #span: Span = [0, 1];
  #ySpan: Span = [0, 1];
  #mouse: { left: number; top: number } | null = null;
  #queued = 0;

  constructor(host: HTMLElement, theme: ChartTheme, pointer: SharedPointer, events: ChartEvents) {
    this.#host = host;
    this.#theme = theme;
    this.#pointer = pointer;
    this.#events = events;
    this.#lines.className = "chart-layer chart-lines";
    this.#front.className = "chart-layer";
    this.#unsubscribe = pointer.subscribe((pointing) => this.#onPointing(pointing));
    this.#resizing = new ResizeObserver(() => this.#resize());
    this.#resizing.observe(host);
  }

  /** Draws these series in this frame from now on. */
  set(series: readonly Series[], frame: Frame, theme: ChartTheme = this.#theme): void {
    this.#series = series;
    this.#frame = frame;
    this.#theme = theme;
    this.#span = frame.span ?? xExtent(series) ?? [0, 1];
    this.#ySpan = frame.ySpan ?? yExtent(series, this.#span, frame.log) ?? (frame.log ? [1, 10] : [0, 1]);
    if (frame.log && this.#ySpan[0] <= 0) this.#ySpan = yExtent(series, this.#span, true) ?? [1, 10];
    const shape = JSON.stringify([frame.xKind, frame.log, theme]);
    if (shape !== this.#built) this.#build(shape);
    else this.#plot?.setData(this.#dummy());
    this.#paintLines();
    this.#queueFront();
  }

  /** Moves the crosshair one point on (or back, by -1) along the series that stands out, or the first. */
  step(way: 1 | -1): void {
    const series = this.#series.find(({ id }) => id === this.#pointer.now.id) ?? this.#series[0];
    if (!series || series.x.length === 0) return;
    const at = this.#pointer.now.x ?? (way > 0 ? -Infinity : Infinity);
    const next = way > 0 ? series.x.find((x) => x > at) : series.x.findLast((x) => x < at);
    if (next !== undefined) this.#pointer.point({ xKey: this.#frame.xKey, x: next, id: series.id });
  }

  destroy(): void {
    this.#unsubscribe();
    this.#resizing.disconnect();
    cancelAnimationFrame(this.#queued);
    if (this.#mouse) this.#leave();
    this.#plot?.destroy();
    this.#plot = null;
  }

  #build(shape: string): void {
    this.#plot?.destroy();
    this.#built = shape;
    const { clientWidth: width, clientHeight: height } = this.#host;
    const plot = new uPlot(this.#options(Math.max(80, width), Math.max(60, height)), this.#dummy(), this.#host);
    this.#plot = plot;
    plot.over.prepend(this.#lines, this.#front);
    plot.over.addEventListener("mousedown", (event) => {
      if (plot.cursor.drag) plot.cursor.drag.y = event.shiftKey;
      hideTooltip();
    }, { capture: true });
    plot.over.addEventListener("mousemove", (event) => this.#move(event));
    plot.over.addEventListener("mouseleave", () => this.#leave());
    plot.over.addEventListener("dblclick", () => this.#events.onZoomOut());
  }

  #options(width: number, height: number): uPlot.Options {
    const { xKind, log } = this.#frame;
    return {
      width,
      height,
      padding: [6, 16, 0, 0],
      legend: { show: false },
      cursor: {
        x: false,
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => null },
      },
      scales: {
        x: { time: xKind === "date", range: () => [this.#span[0], this.#span[1]] },
        y: { distr: log ? 3 : 1, range: () => [this.#ySpan[0], this.#ySpan[1]] },
      },
      axes: [xAxis(this.#theme, xKind), yAxis(this.#theme, log)],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { setSelect: [(plot) => this.#selected(plot)] },
    };
  }

  /** uPlot is given the corners only, for its scales; the lines have an x of their own each. */
  #dummy(): uPlot.AlignedData {
    return [[this.#span[0], this.#span[1]], [this.#ySpan[0], this.#ySpan[1]]];
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#host;
    if (!this.#plot || width === 0 || height === 0) return;
    if (this.#plot.width !== width || this.#plot.height !== height) this.#plot.setSize({ width, height });
    this.#paintLines();
    this.#queueFront();
  }

  #projection(): Projection | null {
    const over = this.#plot?.over;
    if (!over || over.clientWidth === 0 || over.clientHeight === 0) return null;
    return project(this.#span, this.#ySpan, this.#frame.log, over.clientWidth, over.clientHeight);
  }

  #paintLines(): void {
    const to = this.#projection();
    if (!to) return;
    const ctx = prepare(this.#lines, to);
    const envelope = this.#series.length <= FEW;
    const width = this.#series.length > MANY ? 1 / (devicePixelRatio || 1) : 1.5;
    for (const series of this.#series) paintSeries(ctx, series, to, { width, envelope });
  }

  #onPointing(pointing: Pointing): void {
    if (pointing.x === null) this.#mouse = null;
    this.#queueFront();
  }

  #queueFront(): void {
    if (this.#queued) return;
    this.#queued = requestAnimationFrame(() => {
      this.#queued = 0;
      this.#paintFront();
    });
  }

  #paintFront(): void {
    const to = this.#projection();
    if (!to) return;
    const { xKey, x, id } = this.#pointer.now;
    const out = this.#series.filter((series) => series.id === id || series.group === id);
    this.#lines.style.opacity = out.length > 0 ? "0.6" : "1";
    const ctx = prepare(this.#front, to);
    for (const series of out) paintSeries(ctx, series, to, { width: 2.5, envelope: true });
    if (x === null || xKey !== this.#frame.xKey) return;
    paintCrosshair(ctx, to, x, this.#theme.crosshair);
    if (!this.#mouse && this.#series.length > FEW) return;
    const readings = this.#readings(x, to);
    if (readings.length <= FEW) for (const reading of readings) paintReading(ctx, to, reading, this.#theme.surface);
    if (this.#mouse) this.#tell(x, id, readings, to);
  }

  #readings(x: number, to: Projection): Reading[] {
    return readingsAt(this.#series, x, (REACH * (this.#span[1] - this.#span[0])) / to.width);
  }

  #tell(x: number, id: string | null, readings: readonly Reading[], to: Projection): void {
    const { left, top } = this.#mouse ?? { left: 0, top: 0 };
    if (readings.length === 0) return hideTooltip();
    const shown = nearestReadings(readings, (y) => Math.abs(to.y(y) - top), TOOLTIP_ROWS);
    const corner = this.#plot?.over.getBoundingClientRect();
    const { xName, xKind } = this.#frame;
    const content = { xName, xKind, x: shown[0]?.x ?? x, readings: shown, id, more: readings.length - shown.length };
    showTooltip(content, (corner?.left ?? 0) + left, (corner?.top ?? 0) + top);
  }

  #move(event: MouseEvent): void {
    const to = this.#projection();
    const corner = this.#plot?.over.getBoundingClientRect();
    if (!to || !corner) return;
    this.#mouse = { left: event.clientX - corner.left, top: event.clientY - corner.top };
    const { left, top } = this.#mouse;
    const x = this.#span[0] + (left / to.width) * (this.#span[1] - this.#span[0]);
    const readings = this.#readings(x, to);
    const nearest = nearestReadings(readings, (y) => Math.abs(to.y(y) - top), 1)[0];
    this.#pointer.point({ xKey: this.#frame.xKey, x, id: nearest?.series.id ?? null });
  }

  #leave(): void {
    this.#mouse = null;
    hideTooltip();
    this.#pointer.leave();
  }

  #selected(plot: uPlot): void {
    const { left, top, width, height } = plot.select;
    if (width < 4) return;
    const x: Span = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    const both = plot.cursor.drag?.y === true && height >= 4;
    const y: Span | null = both ? [plot.posToVal(top + height, "y"), plot.posToVal(top, "y")] : null;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.#events.onZoom(x, y);
  }
}

function prepare(canvas: HTMLCanvasElement, { width, height }: Projection): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  // Setting a size, even the same, makes a new surface: dear at every move of the pointer.
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const ctx = canvas.getContext("2d") as CanvasRenderingContext2D;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.globalAlpha = 1;
  ctx.clearRect(0, 0, width, height);
  return ctx;
}

function paintCrosshair(ctx: CanvasRenderingContext2D, to: Projection, x: number, colour: string): void {
  const at = Math.round(to.x(x)) + 0.5;
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(at, 0);
  ctx.lineTo(at, to.height);
  ctx.stroke();
}

function paintReading(ctx: CanvasRenderingContext2D, to: Projection, { series, x, y }: Reading, surface: string): void {
  const at = to.y(y);
  if (!Number.isFinite(at)) return;
  ctx.fillStyle = series.colour;
  ctx.strokeStyle = surface;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.arc(to.x(x), at, 3.5, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
}
