import { beforeEach, expect, test } from "vitest";
import type { Line } from "../../src/api/types.ts";
import { keep, keptLines, missingRuns, type PanelWanted, pointsFor } from "../../src/state/lines.ts";
import { seriesOf, xOf } from "../../src/state/series.ts";

let project = 0;
let wanted: PanelWanted;

beforeEach(() => {
  project += 1; // what is kept is kept for the page: each test has a project of its own
  wanted = { entity: "e", project: `p${project}`, key: "loss", stream: "history", x: "_step", span: null, points: 100, stretches: "latest", runs: ["a", "b"] };
});

function line(run: string, change: Partial<Line> = {}): Line {
  return { run, key: "loss", label: "", x: [0, 1], y: [5, 6], lo: [], hi: [], total: 2, exact: true, marks: [], breaks: [], ...change };
}

test("only what is missing or has changed is asked for", () => {
  expect(missingRuns(wanted, new Map())).toEqual(["a", "b"]);
  keep(wanted, ["a", "b"], [line("a")], new Map());
  expect(missingRuns(wanted, new Map())).toEqual([]);
  expect(missingRuns({ ...wanted, runs: ["a", "b", "c"] }, new Map([["b", 1]]))).toEqual(["b", "c"]);
  expect(keptLines(wanted).map(({ run }) => run)).toEqual(["a"]);
});

test("a zoom asks only for lines that were thinned", () => {
  keep(wanted, ["a", "b"], [line("a"), line("b", { exact: false, total: 900 })], new Map());
  const zoomed = { ...wanted, span: [0, 1] as const };
  expect(missingRuns(zoomed, new Map())).toEqual(["b"]);
  keep(zoomed, ["b"], [line("b", { y: [7, 8] })], new Map());
  expect(keptLines(zoomed).map(({ y }) => y)).toEqual([[5, 6], [7, 8]]);
  expect(keptLines(wanted)[1]?.exact).toBe(false);
});

test("another axis, or another key, is another question", () => {
  keep(wanted, ["a", "b"], [line("a"), line("b")], new Map());
  expect(missingRuns({ ...wanted, x: "_runtime" }, new Map())).toEqual(["a", "b"]);
  expect(missingRuns({ ...wanted, key: "acc" }, new Map())).toEqual(["a", "b"]);
});

test("more lines have fewer points each", () => {
  expect(pointsFor(1000, false) * 1000).toBeLessThanOrEqual(60_000);
  expect(pointsFor(3, true)).toBeGreaterThan(pointsFor(3, false));
});

test("lines become series in the order of the runs; smoothing keeps what was logged", () => {
  const runs = [{ id: "b", name: "B", colour: "#111" }, { id: "a", name: "A", colour: "#222" }, { id: "z", name: "Z", colour: "#333" }];
  const long = { x: [0, 1, 2, 3], y: [1, 0, 1, 0] };
  const plain = seriesOf([line("a", long), line("b")], runs, { x: "_step", smoothing: 0, span: null });
  expect(plain.map(({ name, raw }) => [name, raw])).toEqual([["B", null], ["A", null]]);
  const smoothed = seriesOf([line("a", long)], runs, { x: "_step", smoothing: 0.9, span: null });
  expect(smoothed[0]?.raw).toEqual(long.y);
  expect(smoothed[0]?.y).not.toEqual(long.y);
});

test("each writer of a run has a line of its own", () => {
  const written = [line("a", { label: "rank_0" }), line("a", { label: "rank_1", exact: false })];
  keep(wanted, ["a", "b"], [...written, line("b")], new Map());
  expect(keptLines(wanted).map(({ run, label }) => [run, label])).toEqual([["a", "rank_0"], ["a", "rank_1"], ["b", ""]]);
  expect(missingRuns({ ...wanted, span: [0, 1] }, new Map())).toEqual(["a"]);
  const runs = [{ id: "a", name: "A", colour: "#111" }, { id: "b", name: "B", colour: "#222" }];
  expect(seriesOf(keptLines(wanted), runs, { x: "_step", smoothing: 0, span: null }).map(({ id, name, colour }) => [id, name, colour]))
    .toEqual([["a%rank_0", "A · rank_0", "#111"], ["a%rank_1", "A · rank_1", "#111"], ["b", "B", "#222"]]);
  expect(seriesOf(keptLines(wanted), runs, { x: "_step", smoothing: 0, span: null }).map(({ group }) => group)).toEqual(["a", "a", "b"]);
  const alone = [{ id: "a", name: "A", colour: "#111", writers: { rank_0: "#333", rank_1: "#444" } }];
  expect(seriesOf(keptLines(wanted), alone, { x: "_step", smoothing: 0, span: null }).map(({ colour }) => colour)).toEqual(["#333", "#444"]);
});

test("system metrics have no steps", () => {
  expect([xOf("system", "_step"), xOf("system", "loss"), xOf("system", "_timestamp"), xOf("history", "loss")])
    .toEqual(["_runtime", "_runtime", "_timestamp", "loss"]);
});
