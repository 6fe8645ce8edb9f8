/** Runs: the list, one run whole, its console and its files. */
import { get, path, post } from "./http.ts";
import type { ConsolePage, ProjectName, Run, RunFile, RunName, RunPage } from "./types.ts";

export interface RunsWanted extends ProjectName {
  search: string;
  order: string;
  state: string;
  columns: readonly string[];
  limit: number;
}

export function fetchRuns(wanted: RunsWanted, after: string | null, signal?: AbortSignal): Promise<RunPage> {
  const query = new URLSearchParams({ order: wanted.order, limit: String(wanted.limit) });
  if (wanted.search) query.set("search", wanted.search);
  if (wanted.state) query.set("state", wanted.state);
  if (wanted.columns.length > 0) query.set("columns", wanted.columns.join(","));
  if (after !== null) query.set("after", after);
  return get(`${path("projects", wanted.entity, wanted.project, "runs")}?${query}`, signal);
}

export function fetchRun({ entity, project, run }: RunName, signal?: AbortSignal): Promise<Run> {
  return get(path("runs", entity, project, run), signal);
}

/** Asks who sends the run live to stop. */
export function requestStop({ entity, project, run }: RunName): Promise<Pick<Run, "stop">> {
  return post(path("runs", entity, project, run, "stop"), {});
}

export function fetchConsole(
  { entity, project, run }: RunName, after: ConsolePage["next"], limit: number, signal?: AbortSignal,
): Promise<ConsolePage> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (after !== null) query.set("after", String(after));
  return get(`${path("runs", entity, project, run, "console")}?${query}`, signal);
}

export async function fetchFiles({ entity, project, run }: RunName, signal?: AbortSignal): Promise<RunFile[]> {
  return (await get<{ files: RunFile[] }>(path("runs", entity, project, run, "files"), signal)).files;
}

/** Where a file of the run is downloaded from. */
export function fileUrl({ entity, project, run }: RunName, file: string): string {
  return path("runs", entity, project, run, "files", ...file.split("/"));
}

/** Where a journal is downloaded from, as it was written. */
export function journalUrl({ entity, project, run }: RunName, journal: string): string {
  return path("runs", entity, project, run, "journals", journal, "content");
}
