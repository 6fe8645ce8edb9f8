/** Light or dark: as the system says, unless somebody chose. */
import { useSyncExternalStore } from "react";
import type { ChartTheme } from "../charts/axes.ts";
import { recall, remember } from "./stored.ts";

export type Theme = "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let chosen = recall<Theme | null>("theme", null);
let chart: ChartTheme | null = null;

function apply(): void {
  document.documentElement.dataset["theme"] = current();
  chart = null;
  for (const listener of listeners) listener();
}

function current(): Theme {
  return chosen ?? (system.matches ? "dark" : "light");
}

export function startTheme(): void {
  system.addEventListener("change", apply);
  apply();
}

export function toggleTheme(): void {
  chosen = current() === "dark" ? "light" : "dark";
  remember("theme", chosen);
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}

/** The colours that charts draw with, from the style sheet in force. */
export function useChartTheme(): ChartTheme {
  return useSyncExternalStore(subscribe, () => (chart ??= readChartTheme()));
}

function readChartTheme(): ChartTheme {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read("--muted"),
    grid: read("--grid"),
    crosshair: read("--crosshair"),
    surface: read("--surface"),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
}
