import { expect, test } from "vitest";
import { xOf } from "../../src/state/series.ts";

test("x is what was chosen, else what was defined, else the step", () => {
  expect(xOf("history", null)).toBe("_step");
  expect(xOf("history", null, "epoch")).toBe("epoch");
  expect(xOf("history", "_step", "epoch")).toBe("_step");
  expect(xOf("history", "_timestamp", "epoch")).toBe("_timestamp");
});

test("system metrics have a time", () => {
  expect(xOf("system", null, "epoch")).toBe("_runtime");
  expect(xOf("system", "epoch")).toBe("_runtime");
  expect(xOf("system", "_timestamp")).toBe("_timestamp");
});
