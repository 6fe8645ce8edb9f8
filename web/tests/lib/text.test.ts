import { expect, test } from "vitest";
import { compareNatural, groupByPrefix, matches } from "../../src/lib/groups.ts";
import { assignColours, PALETTE } from "../../src/lib/palette.ts";
import { plainLine, plural, toCsv } from "../../src/lib/text.ts";
import { formatAgo, formatDuration, formatSpanTick } from "../../src/lib/times.ts";

test("sections by the part before the first slash, keys without one first", () => {
  expect(groupByPrefix(["val/loss", "loss", "train/a/b", "train/a/a", "/odd"])).toEqual([
    { name: "charts", keys: ["/odd", "loss"] },
    { name: "train", keys: ["train/a/a", "train/a/b"] },
    { name: "val", keys: ["val/loss"] },
  ]);
});

test("numbers in names sort as numbers", () => expect(["l10", "l9", "L1"].sort(compareNatural)).toEqual(["L1", "l9", "l10"]));

test("all words of a search must be there", () => {
  expect(matches("train/Loss", "loss tr")).toBe(true);
  expect(matches("train/loss", "val")).toBe(false);
  expect(matches("anything", "")).toBe(true);
});

test("a console line without colours, and what a progress bar left standing", () => {
  expect(plainLine("\u001b[33mwarn\u001b[0m: x\n")).toBe("warn: x");
  expect(plainLine("10%\r50%\r100%")).toBe("100%");
});

test("CSV quotes what needs it", () => expect(toCsv([["a,b", 'say "x"', 1.5]])).toBe('"a,b","say ""x""",1.5\r\n'));

test("one run, two runs", () => expect([plural(1, "run"), plural(1200, "run")]).toEqual(["1 run", "1,200 runs"]));

test.each([[4.25, "4.3s"], [59, "59s"], [61, "1m 01s"], [3661, "1h 01m"], [90000, "1d 01h"], [-5, "-5s"]])(
  "%d seconds are %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text),
);

test.each([[90, "90s"], [300, "5m"], [5400, "90m"], [9000, "2h 30m"], [259200, "3d"]])(
  "a tick at %d seconds is %s", (seconds, text) => expect(formatSpanTick(seconds)).toBe(text),
);

test("ages in words", () => expect([formatAgo(990, 1000), formatAgo(0, 7300)]).toEqual(["just now", "2 h ago"]));

test("colours are kept, and as different as the palette allows", () => {
  const ids = Array.from({ length: PALETTE.length }, (_, i) => `run-${i}`);
  const first = assignColours(new Map(), ids);
  expect(new Set(first.values()).size).toBe(PALETTE.length);
  const more = assignColours(first, ["another", ...ids]);
  for (const id of ids) expect(more.get(id)).toBe(first.get(id));
});
