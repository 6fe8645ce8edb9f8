/** Rooms import only from floors below their own, and files and functions stay small. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const SRC = resolve(import.meta.dirname, "../../src");
const FLOORS: Record<string, number> = { main: 5, views: 4, state: 3, api: 2, charts: 2, lib: 1 };
const HOMES: Record<string, string> = { uplot: "charts", "react-dom/client": "main", "@tanstack/react-virtual": "views" };

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));

function roomOf(file: string): string {
  return file.split("/")[0] as string;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] as string);
}

test("there is something to check", () => {
  expect(files.length).toBeGreaterThan(40);
  expect([...new Set(files.map(roomOf))].sort()).toEqual(Object.keys(FLOORS).sort());
});

describe.each(files)("%s", (file) => {
  const room = roomOf(file);

  test("imports from floors below", () => {
    for (const target of importsOf(file).filter((one) => one.startsWith("."))) {
      const other = roomOf(relative(SRC, resolve(SRC, dirname(file), target)));
      const fine = other === room || (FLOORS[other] ?? 9) < (FLOORS[room] ?? 0);
      expect(fine, `${file} imports ${target}`).toBe(true);
    }
  });

  test("uses libraries in their home only", () => {
    for (const target of importsOf(file)) {
      const home = HOMES[target];
      if (home) expect(room, `${file} imports ${target}`).toBe(home);
    }
    if (room === "lib" || room === "api" || room === "charts") expect(importsOf(file)).not.toContain("react");
  });

  test("says what it owns", () => {
    expect(readFileSync(join(SRC, file), "utf8").trimStart().startsWith("/**")).toBe(true);
  });

  test("is at most 500 lines", () => {
    expect(readFileSync(join(SRC, file), "utf8").split("\n").length).toBeLessThanOrEqual(500);
  });
});
