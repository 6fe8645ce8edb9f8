/** Times as people read them. In: Unix seconds or seconds. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** `1h 04m`, `3m 12s`, `4.2s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return String(seconds);
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds < 10) return `${Number(seconds.toPrecision(2))}s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole}s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}m ${two(whole % MINUTE)}s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}h ${two(Math.floor((whole % HOUR) / MINUTE))}m`;
  return `${Math.floor(whole / DAY)}d ${two(Math.floor((whole % DAY) / HOUR))}h`;
}

/** `just now`, `5 min ago`, `3 h ago`, then the date. */
export function formatAgo(time: number, now: number): string {
  const age = now - time;
  if (age < MINUTE) return "just now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  if (age < 7 * DAY) return `${Math.floor(age / DAY)} d ago`;
  return formatDate(time).slice(0, 10);
}

/** `2026-11-21 14:03:07`, local time. */
export function formatDate(time: number): string {
  const date = new Date(time * 1000);
  if (Number.isNaN(date.getTime())) return "";
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** An axis tick of a span of seconds: `90s`, `5m`, `1h 30m`. */
export function formatSpanTick(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 2 * MINUTE) return `${Number(seconds.toPrecision(4))}s`;
  if (size < 2 * HOUR) return tickOf(seconds, MINUTE, "m", 1, "s");
  if (size < 2 * DAY) return tickOf(seconds, HOUR, "h", MINUTE, "m");
  return tickOf(seconds, DAY, "d", HOUR, "h");
}

function tickOf(seconds: number, unit: number, letter: string, small: number, smallLetter: string): string {
  const whole = Math.trunc(seconds / unit);
  const rest = Math.round(Math.abs(seconds - whole * unit) / small);
  return rest === 0 ? `${whole}${letter}` : `${whole}${letter} ${rest}${smallLetter}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
