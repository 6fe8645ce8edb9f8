/** Metrics into sections: the part of a key before its first slash names the section. */

export interface Section {
  name: string;
  keys: string[];
}

const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

export function compareNatural(left: string, right: string): number {
  return natural.compare(left, right) || (left < right ? -1 : left > right ? 1 : 0);
}

/** Sections in natural order; keys without a slash come first, under the name `charts`. */
export function groupByPrefix(keys: readonly string[]): Section[] {
  const sections = new Map<string, string[]>();
  for (const key of keys) {
    const slash = key.indexOf("/");
    const name = slash > 0 ? key.slice(0, slash) : "";
    const section = sections.get(name);
    if (section) section.push(key);
    else sections.set(name, [key]);
  }
  return [...sections.entries()]
    .sort(([left], [right]) => compareNatural(left, right))
    .map(([name, found]) => ({ name: name || "charts", keys: found.sort(compareNatural) }));
}

/** Whether every word of the search stands somewhere in the text; upper and lower case are one. */
export function matches(text: string, search: string): boolean {
  const lower = text.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}
