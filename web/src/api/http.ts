/** One request to the server: JSON in, JSON out, and every failure an `ApiError` that says what to do. */

export const API = "/api/v1";

export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Names in paths are percent-encoded. */
export function path(...parts: string[]): string {
  return [API, ...parts.map((part) => encodeURIComponent(part))].join("/");
}

export function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  return send<T>(url, { method: "GET", ...(signal && { signal }) });
}

export function post<T>(url: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return send<T>(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

async function send<T>(url: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: "same-origin" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", `The server at ${location.origin} does not answer.`,
      "Check that holdfast serve is running and reachable; this page tries again by itself.");
  }
  if (!response.ok) throw await refusal(response);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(response.status, "unreadable", "The answer of the server could not be read.",
      "Is something else listening at this address, or did the connection break? Try again.");
  }
}

async function refusal(response: Response): Promise<ApiError> {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim();
  try {
    const body = (await response.json()) as { error?: { code?: string; message?: string; hint?: string } };
    const { code = "unknown", message = fallback, hint = "" } = body.error ?? {};
    return new ApiError(response.status, code, message, hint);
  } catch {
    // No error body (a proxy's page, say): the status is all there is to tell.
    return new ApiError(response.status, "unknown", fallback, "Look at the log of the server.");
  }
}
