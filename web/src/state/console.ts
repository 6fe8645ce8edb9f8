/** The console of a run: all lines so far, and those that come. */
import { useEffect, useRef, useState } from "react";
import { ApiError } from "../api/http.ts";
import { fetchConsole } from "../api/runs.ts";
import type { ConsoleLine, ConsolePage, RunName } from "../api/types.ts";
import { onRefusal } from "./refusal.ts";

const PAGE = 5000;
/** More than this is read in the downloaded file, not in a browser. */
export const CONSOLE_LIMIT = 200_000;

export interface ConsoleState {
  lines: readonly ConsoleLine[];
  loading: boolean;
  error: ApiError | null;
  cut: boolean;
}

/** Asks on from the last line known whenever `version` counts up. */
export function useConsole(name: RunName, version: number): ConsoleState {
  const [state, setState] = useState<ConsoleState>({ lines: [], loading: true, error: null, cut: false });
  const known = useRef<{ lines: ConsoleLine[]; after: ConsolePage["next"] }>({ lines: [], after: null });
  const { entity, project, run } = name;
  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      while (known.current.lines.length < CONSOLE_LIMIT) {
        const page = await fetchConsole({ entity, project, run }, known.current.after, PAGE, abort.signal);
        known.current = extend(known.current, page);
        setState({ lines: known.current.lines, loading: true, error: null, cut: false });
        if (page.lines.length === 0 || page.next === null) break;
      }
      setState({ lines: known.current.lines, loading: false, error: null, cut: known.current.lines.length >= CONSOLE_LIMIT });
    };
    load().catch((error: unknown) => {
      if (abort.signal.aborted) return;
      onRefusal(error);
      setState((old) => ({ ...old, loading: false, error: error instanceof ApiError ? error : null }));
    });
    return () => abort.abort();
  }, [entity, project, run, version]);
  return state;
}

type Known = { lines: ConsoleLine[]; after: ConsolePage["next"] };

/** The last line may have been rewritten since (progress bars): a line of a known number replaces it. */
function extend(known: Known, page: ConsolePage): Known {
  if (page.lines.length === 0) return known;
  const first = page.lines[0]?.number ?? 0;
  const kept = known.lines.filter((line) => line.number < first);
  return { lines: [...kept, ...page.lines], after: page.next ?? page.lines.at(-1)?.number ?? known.after };
}
