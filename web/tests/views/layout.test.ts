import { expect, test } from "vitest";
import { sectionsOf } from "../../src/views/panels/layout.ts";

const KEYS = { metrics: ["epoch", "val/loss", "val/step", "_step"], system: ["system.cpu"], hidden: ["epoch", "val/step"] };

const found = (filter: string) => sectionsOf(KEYS, filter).map(({ name, keys }) => [name, ...keys]);

test("what runs want hidden is drawn for who looks for its name only", () => {
  expect(found("")).toEqual([["val", "val/loss"], ["system", "system.cpu"]]);
  expect(found("  ")).toEqual(found(""));
  expect(found("ep")).toEqual([["charts", "epoch"], ["val", "val/step"]]);
});
