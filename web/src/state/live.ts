/** What changed on the server since we looked: a version for each run, counted up when the server names it. */
import { useEffect, useSyncExternalStore } from "react";
import { ApiError } from "../api/http.ts";
import { fetchChanges } from "../api/projects.ts";
import type { Changes, ProjectName } from "../api/types.ts";
import { onRefusal } from "./refusal.ts";

const EVERY = 2000;
const AFTER_FAILURE = 4000;

export interface LiveState {
  /** How often each run has changed since the page was opened. */
  versions: ReadonlyMap<string, number>;
  /** The runs that the latest answer named. */
  changed: readonly string[];
  /** Counts the answers that named runs. */
  tick: number;
  /** Whether the server has said where it stands: what is asked from then on misses nothing. */
  ready: boolean;
  failure: ApiError | null;
}

const START: LiveState = { versions: new Map(), changed: [], tick: 0, ready: false, failure: null };

class Live {
  state = START;
  readonly #listeners = new Set<() => void>();
  #cursor: Changes["cursor"] | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | null = null;

  constructor(readonly name: ProjectName) {}

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) void this.#poll();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  #stop(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }

  async #poll(): Promise<void> {
    this.#stop();
    const abort = (this.#abort = new AbortController());
    let wait = EVERY;
    if (!document.hidden) {
      try {
        const answer = await fetchChanges(this.name, this.#cursor, abort.signal);
        this.#take(answer);
      } catch (error) {
        if (abort.signal.aborted) return;
        wait = AFTER_FAILURE;
        onRefusal(error);
        this.#set({ ...this.state, failure: error instanceof ApiError ? error : null });
      }
    }
    if (!abort.signal.aborted) this.#timer = setTimeout(() => void this.#poll(), wait);
  }

  #take({ cursor, runs }: Changes): void {
    const first = this.#cursor === null;
    this.#cursor = cursor;
    if (first || runs.length === 0) {
      if (!this.state.ready || this.state.failure) this.#set({ ...this.state, ready: true, failure: null });
      return;
    }
    const versions = new Map(this.state.versions);
    for (const run of runs) versions.set(run, (versions.get(run) ?? 0) + 1);
    this.#set({ versions, changed: runs, tick: this.state.tick + 1, ready: true, failure: null });
  }

  #set(state: LiveState): void {
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}

const projects = new Map<string, Live>();

function liveOf(name: ProjectName): Live {
  const key = JSON.stringify([name.entity, name.project]);
  let live = projects.get(key);
  if (!live) projects.set(key, (live = new Live({ entity: name.entity, project: name.project })));
  return live;
}

/** Asks the server every two seconds while the page is looked at. */
export function useLive(name: ProjectName): LiveState {
  const live = liveOf(name);
  return useSyncExternalStore(live.subscribe, () => live.state);
}

/** Calls with the runs that changed, each time some did. */
export function useOnChange(live: LiveState, act: (runs: readonly string[]) => void): void {
  const { tick, changed } = live;
  useEffect(() => {
    if (tick > 0) act(changed);
    // oxlint-disable-next-line react/exhaustive-deps -- once for each tick, whatever `act` is by then
  }, [tick]);
}
