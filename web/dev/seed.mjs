/** Made-up projects for the development server: the shapes that a dashboard has to survive. */

const NOW = Date.now() / 1000;

export function noise(seed) {
  let state = Math.floor(seed) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const hashes = new Map();

export function hash(text) {
  if (!hashes.has(text)) hashes.set(text, hashOf(text));
  return hashes.get(text);
}

function hashOf(text) {
  let value = 2166136261;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 16777619) >>> 0;
  return value;
}

function runOf(entity, project, id, extra = {}) {
  const next = noise(hash(id));
  const steps = extra.steps ?? 800;
  return {
    entity, project, run_id: id, name: id, state: "finished", proof: "confirmed",
    created_at: NOW - 86400 * next() * 9, group: null, job_type: "train", tags: [], notes: null,
    steps, secondsPerStep: 0.5 + next() * 2, seed: Math.floor(next() * 1e6), breaks: [], marks: [], gaps: [],
    config: {
      lr: Number((10 ** (-4 + 3 * next())).toPrecision(3)), batch_size: 2 ** Math.floor(4 + 4 * next()),
      model: { name: next() > 0.5 ? "resnet-18" : "mlp", layers: [64, 64, 10], dropout: Number(next().toFixed(2)) },
      seed: Math.floor(next() * 1000), data: { path: "/data/digits", augment: next() > 0.5, classes: null },
    },
    ...extra,
  };
}

const DIGITS = ["loss", "train/loss", "train/accuracy", "train/lr", "train/grad_norm", "val/loss", "val/accuracy", "val/f1"];
const SYSTEM = ["system.cpu", "system.memory_percent", "system.proc.memory.rssMB", "system.disk.\\.usageGB",
  "system.network.sent", "system.network.recv", "system.gpu.0.gpu", "system.gpu.0.memory", "system.gpu.0.temp", "system.gpu.0.powerWatts"];

function digits() {
  const e = "team";
  const p = "digits";
  return {
    entity: e, project: p, metrics: DIGITS, system: SYSTEM,
    runs: [
      runOf(e, p, "k3v9q1xa", { name: "mlp-baseline", tags: ["baseline", "demo"], notes: "The first one that trained.\nKeep for the table.", created_at: NOW - 7200, steps: 1200 }),
      runOf(e, p, "p0r4m2zz", { name: "resnet-small", state: "running", proof: "arriving", created_at: NOW - 600, steps: 400, grows: 3, writer: "alive" }),
      runOf(e, p, "b7t5c8dd", { name: "killed-half-way", state: "crashed", proof: "confirmed", created_at: NOW - 5400, steps: 530, breaks: [260] }),
    ],
  };
}

function sweep() {
  const e = "team";
  const p = "sweep-1000";
  const metrics = ["loss", "accuracy"];
  for (let layer = 0; layer < 60; layer += 1) {
    for (const name of ["weight_norm", "grad_norm", "activation/mean", "activation/std"]) metrics.push(`layer.${layer}/${name}`);
  }
  for (let i = 0; i < 200; i += 1) metrics.push(`class/recall_${i}`);
  for (const part of ["train", "val"]) for (let i = 0; i < 29; i += 1) metrics.push(`${part}/metric_${i}`);
  const runs = Array.from({ length: 1000 }, (_, i) => {
    const state = i % 23 === 7 ? "crashed" : i % 31 === 4 ? "failed" : i < 3 ? "running" : "finished";
    return runOf(e, p, `sw${String(i).padStart(4, "0")}x`, {
      name: `${["gentle", "brisk", "amber", "quiet", "lucid"][i % 5]}-${["tern", "heron", "plover", "dunlin"][i % 4]}-${1000 - i}`,
      state, proof: state === "running" ? "arriving" : i % 41 === 9 ? "gaps" : "confirmed", created_at: NOW - 300 - i * 400,
      steps: 20000, grows: state === "running" ? 20 : 0, writer: state === "running" ? "alive" : "gone",
      gaps: i % 41 === 9 ? [[32768, 65536]] : [],
    });
  });
  return { entity: e, project: p, metrics, system: SYSTEM, runs };
}

function odd() {
  const e = "lab";
  const p = "odd ones";
  const marks = [{ x: 120, kind: "NaN" }, { x: 121, kind: "NaN" }, { x: 300, kind: "Infinity" }, { x: 420, kind: "-Infinity" }];
  return {
    entity: e, project: p, system: ["system.cpu"],
    metrics: ["loss", "损失/训练", "deep/er/nested/key", `long/${"very_".repeat(24)}long`, "spiky", "constant", "negative"],
    runs: [
      runOf(e, p, "gaps0001", { name: "two-gaps", proof: "gaps", gaps: [[32768, 65536], [131072, 131900]], steps: 900 }),
      runOf(e, p, "nans0002", { name: "diverged", marks, alerts: [{ title: "Low accuracy", text: "below 0.1\nsince step 300", level: "WARN" }, { title: "NaN", text: "", level: "ERROR" }], state: "failed", exit_code: 1, steps: 600 }),
      runOf(e, p, "brks0003", { name: "restarted-twice", breaks: [200, 450], steps: 700, journals: 3 }),
      runOf(e, p, "long0004", { name: "a-name-of-two-hundred-characters-".repeat(7).slice(0, 200), steps: 500 }),
      runOf(e, p, "pend0005", { name: "from-the-cluster", state: "pending", proof: "arriving", steps: 300, writer: "unknown" }),
      runOf(e, p, "none0006", { name: "nothing-logged", steps: 0, metrics: [] }),
      runOf(e, p, "uni00007", { name: "Größe λ=0.1 🚀", steps: 1, tags: ["ünïcode", "one-step"] }),
    ],
  };
}

export function seed(empty) {
  return empty ? [] : [digits(), sweep(), odd()];
}

/** How many steps a run has by now: running ones grow. */
export function stepsOf(run) {
  return Math.floor(run.steps + (run.grows ?? 0) * (Date.now() / 1000 - NOW));
}

/** The value of a metric at a step: the same whenever it is asked for. */
export function valueOf(run, key, step) {
  const shape = hash(key);
  const wobble = noise(run.seed + shape + step * 7919)() - 0.5;
  const rate = 0.002 + (run.seed % 97) / 20000;
  if (key === "constant") return 0.1;
  if (key === "negative") return -5 + wobble;
  if (key === "spiky") return step % 397 === 5 ? 90 : 1 + wobble;
  if (key.endsWith("lr")) return run.config.lr * 0.5 * (1 + Math.cos((Math.PI * step) / Math.max(1, run.steps)));
  if (key.startsWith("system.")) return 40 + 30 * Math.sin(step / 37 + shape) + wobble * 12;
  if (/loss|norm|损失/.test(key)) return 0.05 + (run.seed % 13) / 60 + 2.3 * Math.exp(-rate * step) * (1 + wobble * 0.25) + Math.abs(wobble) * 0.06;
  return 0.97 - (run.seed % 11) / 90 - 0.87 * Math.exp(-rate * step) + wobble * 0.05;
}
