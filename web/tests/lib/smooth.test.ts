import { expect, test } from "vitest";
import { smooth } from "../../src/lib/smooth.ts";

const x = Array.from({ length: 101 }, (_, i) => i);

const jump = (at: number) => (at < 50 ? 0 : 1);

test("nothing is smoothed away at 0", () => expect(smooth([0, 1, 2], [3, 9, 1], 0, 2)).toEqual([3, 9, 1]));

test("a constant stays itself, from the first point on", () => {
  for (const value of smooth(x, x.map(() => 7), 0.9, 100)) expect(value).toBeCloseTo(7, 10);
});

test("noise shrinks, and the mean stays", () => {
  const noisy = x.map((at) => (at % 2 === 0 ? 1 : -1));
  const calm = smooth(x, noisy, 0.95, 100).slice(50);
  expect(Math.max(...calm.map(Math.abs))).toBeLessThan(0.3);
});

test("distance counts, not the number of points: doubled points change little", () => {
  const twice = x.flatMap((at) => [at, at + 0.5]);
  const once = smooth(x, x.map(jump), 0.9, 100);
  const dense = smooth(twice, twice.map(jump), 0.9, 100);
  expect(dense[120]).toBeCloseTo(once[60] as number, 1);
});

test("a restart starts afresh", () => {
  const values = x.map((at) => (at < 50 ? 10 : 0));
  expect(smooth(x, values, 0.99, 100, [50])[50]).toBeCloseTo(0, 10);
  expect(smooth(x, values, 0.99, 100, [])[50]).toBeGreaterThan(5);
});
