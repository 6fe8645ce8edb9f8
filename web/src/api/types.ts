/** The read side of `docs/formats/http.md`, as types. */
import type { Json } from "../lib/values.ts";

export type RunState = "running" | "finished" | "failed" | "preempted" | "crashed" | "pending";
export type Proof = "confirmed" | "received" | "arriving" | "gaps";
export type Stream = "history" | "system";
export type Tree = { [key: string]: Json };

export interface ProjectName {
  entity: string;
  project: string;
}

export interface RunName extends ProjectName {
  run: string;
}

export interface Viewer {
  server: string;
  version: string;
  user: string;
  entity: string;
}

export interface Project extends ProjectName {
  runs: number;
  created_at: number;
  heard_at: number | null;
}

export interface Row extends ProjectName {
  run_id: string;
  name: string;
  state: RunState;
  proof: Proof;
  created_at: number;
  started_at: number | null;
  heard_at: number | null;
  duration: number | null;
  group: string | null;
  job_type: string | null;
  tags: string[];
  notes: string | null;
  rows: number;
  last_step: number | null;
  config: Tree;
  summary: Tree;
}

export interface Journal {
  journal: string;
  started_at: number | null;
  position: number;
  rows: number;
  gaps: [number, number][];
  /** The damaged journals that this one was repaired from; its gaps are theirs. */
  replaces: string[];
  /** How many records are of kinds that the server does not know. */
  unknown_records: number;
  complete: boolean;
  exit_code: number | null;
  /** Empty: a sender brought it. "edits": changes made afterwards. Else the server wrote down what a client sent. */
  role: string;
  /** Which of several writers of the run wrote it; empty when it has one at a time. */
  label: string;
  writer: "alive" | "gone" | "unknown" | "client";
  proof: Proof;
  first_step: number | null;
  last_step: number | null;
}

/** A message that a run's script has for people. */
export interface Alert {
  title: string;
  text: string;
  level: string;
}

export interface Run extends Row {
  metadata: Tree;
  defined_metrics: Json;
  metrics: { history: Record<string, string>; system: Record<string, string> };
  step_metrics: Record<string, string>;
  hidden: string[];
  exit_code: number | null;
  /** Whether the run can be asked to stop, or was. */
  stop: "no" | "possible" | "requested";
  /** Oldest first. */
  alerts: Alert[];
  journals: Journal[];
}

export interface RunPage {
  runs: Row[];
  next: string | null;
  total: number;
}

export interface Keys {
  metrics: string[];
  system: string[];
  config: string[];
  summary: string[];
  /** By metric, what it is drawn over, where its runs agree. */
  step_metrics: Record<string, string>;
  /** Metrics that their runs do not want drawn by themselves. */
  hidden: string[];
}

export interface Changes {
  cursor: string | number;
  runs: string[];
}

export interface Mark {
  x: number;
  kind: "NaN" | "Infinity" | "-Infinity";
}

export interface Line {
  run: string;
  key: string;
  /** Of several writers of the run each has a line. */
  label: string;
  x: number[];
  y: number[];
  lo: number[];
  hi: number[];
  total: number;
  exact: boolean;
  marks: Mark[];
  breaks: number[];
}

export interface ConsoleLine {
  number: number;
  stream: "stdout" | "stderr";
  /** Whose it is, of a run with several writers; else empty. */
  label: string;
  timestamp: number | null;
  text: string;
}

export interface ConsolePage {
  lines: ConsoleLine[];
  next: number | string | null;
}

export interface RunFile {
  path: string;
  size: number;
  digest: string;
  journal: string;
  updated_at: number;
}
