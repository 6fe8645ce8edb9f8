/** Projects: their list, the keys their runs use, and what changed since. */
import { get, path } from "./http.ts";
import type { Changes, Keys, Project, ProjectName } from "./types.ts";

export async function fetchProjects(signal?: AbortSignal): Promise<Project[]> {
  return (await get<{ projects: Project[] }>(path("projects"), signal)).projects;
}

export function fetchKeys({ entity, project }: ProjectName, signal?: AbortSignal): Promise<Keys> {
  return get(path("projects", entity, project, "keys"), signal);
}

/** With no cursor the answer is only where the project stands now. */
export function fetchChanges(
  { entity, project }: ProjectName, since: Changes["cursor"] | null, signal?: AbortSignal,
): Promise<Changes> {
  const query = since === null ? "" : `?since=${encodeURIComponent(String(since))}`;
  return get(path("projects", entity, project, "changes") + query, signal);
}
