/** Numbers as people read them. Four significant digits; the full value is one hover away. */
import { formatDate, formatDuration } from "./times.ts";
import { type Json, numberOf } from "./values.ts";

const MINUS = "-";

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `12,345` for counts: never rounded. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const whole = Math.round(value);
  return (whole < 0 ? MINUS : "") + grouped(String(Math.abs(whole)));
}

/** Four significant digits; whole numbers below a million stay whole. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return formatCount(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  const text = Number(value.toPrecision(4)).toString();
  const [whole = "", rest] = text.replace("-", "").split(".");
  return (value < 0 ? MINUS : "") + grouped(whole) + (rest === undefined ? "" : `.${rest}`);
}

const UNITS: [number, string][] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** The label of an axis tick: short, and exact for round numbers. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return trimmed(value.toExponential(2));
  for (const [unit, letter] of UNITS) {
    if (size >= unit * (unit === 1e3 ? 10 : 1)) return String(Number((value / unit).toPrecision(6))) + letter;
  }
  return String(Number(value.toPrecision(6)));
}

function trimmed(exponential: string): string {
  return exponential.replace(/\.?0+e/, "e").replace("e+", "e");
}

/** `1.2 MiB`: sizes of files. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${formatCount(bytes)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** A config or summary value in a cell. */
export function formatValue(value: Json | undefined): string {
  if (value === undefined) return "";
  const number = numberOf(value);
  if (number !== null) return formatNumber(number);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A value of the summary: the two times that every run has are said as times. */
export function formatNamed(key: string, value: Json | undefined): string {
  const number = numberOf(value);
  if (number !== null && (key === "_timestamp" || key === "started_at")) return formatDate(number);
  return number !== null && key === "_runtime" ? formatDuration(number) : formatValue(value);
}

const SIZES = /^(memory\.total|disk\..*\.(total|used))$/;

/** A value of the metadata, under its dotted key: sizes as sizes, which clients say in bytes, as text too; old ones in GB. */
export function formatMetadata(key: string, value: Json | undefined): string {
  const bytes = SIZES.test(key) ? Number(typeof value === "string" ? value : numberOf(value)) : 0;
  return Number.isInteger(bytes) && bytes >= 2 ** 20 ? formatBytes(bytes) : formatNamed(key, value);
}

/** The same value in full: what hovering shows and copying gives. */
export function fullValue(value: Json | undefined): string {
  if (value === undefined) return "";
  const number = numberOf(value);
  if (number !== null) return String(number);
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
