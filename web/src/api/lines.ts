/** Lines: the points of metrics of several runs, thinned by the server to what a chart can show. */
import { path, post } from "./http.ts";
import type { Line, ProjectName, Stream } from "./types.ts";

export interface LinesWanted extends ProjectName {
  runs: readonly string[];
  keys: readonly string[];
  stream: Stream;
  x: string;
  points: number;
  span: readonly [number, number] | null;
  stretches: "latest" | "all";
}

export async function fetchLines(wanted: LinesWanted, signal?: AbortSignal): Promise<Line[]> {
  const { entity, project, span, ...body } = wanted;
  const bounds = span === null ? {} : { min: span[0], max: span[1] };
  const url = path("projects", entity, project, "lines");
  return (await post<{ lines: Line[] }>(url, { ...body, ...bounds }, signal)).lines;
}
