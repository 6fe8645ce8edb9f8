import { expect, test } from "vitest";
import type { Row } from "../../src/api/types.ts";
import { arrange, needsMore, SHOWN_FIRST, shownRuns } from "../../src/state/shown.ts";
import { readListView } from "../../src/state/view.ts";

const rows = Array.from({ length: 50 }, (_, i) => ({ run_id: `r${i}` }) as Row);

const ids = (search: string) => shownRuns(rows, readListView(search)).map((row) => row.run_id);

test("the first few are drawn when nobody chose", () => expect(ids("").length).toBe(SHOWN_FIRST));

test("all, none, and single ones", () => {
  expect(ids("?show=all").length).toBe(50);
  expect(ids("?show=none")).toEqual([]);
  expect(ids("?show=none&on=r40,r2")).toEqual(["r2", "r40"]);
  expect(ids("?off=r0")).not.toContain("r0");
  expect(ids("?pin=r49")).toContain("r49");
});

test("pinned runs stand first", () => expect(arrange(rows, new Set(["r7"]))[0]?.run_id).toBe("r7"));

test("pages are asked for until all that is drawn is known", () => {
  expect(needsMore(rows, readListView("?on=r999"))).toBe(true);
  expect(needsMore(rows, readListView("?on=r3"))).toBe(false);
  expect(needsMore(rows, readListView("?show=all"))).toBe(true);
});
