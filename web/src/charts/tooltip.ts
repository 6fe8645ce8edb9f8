/** The one tooltip of the page: the values of the series at the crosshair. */
import { formatCount, formatNumber } from "../lib/numbers.ts";
import { formatDate, formatDuration } from "../lib/times.ts";
import type { Reading } from "./hover.ts";
import type { XKind } from "./series.ts";

export interface TooltipContent {
  xName: string;
  xKind: XKind;
  x: number;
  readings: readonly Reading[];
  /** The series that stands out. */
  id: string | null;
  /** How many more have a value here. */
  more: number;
}

export function formatX(x: number, kind: XKind): string {
  if (kind === "duration") return formatDuration(x);
  if (kind === "date") return formatDate(x);
  return Number.isInteger(x) ? formatCount(x) : formatNumber(x);
}

let box: HTMLElement | null = null;

export function showTooltip(content: TooltipContent, clientX: number, clientY: number): void {
  box ??= document.body.appendChild(element("div", "chart-tip"));
  box.replaceChildren(...rowsOf(content));
  box.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = box;
  const left = clientX + 16 + width > innerWidth ? clientX - 16 - width : clientX + 16;
  const top = Math.min(Math.max(4, clientY - height / 2), innerHeight - height - 4);
  box.style.transform = `translate(${Math.max(4, Math.round(left))}px, ${Math.round(top)}px)`;
}

export function hideTooltip(): void {
  if (box) box.hidden = true;
}

function rowsOf({ xName, xKind, x, readings, id, more }: TooltipContent): HTMLElement[] {
  const head = element("div", "chart-tip-head");
  head.append(element("span", "", xName), element("span", "number", formatX(x, xKind)));
  const rows = readings.map((reading) => rowOf(reading, xKind, reading.series.id === id));
  if (more > 0) rows.push(element("div", "chart-tip-more", `and ${formatCount(more)} more`));
  return [head, ...rows];
}

function rowOf({ series, x, y, raw, mark }: Reading, xKind: XKind, standsOut: boolean): HTMLElement {
  const row = element("div", standsOut ? "chart-tip-row out" : "chart-tip-row");
  const dot = element("i", "dot");
  dot.style.background = series.colour;
  row.append(dot, element("span", "name", series.name), element("span", "number", mark ?? formatNumber(y)));
  row.append(element("span", "number faint", raw === null ? "" : formatNumber(raw)));
  row.append(element("span", "number faint", formatX(x, xKind)));
  return row;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
