import { afterEach, expect, test, vi } from "vitest";
import { fetchTogether, type OneKey } from "../../src/state/together.ts";

const wanted: OneKey = {
  entity: "e", project: "p", key: "a", stream: "history", x: "_step", span: null, points: 100, stretches: "latest", runs: ["r"],
};

/** Stands for the network, which a test of the order of requests cannot have. */
function answering() {
  const asked: { keys: string[]; runs: string[]; signal: AbortSignal | undefined }[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    const { keys, runs } = JSON.parse(String(init.body)) as { keys: string[]; runs: string[] };
    asked.push({ keys, runs, signal: init.signal ?? undefined });
    const lines = runs.flatMap((run) => keys.map((key) => ({ run, key, x: [1], y: [2] })));
    return new Response(JSON.stringify({ lines }), { status: 200 });
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test("panels that ask together share a request, and each hears of its own key", async () => {
  const asked = answering();
  const { signal } = new AbortController();
  const answers = await Promise.all(["a", "b", "a"].map((key) => fetchTogether({ ...wanted, key }, signal)));
  expect(asked.map(({ keys }) => keys)).toEqual([["a", "b"]]);
  expect(answers.map((lines) => lines.map(({ key }) => key))).toEqual([["a"], ["b"], ["a"]]);
});

test("other runs, or another span, are another request", async () => {
  const asked = answering();
  const { signal } = new AbortController();
  await Promise.all([fetchTogether(wanted, signal), fetchTogether({ ...wanted, runs: ["s"] }, signal), fetchTogether({ ...wanted, span: [0, 1] }, signal)]);
  expect(asked.length).toBe(3);
});

test("many keys are more than one request", async () => {
  const asked = answering();
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 20 }, (_, i) => fetchTogether({ ...wanted, key: `k${i}` }, signal)));
  expect(asked.map(({ keys }) => keys.length)).toEqual([16, 4]);
});

test("a key nobody waits for any more is not asked for", async () => {
  const asked = answering();
  const gone = new AbortController();
  const first = fetchTogether(wanted, gone.signal);
  const second = fetchTogether({ ...wanted, key: "b" }, new AbortController().signal);
  gone.abort();
  await Promise.all([first, second]);
  expect(asked.map(({ keys }) => keys)).toEqual([["b"]]);
  expect(asked[0]?.signal?.aborted).toBe(false);
});

test("a refusal reaches everybody who waits", async () => {
  vi.stubGlobal("fetch", async () => new Response('{"error": {"code": "unavailable", "message": "busy", "hint": "wait"}}', { status: 503 }));
  const { signal } = new AbortController();
  const answers = await Promise.allSettled(["a", "b"].map((key) => fetchTogether({ ...wanted, key }, signal)));
  expect(answers.map((one) => one.status === "rejected" && (one.reason as { code: string }).code)).toEqual(["unavailable", "unavailable"]);
});
