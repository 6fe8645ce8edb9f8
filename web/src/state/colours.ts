/** The colour of each run: bound to the run, kept by this browser, and as different as the palette allows. */
import { assignColours, PALETTE } from "../lib/palette.ts";
import type { Journal, ProjectName, Row } from "../api/types.ts";
import { recall, remember } from "./stored.ts";

const KEPT = 2000;
const assigned = new Map<string, Map<string, number>>();

/** Colours of these runs. Runs seen for the first time get theirs by age, so that a list gives the same each time. */
export function coloursOf({ entity, project }: ProjectName, rows: readonly Row[]): ReadonlyMap<string, string> {
  const name = `colours.${entity}/${project}`;
  let known = assigned.get(name) ?? new Map(recall<[string, number][]>(name, []));
  if (rows.some((row) => !known.has(row.run_id))) {
    const byAge = [...rows].sort((left, right) => left.created_at - right.created_at || (left.run_id < right.run_id ? -1 : 1));
    known = assignColours(known, byAge.map((row) => row.run_id));
    remember(name, [...known].slice(-KEPT));
  }
  assigned.set(name, known);
  return new Map(rows.map((row) => [row.run_id, PALETTE[known.get(row.run_id) ?? 0] ?? "#7b8794"]));
}

/** Colours of a run's several writers by label; none for a run that has one at a time. */
export function writerColours(journals: readonly Journal[]): Record<string, string> {
  const labels = [...new Set(journals.map((journal) => journal.label))].filter(Boolean);
  labels.sort((left, right) => left.localeCompare(right, "en", { numeric: true }));
  return Object.fromEntries([...assignColours(new Map(), labels)].map(([label, place]) => [label, PALETTE[place] ?? "#7b8794"]));
}
