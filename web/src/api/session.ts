/** Who looks: the session of this browser. */
import { get, path, post } from "./http.ts";
import type { Viewer } from "./types.ts";

export function fetchViewer(signal?: AbortSignal): Promise<Viewer> {
  return get(path("viewer"), signal);
}

/** Sets the session cookie, or throws `ApiError` 401 when the server does not know the key. */
export function openSession(key: string): Promise<unknown> {
  return post(path("session"), { key });
}
