/**
 * The lines of one panel. Each run's line is kept until the server says that the run changed, so that showing one
 * more run, or a change of one, asks for that one only; a line of which nothing was thinned serves every zoom.
 */
import { useEffect, useMemo, useRef, useState } from "react";
import { ApiError } from "../api/http.ts";
import type { Line } from "../api/types.ts";
import { onRefusal } from "./refusal.ts";
import { linesByRun } from "./series.ts";
import { fetchTogether, type OneKey } from "./together.ts";

/** One panel's question: one key over the shown runs. */
export type PanelWanted = OneKey;

interface Kept {
  version: number;
  /** One for each writer of the run; none: it has no such metric. */
  lines: readonly Line[];
}

type Shelf = Map<string, Kept>;

const SHELVES = 400;
/** A server that is gone, or busy, is asked again after this many milliseconds. */
const AGAIN = 5000;
/** Runs a request: many runs come in slices, so that the first are seen while the others are read. */
const SLICE = 100;
const shelves = new Map<string, Shelf>();

export function shelfName(wanted: PanelWanted, span: PanelWanted["span"]): string {
  const { entity, project, stream, key, x, points, stretches } = wanted;
  return JSON.stringify([entity, project, stream, key, x, points, stretches, span]);
}

/** The shelf of this name, used last; the one not used for longest is given up. */
function shelfOf(name: string): Shelf {
  const shelf = shelves.get(name) ?? new Map<string, Kept>();
  shelves.delete(name);
  shelves.set(name, shelf);
  if (shelves.size > SHELVES) shelves.delete(shelves.keys().next().value as string);
  return shelf;
}

type Versions = ReadonlyMap<string, number>;

/** What is kept for a run, whether or not it is of its latest version. */
function keptFor(wanted: PanelWanted, run: string): Kept | undefined {
  const whole = shelfOf(shelfName(wanted, null)).get(run);
  if (wanted.span === null || whole?.lines.every((line) => line.exact)) return whole;
  return shelfOf(shelfName(wanted, wanted.span)).get(run);
}

export function missingRuns(wanted: PanelWanted, versions: Versions): string[] {
  return wanted.runs.filter((run) => keptFor(wanted, run)?.version !== (versions.get(run) ?? 0));
}

export function keep(wanted: PanelWanted, runs: readonly string[], lines: readonly Line[], versions: Versions): void {
  const shelf = shelfOf(shelfName(wanted, wanted.span));
  const found = linesByRun(lines.filter((line) => line.key === wanted.key));
  for (const run of runs) shelf.set(run, { version: versions.get(run) ?? 0, lines: found.get(run) ?? [] });
}

export function keptLines(wanted: PanelWanted): Line[] {
  return wanted.runs.flatMap((run) => keptFor(wanted, run)?.lines ?? []);
}

export interface PanelLines {
  lines: readonly Line[];
  /** The question that `lines` answer. */
  answers: PanelWanted | null;
  loading: boolean;
  error: ApiError | null;
  retry: () => void;
}

/** Asks for what is missing while `active`; what was there stays until the answer comes. */
export function useLines(wanted: PanelWanted, versions: Versions, active: boolean): PanelLines {
  const [drawn, setDrawn] = useState<{ lines: readonly Line[]; answers: PanelWanted | null }>({ lines: [], answers: null });
  const [error, setError] = useState<ApiError | null>(null);
  const [loading, setLoading] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const question = JSON.stringify([wanted, wanted.runs.map((run) => versions.get(run) ?? 0)]);
  const latest = useRef({ wanted, versions });
  useEffect(() => {
    latest.current = { wanted, versions };
  });
  useEffect(() => {
    if (!active) return undefined;
    const { wanted, versions } = latest.current;
    const abort = new AbortController();
    const missing = missingRuns(wanted, versions);
    const show = () => setDrawn({ lines: keptLines(wanted), answers: wanted });
    if (missing.length === 0) {
      show();
      setLoading(false);
      setError(null);
      return undefined;
    }
    setLoading(true);
    ask(wanted, missing, versions, abort.signal, show).then(
      () => {
        if (abort.signal.aborted) return;
        setLoading(false);
        setError(null);
      },
      (failure: unknown) => {
        if (abort.signal.aborted) return;
        onRefusal(failure);
        setLoading(false);
        setError(failure instanceof ApiError ? failure : new ApiError(0, "internal", String(failure), "Reload the page."));
      },
    );
    return () => abort.abort();
  }, [question, active, attempt]);
  useEffect(() => {
    if (!active || !error || (error.status !== 0 && error.status !== 429 && error.status < 500)) return undefined;
    const timer = setTimeout(() => setAttempt((count) => count + 1), AGAIN);
    return () => clearTimeout(timer);
  }, [active, error]);
  return useMemo(
    () => ({ ...drawn, loading, error, retry: () => setAttempt((count) => count + 1) }), [drawn, loading, error],
  );
}

async function ask(
  wanted: PanelWanted, missing: string[], versions: Versions, signal: AbortSignal, onSlice: () => void,
): Promise<void> {
  for (let from = 0; from < missing.length; from += SLICE) {
    const runs = missing.slice(from, from + SLICE);
    const lines = await fetchTogether({ ...wanted, runs }, signal);
    if (signal.aborted) return;
    keep(wanted, runs, lines, versions);
    onSlice();
  }
}

/** How many points of each line are asked for: what the pixels can show, less when many lines share them. */
export function pointsFor(runs: number, full: boolean): number {
  const points = runs <= 8 ? 500 : runs <= 24 ? 320 : runs <= 100 ? 200 : runs <= 300 ? 100 : 60;
  return full ? points * 2 : points;
}
