import { expect, test } from "vitest";
import { leaves, numberOf, valueAt } from "../../src/lib/values.ts";

test("a number is a number, also one that JSON cannot say", () => {
  expect(numberOf(2)).toBe(2);
  expect(numberOf({ $float: "NaN" })).toBeNaN();
  expect(numberOf("2")).toBeNull();
  expect(numberOf({ $float: "other" })).toBeNull();
});

test("leaves stand under dotted keys; empty objects, lists and floats are leaves", () => {
  expect(leaves({ a: { b: 1, c: {} }, d: [1], e: { $float: "NaN" } }).map((leaf) => leaf.key)).toEqual(["a.b", "a.c", "d", "e"]);
  expect(leaves({})).toEqual([]);
});

test("a dotted key finds its value, nested or not", () => {
  expect(valueAt({ a: { b: { c: 3 } } }, "a.b.c")).toBe(3);
  expect(valueAt({ "a.b": 1 }, "a.b")).toBe(1);
  expect(valueAt({ a: { "b.c": 2 } }, "a.b.c")).toBe(2);
  expect(valueAt({ a: 1 }, "a.b")).toBeUndefined();
});
