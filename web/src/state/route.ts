/** Which page an address is, and the address of each page. */
import type { ProjectName, RunName } from "../api/types.ts";

export type Route =
  | { page: "projects" }
  | { page: "login" }
  | ({ page: "workspace" } & ProjectName)
  | ({ page: "run" } & RunName)
  | { page: "lost" };

export function routeOf(path: string): Route {
  const parts = path.split("/").filter(Boolean).map(decode);
  const [entity = "", project = "", runs, run = ""] = parts;
  if (parts.length === 0) return { page: "projects" };
  if (parts.length === 1 && entity === "login") return { page: "login" };
  if (parts.length === 2) return { page: "workspace", entity, project };
  if (parts.length === 4 && runs === "runs") return { page: "run", entity, project, run };
  return { page: "lost" };
}

export function projectPath({ entity, project }: ProjectName): string {
  return `/${encodeURIComponent(entity)}/${encodeURIComponent(project)}`;
}

export function runPath({ entity, project, run }: RunName): string {
  return `${projectPath({ entity, project })}/runs/${encodeURIComponent(run)}`;
}

export function loginPath(next: string): string {
  return next === "/" ? "/login" : `/login?next=${encodeURIComponent(next)}`;
}

/** Where to go after logging in: only an address of this dashboard is believed. */
export function nextAfterLogin(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  return /^\/(?![/\\])/.test(next) && !next.startsWith("/login") ? next : "/";
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not percent-encoding: the name as it stands will be answered with not_found
  }
}
