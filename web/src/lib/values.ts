/** Values as the server says them: JSON, with `{"$float": "NaN"}` for the numbers JSON cannot say. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One leaf of a nested value, under its dotted key. */
export interface Leaf {
  key: string;
  value: Json;
}

const FLOATS: Record<string, number> = { NaN: Number.NaN, Infinity: Infinity, "-Infinity": -Infinity };

export function isRecord(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The number a value stands for, or null when it is none. */
export function numberOf(value: Json | undefined): number | null {
  if (typeof value === "number") return value;
  if (isRecord(value) && typeof value["$float"] === "string") return FLOATS[value["$float"]] ?? null;
  return null;
}

/** The leaves of a nested value in the order they stand; empty objects and lists are leaves. */
export function leaves(value: Json, prefix = ""): Leaf[] {
  if (!isRecord(value) || numberOf(value) !== null) return prefix === "" ? [] : [{ key: prefix, value }];
  const keys = Object.keys(value);
  if (keys.length === 0) return prefix === "" ? [] : [{ key: prefix, value }];
  return keys.flatMap((key) => leaves(value[key] as Json, prefix === "" ? key : `${prefix}.${key}`));
}

/** The value under a dotted key. A key that itself holds dots is found too. */
export function valueAt(tree: Json | undefined, key: string): Json | undefined {
  if (!isRecord(tree)) return undefined;
  if (key in tree) return tree[key];
  for (let dot = key.indexOf("."); dot > 0; dot = key.indexOf(".", dot + 1)) {
    const found = valueAt(tree[key.slice(0, dot)], key.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}
