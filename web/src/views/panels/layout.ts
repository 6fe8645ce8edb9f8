/** Where panels stand: sections and rows of panels, as a flat list that a virtual list can walk. */
import type { Keys, Stream } from "../../api/types.ts";
import { groupByPrefix, matches, type Section } from "../../lib/groups.ts";
import type { PanelSize } from "../../state/view.ts";

export interface PanelName {
  stream: Stream;
  metric: string;
}

export type DrawnKeys = Pick<Keys, "metrics" | "system" | "hidden">;

export type LayoutRow =
  | { kind: "section"; name: string; count: number; open: boolean }
  | { kind: "panels"; panels: PanelName[] };

export const GAP = 8;
export const SECTION_HEIGHT = 36;
const SIZES: Record<PanelSize, { width: number; height: number }> = {
  s: { width: 312, height: 240 },
  m: { width: 460, height: 320 },
  l: { width: 760, height: 420 },
};

export function panelHeight(size: PanelSize): number {
  return SIZES[size].height;
}

export function columnsFor(width: number, size: PanelSize): number {
  return Math.max(1, Math.floor((width + GAP) / (SIZES[size].width + GAP)));
}

/**
 * Sections by prefix; what the machine did stands last, in a section of its own. Metrics that their runs want hidden are
 * there for who looks for their names.
 */
export function sectionsOf(keys: DrawnKeys, filter: string): (Section & { stream: Stream })[] {
  const hidden = new Set(filter.trim() ? [] : keys.hidden);
  const metrics = keys.metrics.filter((key) => !key.startsWith("_") && !hidden.has(key) && matches(key, filter));
  const system = keys.system.filter((key) => !key.startsWith("_") && matches(key, filter));
  const sections: (Section & { stream: Stream })[] = groupByPrefix(metrics).map((section) => ({ ...section, stream: "history" }));
  if (system.length > 0) sections.push({ name: "system", keys: system.sort(), stream: "system" });
  return sections;
}

export function layoutRows(
  sections: readonly (Section & { stream: Stream })[], shut: ReadonlySet<string>, columns: number,
): LayoutRow[] {
  return sections.flatMap(({ name, keys, stream }) => {
    const open = !shut.has(sectionId(name, stream));
    const rows: LayoutRow[] = [{ kind: "section", name: sectionId(name, stream), count: keys.length, open }];
    if (!open) return rows;
    for (let i = 0; i < keys.length; i += columns) {
      rows.push({ kind: "panels", panels: keys.slice(i, i + columns).map((metric) => ({ stream, metric })) });
    }
    return rows;
  });
}

/** A metric may be called `system/…` too: that section is another one. */
function sectionId(name: string, stream: Stream): string {
  return stream === "history" && name === "system" ? "system/" : name;
}
