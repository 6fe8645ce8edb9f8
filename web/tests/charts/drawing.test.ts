import { describe, expect, test } from "vitest";
import { dateTicks, logTicks } from "../../src/charts/axes.ts";
import { countNotPositive, xExtent, yExtent } from "../../src/charts/extent.ts";
import { nearestIndex, nearestReadings, readingsAt } from "../../src/charts/hover.ts";
import { paintSeries, project } from "../../src/charts/paint.ts";
import { SharedPointer } from "../../src/charts/pointer.ts";
import { lowerBound, type Series } from "../../src/charts/series.ts";

function seriesOf(change: Partial<Series>): Series {
  return { id: "a", group: "a", name: "a", colour: "#000", x: [], y: [], raw: null, lo: [], hi: [], marks: [], wanders: false, breaks: [], ...change };
}

describe("spans", () => {
  test("x covers points and marks; a single x gets room", () => {
    expect(xExtent([seriesOf({ x: [1, 4], y: [0, 0], marks: [{ x: 9, kind: "NaN" }] })])).toEqual([1, 9]);
    expect(xExtent([seriesOf({ x: [5], y: [1] })])).toEqual([4.5, 5.5]);
    expect(xExtent([])).toBeNull();
  });
  test("y covers what is within the span, raw values too", () => {
    const one = seriesOf({ x: [0, 1, 2], y: [0, 10, 500], raw: [-10, 10, 500] });
    expect(yExtent([one], [0, 1], false)).toEqual([-11, 11]);
    expect(yExtent([one], [3, 4], false)).toBeNull();
  });
  test("a constant is not a flat span; a log axis leaves out what it cannot show", () => {
    expect(yExtent([seriesOf({ x: [0], y: [0] })], [0, 1], false)).toEqual([-1, 1]);
    const mixed = seriesOf({ x: [0, 1], y: [-1, 100] });
    expect(yExtent([mixed], [0, 1], true)).toEqual([50, 200]);
    expect(countNotPositive([mixed])).toBe(1);
  });
});

describe("reading at an x", () => {
  test("the nearest point", () => {
    expect([nearestIndex([0, 10, 20], 14), nearestIndex([0, 10, 20], 16), nearestIndex([], 1), nearestIndex([5], 99)]).toEqual([1, 2, -1, 0]);
    expect(nearestIndex([0, 5, 3, 8], 3.2)).toBe(2);
    expect(lowerBound([1, 3, 3, 5], 3)).toBe(1);
  });
  test("a series that has ended says nothing; sparse points within it do", () => {
    const ended = seriesOf({ x: [0, 10], y: [1, 2] });
    expect(readingsAt([ended], 50, 5)).toEqual([]);
    expect(readingsAt([ended], 6, 1)[0]).toMatchObject({ x: 10, y: 2 });
  });
  test("a NaN is read as NaN", () => {
    const gone = seriesOf({ x: [0, 10], y: [1, 2], marks: [{ x: 5, kind: "NaN" }] });
    expect(readingsAt([gone], 5, 1)[0]).toMatchObject({ x: 5, mark: "NaN" });
  });
  test("at most so many, the nearest, highest first, NaN last", () => {
    const at = [3, 1, Number.NaN, 2, 9].map((y) => ({ series: seriesOf({}), x: 0, y, raw: null, mark: null }));
    expect(nearestReadings(at, (y) => Math.abs(y - 2), 3).map(({ y }) => y)).toEqual([3, 2, 1]);
    expect(nearestReadings(at, Math.abs, 9).map(({ y }) => y)).toEqual([9, 3, 2, 1, Number.NaN]);
  });
});

/** Records the strokes that a canvas is given. */
function recorder() {
  const lines: [number, number][][] = [];
  const ctx = {
    beginPath: () => undefined, stroke: () => undefined, fill: () => undefined,
    arc: (x: number, y: number) => void lines.at(-1)?.push([x, y]),
    moveTo: (x: number, y: number) => void lines.push([[x, y]]),
    lineTo: (x: number, y: number) => void lines.at(-1)?.push([x, y]),
  };
  return { lines, ctx: ctx as unknown as CanvasRenderingContext2D };
}

describe("drawing", () => {
  const to = project([0, 10], [0, 10], false, 100, 100);
  test("values become pixels, y upwards", () => expect([to.x(5), to.y(10), to.y(0)]).toEqual([50, 0, 100]));
  test("a log axis has no place for zero", () => {
    const log = project([0, 1], [1, 100], true, 10, 100);
    expect(log.y(10)).toBe(50);
    expect(log.y(0)).toBeNaN();
  });
  test("a line breaks where another stretch takes over, and is marked there", () => {
    const { lines, ctx } = recorder();
    paintSeries(ctx, seriesOf({ x: [0, 1, 2, 3], y: [1, 1, 5, 5], breaks: [2] }), to, { width: 1, envelope: true });
    expect(lines.slice(0, 2)).toEqual([[[0, 90], [10, 90]], [[20, 50], [30, 50]]]);
    expect(lines.some((line) => line[0]?.[0] === 20 && line[0]?.[1] === 100)).toBe(true);
  });
  test("steps that go back begin a new line, unless x is no clock", () => {
    const back = seriesOf({ x: [0, 5, 3], y: [1, 1, 1] });
    const drawn = [back, { ...back, wanders: true }].map((one) => {
      const { lines, ctx } = recorder();
      paintSeries(ctx, one, to, { width: 1, envelope: false });
      return lines[0]?.length;
    });
    expect(drawn).toEqual([2, 3]);
  });
  test("what is no number is marked at the edge, not drawn as zero", () => {
    const { lines, ctx } = recorder();
    const marks = [{ x: 5, kind: "NaN" as const }, { x: 6, kind: "Infinity" as const }, { x: 7, kind: "-Infinity" as const }];
    paintSeries(ctx, seriesOf({ marks }), to, { width: 1, envelope: false });
    expect(lines.flat().map(([, y]) => y).every((y) => y <= 8 || y >= 92)).toBe(true);
    expect(lines.length).toBe(4);
  });
  test("what lies outside the span is not drawn, but for one neighbour", () => {
    const { lines, ctx } = recorder();
    const x = Array.from({ length: 1000 }, (_, i) => i);
    paintSeries(ctx, seriesOf({ x, y: x.map(() => 1) }), to, { width: 1, envelope: false });
    expect(lines[0]?.length).toBe(12);
  });
});

test("ticks of a log axis: few, and within", () => {
  expect(logTicks(0.005, 2000).map((tick) => Math.log10(tick))).toEqual([-2, -1, 0, 1, 2, 3]);
  expect(logTicks(1, 80)).toEqual([1, 2, 5, 10, 20, 50]);
  for (const [low, high] of [[0.9, 1.1], [1, 80], [1e-12, 1e12], [3, 4000]] as const) {
    const ticks = logTicks(low, high);
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks.length).toBeLessThanOrEqual(7);
    for (const tick of ticks) expect(tick >= low * 0.999 && tick <= high * 1.001).toBe(true);
  }
});

test("the date stands once a day", () => {
  const noon = new Date(2026, 10, 21, 12).getTime() / 1000;
  expect(dateTicks([noon, noon + 3600], 3600)).toEqual(["11-21 12:00", "13:00"]);
  expect(dateTicks([noon + 1, noon + 1.25, noon + 1.4999999], 0.25)).toEqual(["12:00:01.00", "12:00:01.25", "12:00:01.50"]);
  expect(dateTicks([noon + 0.9999999, noon + 1.1], 0.1)).toEqual(["12:00:01.0", "12:00:01.1"]);
  expect(dateTicks([noon + 0.005], 0.005)).toEqual(["12:00:00.005"]);
  expect(dateTicks([noon, noon + 2], 2)).toEqual(["11-21 12:00:00", "12:00:02"]);
});

test("a pointer tells all who listen, once for each move", () => {
  const pointer = new SharedPointer();
  const heard: (number | null)[] = [];
  const stop = pointer.subscribe(({ x }) => heard.push(x));
  pointer.point({ xKey: "_step", x: 3, id: "a" });
  pointer.point({ xKey: "_step", x: 3, id: "a" });
  pointer.leave();
  stop();
  pointer.highlight("b");
  expect(heard).toEqual([3, null]);
});
