/** Panels that ask about the same runs at the same moment ask in one request: the server reads each run once. */
import { fetchLines, type LinesWanted } from "../api/lines.ts";
import type { Line } from "../api/types.ts";

/** How long a question waits for others, in milliseconds. */
const WAIT = 30;
const MOST_KEYS = 16;

export type OneKey = Omit<LinesWanted, "keys"> & { key: string };

interface Asker {
  key: string;
  signal: AbortSignal;
  resolve: (lines: Line[]) => void;
  reject: (error: unknown) => void;
}

const waiting = new Map<string, Asker[]>();

/** The lines of one key. Aborted questions are not answered; when all of a request are, it is aborted too. */
export function fetchTogether(wanted: OneKey, signal: AbortSignal): Promise<Line[]> {
  const { key, ...rest } = wanted;
  const name = JSON.stringify(rest);
  return new Promise((resolve, reject) => {
    let askers = waiting.get(name);
    if (!askers || askers.length >= MOST_KEYS) {
      const fresh: Asker[] = (askers = []);
      waiting.set(name, fresh);
      setTimeout(() => {
        if (waiting.get(name) === fresh) waiting.delete(name);
        void send(rest, fresh);
      }, WAIT);
    }
    askers.push({ key, signal, resolve, reject });
  });
}

async function send(rest: Omit<LinesWanted, "keys">, askers: readonly Asker[]): Promise<void> {
  const abort = new AbortController();
  const leave = () => { if (askers.every(({ signal }) => signal.aborted)) abort.abort(); };
  for (const { signal } of askers) signal.addEventListener("abort", leave);
  const keys = [...new Set(askers.filter(({ signal }) => !signal.aborted).map(({ key }) => key))];
  try {
    const lines = keys.length === 0 ? [] : await fetchLines({ ...rest, keys }, abort.signal);
    for (const { key, resolve } of askers) resolve(lines.filter((line) => line.key === key));
  } catch (error) {
    for (const { reject } of askers) reject(error);
  }
}
