/** What pages ask of the server, kept and asked again when it changed. */
import {
  keepPreviousData, QueryCache, QueryClient, useInfiniteQuery, useQuery, useQueryClient,
  type InfiniteData, type UseQueryResult,
} from "@tanstack/react-query";
import { useMemo } from "react";
import { ApiError } from "../api/http.ts";
import { fetchKeys, fetchProjects } from "../api/projects.ts";
import { fetchFiles, fetchRun, fetchRuns, type RunsWanted } from "../api/runs.ts";
import { fetchViewer } from "../api/session.ts";
import type { Keys, Project, ProjectName, Row, Run, RunFile, RunName, RunPage, Viewer } from "../api/types.ts";
import { type LiveState, useOnChange } from "./live.ts";
import { onRefusal } from "./refusal.ts";

const PAGE = 500;
/** Up to this many changed runs are asked for one by one; for more the list is asked for again. */
const ONE_BY_ONE = 4;

export function newQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: onRefusal }),
    defaultOptions: {
      queries: {
        // The server may well be on this very machine: being "offline" says nothing.
        networkMode: "always",
        refetchOnWindowFocus: false,
        staleTime: 10_000,
        retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
      },
    },
  });
}

export function useViewer(): UseQueryResult<Viewer> {
  return useQuery({ queryKey: ["viewer"], queryFn: ({ signal }) => fetchViewer(signal), staleTime: Infinity });
}

export function useProjects(): UseQueryResult<Project[]> {
  return useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => fetchProjects(signal), refetchInterval: 5000 });
}

export function useKeysOf({ entity, project }: ProjectName, live: LiveState): UseQueryResult<Keys> {
  const client = useQueryClient();
  const queryKey = ["keys", entity, project];
  useOnChange(live, () => void client.invalidateQueries({ queryKey }));
  return useQuery({
    queryKey,
    queryFn: ({ signal }) => fetchKeys({ entity, project }, signal),
    enabled: live.ready,
    staleTime: 2000,
  });
}

export interface RunList {
  rows: Row[];
  total: number;
  loading: boolean;
  /** What is shown belongs to an earlier question. */
  old: boolean;
  error: Error | null;
  hasMore: boolean;
  loadMore: () => void;
  retry: () => void;
}

export function useRuns(wanted: Omit<RunsWanted, "limit">, live: LiveState): RunList {
  const client = useQueryClient();
  const { entity, project, search, order, state, columns } = wanted;
  const queryKey = ["runs", entity, project, search, order, state, columns.join(",")];
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => fetchRuns({ ...wanted, limit: PAGE }, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    enabled: live.ready,
    // Running turns to crashed by time alone, which is no change that the server would name.
    refetchInterval: 30_000,
  });
  useOnChange(live, (runs) => void refresh(client, queryKey, { entity, project }, runs, columns.length > 0));
  const rows = useMemo(() => distinct((query.data?.pages ?? []).flatMap((page) => page.runs)), [query.data]);
  return {
    rows,
    total: query.data?.pages.at(-1)?.total ?? 0,
    loading: query.isPending || query.isFetching,
    old: query.isPlaceholderData,
    error: query.error,
    hasMore: query.hasNextPage,
    loadMore: () => void (query.isFetching || query.fetchNextPage()),
    retry: () => void query.refetch(),
  };
}

/** Pages are asked for one after another while runs arrive: a run may stand at the end of one and in the next. */
function distinct(rows: readonly Row[]): Row[] {
  const seen = new Set<string>();
  return rows.filter(({ run_id }) => !seen.has(run_id) && seen.add(run_id));
}

type Pages = InfiniteData<RunPage, string | null>;

/** Puts changed runs into the list where they stand: nothing moves by itself while somebody reads. */
async function refresh(
  client: QueryClient, queryKey: unknown[], name: ProjectName, runs: readonly string[], whole: boolean,
): Promise<void> {
  const known = new Set(client.getQueryData<Pages>(queryKey)?.pages.flatMap((page) => page.runs.map((row) => row.run_id)));
  if (runs.length > ONE_BY_ONE || runs.some((run) => !known.has(run))) {
    await client.invalidateQueries({ queryKey });
    return;
  }
  const fresh = await Promise.allSettled(runs.map((run) => fetchRun({ ...name, run })));
  const rows = new Map(fresh.flatMap((one) => (one.status === "fulfilled" ? [[one.value.run_id, one.value]] : [])));
  client.setQueryData<Pages>(queryKey, (data) => data && {
    ...data,
    pages: data.pages.map((page) => ({ ...page, runs: page.runs.map((row) => merged(row, rows.get(row.run_id), whole)) })),
  });
}

function merged(row: Row, fresh: Row | undefined, whole: boolean): Row {
  if (!fresh) return row;
  return whole ? fresh : { ...fresh, config: row.config, summary: row.summary };
}

export function useRun({ entity, project, run }: RunName, live: LiveState): UseQueryResult<Run> {
  const client = useQueryClient();
  const queryKey = ["run", entity, project, run];
  useOnChange(live, (runs) => void (runs.includes(run) && client.invalidateQueries({ queryKey })));
  return useQuery({
    queryKey,
    queryFn: ({ signal }) => fetchRun({ entity, project, run }, signal),
    enabled: live.ready,
    refetchInterval: 30_000,
  });
}

export function useFiles(name: RunName, version: number): UseQueryResult<RunFile[]> {
  return useQuery({
    queryKey: ["files", name.entity, name.project, name.run, version],
    queryFn: ({ signal }) => fetchFiles(name, signal),
    placeholderData: keepPreviousData,
  });
}
