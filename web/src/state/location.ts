/** The address: everything that a person sees is in it. */
import { useSyncExternalStore } from "react";

const CHANGED = "holdfast:address";

function subscribe(listener: () => void): () => void {
  addEventListener("popstate", listener);
  addEventListener(CHANGED, listener);
  return () => {
    removeEventListener("popstate", listener);
    removeEventListener(CHANGED, listener);
  };
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

export function useQuery(): string {
  return useSyncExternalStore(subscribe, () => location.search);
}

/** Goes to an address of this dashboard; with `replace`, the back button skips where we were. */
export function navigate(to: string, replace = false): void {
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  dispatchEvent(new Event(CHANGED));
}

export type QueryChange = Record<string, string | null>;

/** Changes single parameters and leaves the others; null takes one out. */
export function changeQuery(change: QueryChange, replace = true): void {
  navigate(location.pathname + withQuery(location.search, change), replace);
}

export function withQuery(search: string, change: QueryChange): string {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text === "" ? "" : `?${text}`;
}
