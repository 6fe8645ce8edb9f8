/** What happens when the server does not know who asks. */
import { ApiError } from "../api/http.ts";
import { navigate } from "./location.ts";
import { loginPath } from "./route.ts";

/** A key is missing or no longer known: the login page asks for one and comes back here. */
export function onRefusal(error: unknown): void {
  if (!(error instanceof ApiError) || error.status !== 401) return;
  if (location.pathname !== "/login") navigate(loginPath(location.pathname + location.search), true);
}
