/** Which runs of the list are drawn. */
import type { Row } from "../api/types.ts";
import type { ListView } from "./view.ts";

/** How many runs are drawn when nobody has chosen. */
export const SHOWN_FIRST = 20;

/** Pinned runs first, the others in the order of the server. */
export function arrange(rows: readonly Row[], pins: ReadonlySet<string>): Row[] {
  if (pins.size === 0) return [...rows];
  return [...rows.filter((row) => pins.has(row.run_id)), ...rows.filter((row) => !pins.has(row.run_id))];
}

export function shownRuns(rows: readonly Row[], view: ListView): Row[] {
  return rows.filter((row, index) => isShown(row.run_id, index, view));
}

function isShown(run: string, index: number, { base, on, off, pins }: ListView): boolean {
  if (off.has(run)) return false;
  if (on.has(run) || pins.has(run)) return true;
  return base === "all" || (base === "first" && index < SHOWN_FIRST);
}

/** Whether the pages loaded so far are not enough to know all that is to be drawn. */
export function needsMore(rows: readonly Row[], view: ListView): boolean {
  if (view.base === "all") return true;
  const loaded = new Set(rows.map((row) => row.run_id));
  return [...view.on, ...view.pins].some((run) => !loaded.has(run));
}
