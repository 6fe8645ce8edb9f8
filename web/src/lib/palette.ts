/** Colours of runs, in the order they are given out. Told apart with colour-blindness (hue and lightness both vary), legible on white and on black. */

export const PALETTE: readonly string[] = [
  "#2f78d7", "#e0760b", "#16976b", "#d0435c", "#8e63ce", "#1b9db3",
  "#b5850f", "#d45ba3", "#5b8c1e", "#9a6a4a", "#6675e8", "#7b8794",
];

/**
 * Adds colours for the ids that have none yet, in the order given: the first of those used least, so that few ids
 * have colours that lie far apart. What an id has, it keeps.
 */
export function assignColours(known: ReadonlyMap<string, number>, ids: readonly string[]): Map<string, number> {
  const given = new Map(known);
  const used = PALETTE.map(() => 0);
  for (const colour of given.values()) used[colour] = (used[colour] ?? 0) + 1;
  for (const id of ids) {
    if (given.has(id)) continue;
    const colour = used.indexOf(Math.min(...used));
    given.set(id, colour);
    used[colour] = (used[colour] as number) + 1;
  }
  return given;
}
