/** The read side of docs/formats/http.md over made-up data. */
import { hash, seed, stepsOf, valueOf } from "./seed.mjs";

const SYSTEM_EVERY = 10;

class Refusal extends Error {
  constructor(status, code, message, hint) {
    super(message);
    Object.assign(this, { status, code, hint });
  }
}

export function fakeApi({ empty, key }) {
  const projects = seed(empty);
  const tokens = new Set();
  return async (request, response) => {
    const url = new URL(request.url, "http://fake");
    const parts = url.pathname.split("/").slice(3).map(decodeURIComponent);
    try {
      const body = request.method === "POST" ? JSON.parse((await readAll(request)) || "{}") : {};
      if (parts[0] === "session") return openSession(response, tokens, key, body);
      if (key && !tokens.has(/holdfast_session=(\w+)/.exec(request.headers.cookie ?? "")?.[1])) {
        throw new Refusal(401, "unauthorized", "No key was sent with this request.", "Log in with an API key of this server.");
      }
      answer(projects, parts, url.searchParams, body, response);
    } catch (error) {
      const { status = 500, code = "internal", message, hint = "Look at the log of the server." } = error;
      send(response, status, { error: { code, message, hint } });
    }
  };
}

function openSession(response, tokens, key, body) {
  if (body.key !== key) throw new Refusal(401, "unauthorized", "This server does not know that key.", "Copy it from the terminal of holdfast serve.");
  tokens.add("dev1");
  response.setHeader("Set-Cookie", "holdfast_session=dev1; HttpOnly; SameSite=Strict; Path=/");
  send(response, 200, { user: "local" });
}

function answer(projects, parts, query, body, response) {
  const [area, entity, name, what] = parts;
  if (area === "viewer") return send(response, 200, { server: "holdfast", version: "0.1.0", api: 1, user: "local", entity: "team", limits: {} });
  if (area === "projects" && !entity) return send(response, 200, { projects: projects.map(projectRow) });
  const project = projects.find((one) => one.entity === entity && one.project === name);
  if (!project) throw new Refusal(404, "not_found", `There is no project ${entity}/${name}.`, "Sync a run into it, or look at the list of projects.");
  if (area === "projects") {
    const answers = { runs: listRuns, keys: keysOf, changes, lines: linesOf };
    if (answers[what]) return send(response, 200, answers[what](project, query, body));
  }
  const run = area === "runs" && project.runs.find((one) => one.run_id === what);
  if (!run) throw new Refusal(404, "not_found", `There is no run ${entity}/${name}/${what}.`, "Was it synced to another project?");
  if (parts.length === 4) return send(response, 200, wholeRun(project, run));
  if (parts[4] === "console") return send(response, 200, consoleOf(run, query));
  if (parts[4] === "files" && parts.length === 5) return send(response, 200, { files: filesOf(run) });
  response.setHeader("Content-Disposition", "attachment");
  return response.end("made up\n");
}

function projectRow({ entity, project, runs }) {
  const created = runs.map((run) => run.created_at);
  return { entity, project, runs: runs.length, created_at: Math.min(...created), heard_at: Math.max(...created) + 60 };
}

function summaryOf(project, run) {
  const last = stepsOf(run) - 1;
  if (last < 0) return {};
  const nested = { best: { epoch: 3, name: "model-3.pt" }, table: { _type: "table-file", nrows: 12 } };
  const values = Object.fromEntries(project.metrics.slice(0, 60).map((key) => [key, valueOf(run, key, last)]));
  if (run.marks.length > 0) values.loss = { $float: "NaN" };
  return { ...values, ...nested, _step: last, _runtime: last * run.secondsPerStep };
}

function rowOf(project, run, columns = []) {
  const steps = stepsOf(run);
  const duration = steps * run.secondsPerStep;
  const pick = (kind, tree) => columns.includes("*") ? tree : Object.fromEntries(
    columns.filter((column) => column.startsWith(`${kind}.`)).map((column) => [column.slice(kind.length + 1), at(tree, column.slice(kind.length + 1))]),
  );
  const { entity, project: name, run_id, name: title, state, proof, created_at, group, job_type, tags, notes } = run;
  return {
    entity, project: name, run_id, name: title, state, proof, created_at, started_at: created_at, heard_at: created_at + duration,
    duration, group, job_type, tags, notes, rows: steps, last_step: steps - 1,
    config: pick("config", run.config), summary: columns.length ? pick("summary", summaryOf(project, run)) : {},
  };
}

function at(tree, key) {
  return key in tree ? tree[key] : key.split(".").reduce((value, part) => value?.[part], tree);
}

function listRuns(project, query) {
  const search = (query.get("search") ?? "").toLowerCase();
  const state = query.get("state");
  const order = query.get("order") ?? "-created_at";
  const columns = (query.get("columns") ?? "").split(",").filter(Boolean);
  const limit = Number(query.get("limit") ?? 100);
  const from = Number(query.get("after") ?? 0);
  const key = order.replace(/^-/, "");
  const wanted = key.includes(".") ? [key] : [];
  const sortable = project.runs
    .filter((run) => (run.name + run.run_id + run.tags.join()).toLowerCase().includes(search) && (!state || run.state === state))
    .map((run) => ({ run, value: sortValue(rowOf(project, run, wanted), key) }));
  sortable.sort((left, right) => (left.value < right.value ? -1 : left.value > right.value ? 1 : 0) * (order.startsWith("-") ? -1 : 1));
  const page = sortable.slice(from, from + limit).map(({ run }) => rowOf(project, run, columns));
  return { runs: page, next: from + limit < sortable.length ? String(from + limit) : null, total: sortable.length };
}

function sortValue(row, key) {
  const dot = key.indexOf(".");
  return dot < 0 ? row[key] : row[key.slice(0, dot)][key.slice(dot + 1)];
}

function keysOf(project) {
  return {
    metrics: project.metrics, system: project.system,
    config: ["lr", "batch_size", "model.name", "model.layers", "model.dropout", "seed", "data.path", "data.augment", "data.classes"],
    summary: [...project.metrics.slice(0, 60), "best.epoch", "best.name"],
  };
}

function changes(project, query) {
  return { cursor: String(Date.now()), runs: query.get("since") ? project.runs.filter((run) => run.grows).map((run) => run.run_id) : [] };
}

function linesOf(project, _query, { runs, keys, stream, x, points, min, max }) {
  const lines = [];
  for (const id of runs) {
    const run = project.runs.find((one) => one.run_id === id);
    if (run) for (const key of keys) lines.push(...lineOf(run, key, { stream, x, points, min: min ?? -Infinity, max: max ?? Infinity }));
  }
  return { lines };
}

function xOf(run, x, step, stream) {
  const runtime = step * (stream === "system" ? SYSTEM_EVERY : run.secondsPerStep);
  if (x === "_runtime") return runtime;
  if (x === "_timestamp") return run.created_at + runtime;
  return x === "_step" ? step : valueOf(run, x, step);
}

function lineOf(run, key, { stream, x, points, min, max }) {
  const steps = stream === "system" ? Math.floor((stepsOf(run) * run.secondsPerStep) / SYSTEM_EVERY) : stepsOf(run);
  if (run.metrics && !run.metrics.includes(key)) return [];
  const all = [];
  const skipped = new Set(run.marks.map((mark) => mark.x));
  // Of very long runs a thousand steps are enough to look at, and keep this server quick.
  const every = key.startsWith("val/") && steps > 50 ? 10 : Math.max(1, Math.floor(steps / 600));
  for (let step = 0; step < steps; step += every) {
    const place = xOf(run, x, step, stream);
    if (place >= min && place <= max && !(stream === "history" && skipped.has(step))) all.push([place, valueOf(run, key, step)]);
  }
  if (all.length === 0) return [];
  const history = stream === "history";
  const marks = history ? run.marks.map((mark) => ({ ...mark, x: xOf(run, x, mark.x, stream) })) : [];
  const breaks = history ? run.breaks.map((step) => xOf(run, x, step, stream)) : [];
  return [{ run: run.run_id, key, total: all.length, marks, breaks, ...thinned(all, points) }];
}

function thinned(all, points) {
  if (all.length <= points) return { x: all.map((one) => one[0]), y: all.map((one) => one[1]), lo: [], hi: [], exact: true };
  const out = { x: [], y: [], lo: [], hi: [], exact: false };
  const size = all.length / (points / 2);
  for (let from = 0; from < all.length; from += size) {
    const bucket = all.slice(Math.floor(from), Math.max(Math.floor(from + size), Math.floor(from) + 1));
    const low = bucket.reduce((best, one) => (one[1] < best[1] ? one : best));
    const high = bucket.reduce((best, one) => (one[1] > best[1] ? one : best));
    for (const one of new Set([low, high].sort((a, b) => a[0] - b[0]))) {
      out.x.push(one[0]);
      out.y.push(one[1]);
      out.lo.push(low[1]);
      out.hi.push(high[1]);
    }
  }
  return out;
}

const kinds = (keys) => Object.fromEntries(keys.map((key) => [key, "number"]));

function wholeRun(project, run) {
  const row = rowOf(project, run, ["*"]);
  return {
    ...row, config: run.config, summary: summaryOf(project, run), defined_metrics: [], exit_code: run.exit_code ?? (run.state === "finished" ? 0 : null),
    metrics: { history: kinds(run.metrics ?? project.metrics), system: kinds(run.metrics ?? project.system) },
    metadata: {
      os: "Linux-6.1.0-x86_64-with-glibc2.36", python: "CPython 3.11.2", host: "node-017", program: "/home/ada/digits/examples/train.py", code_path_local: "examples/train.py",
      args: ["--lr", String(run.config.lr), "--epochs", "20"], executable: "/usr/bin/python3", cpu_count: 16, gpu_type: "NVIDIA H100 80GB",
      git: { remote: "git@example.org:team/digits.git", commit: "4f1c2e9ab0d37c55e1d2f3a4b5c6d7e8f9a0b1c2" },
    },
    alerts: run.alerts ?? [],
    journals: journalsOf(run, row),
  };
}

function journalsOf(run, row) {
  const count = run.journals ?? 1;
  return Array.from({ length: count }, (_, i) => ({
    journal: `${hash(run.run_id + i).toString(16).padStart(8, "0").repeat(4)}`, started_at: run.created_at + i * 4000, position: 180 * row.rows + 4096,
    rows: Math.floor(row.rows / count), gaps: i === 0 ? run.gaps : [], complete: ["finished", "failed"].includes(run.state), writer: run.writer ?? "gone",
    proof: run.proof, first_step: 0 + (run.breaks[i - 1] ?? 0), last_step: run.breaks[i] ?? row.rows - 1,
  }));
}

function consoleOf(run, query) {
  const total = Math.min(60000, stepsOf(run) * 3);
  const first = Math.max(0, Number(query.get("after") ?? 0));
  const limit = Number(query.get("limit") ?? 1000);
  const lines = [];
  for (let number = first; number < total && lines.length < limit; number += 1) {
    const text = number % 3 === 2 ? "\u001b[33mwarning\u001b[0m: learning rate is high" : `epoch ${Math.floor(number / 30)} step ${number}  loss ${(2 / (1 + number / 50)).toFixed(4)}`;
    lines.push({ number, stream: number % 3 === 2 ? "stderr" : "stdout", timestamp: run.created_at + number, text });
  }
  return { lines, next: first + lines.length < total ? first + lines.length - 1 : null };
}

function filesOf(run) {
  const names = [["config.yaml", 812], ["output.log", 183200], ["requirements.txt", 4120], ["wandb-metadata.json", 910], ["wandb-summary.json", 2200], ["checkpoints/model-3.pt", 48211200], ["checkpoints/model-last.pt", 48211200], ["diff.patch", 7331]];
  return names.map(([path, size]) => ({ path, size, digest: `sha256:${hash(path + run.run_id).toString(16).padStart(8, "0").repeat(8)}`, journal: "0", updated_at: run.created_at + 500 }));
}

async function readAll(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

function send(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}
