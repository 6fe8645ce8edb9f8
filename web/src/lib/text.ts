/** Text on its way to the screen or into a file. */

// oxlint-disable-next-line no-control-regex -- escape sequences are made of control characters
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** A console line without terminal colours, and of a rewritten line (progress bars) what was left standing. */
export function plainLine(text: string): string {
  const plain = text.replace(ESCAPES, "").replace(/[\r\n]+$/, "");
  return plain.slice(plain.lastIndexOf("\r") + 1);
}

/** Rows as CSV (RFC 4180). */
export function toCsv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function csvCell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `1 run`, `3 runs`. */
export function plural(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}
