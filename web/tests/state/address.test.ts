import { describe, expect, test } from "vitest";
import { withQuery } from "../../src/state/location.ts";
import { loginPath, nextAfterLogin, projectPath, routeOf, runPath } from "../../src/state/route.ts";
import {
  panelZoomName, readChartView, readListView, readPanelZoom, toggleRun, writeColumns, writeSet, writeSpan, zoomName,
} from "../../src/state/view.ts";

describe("routes", () => {
  test.each([
    ["/", { page: "projects" }],
    ["/login", { page: "login" }],
    ["/team/odd%20ones", { page: "workspace", entity: "team", project: "odd ones" }],
    ["/team/p/runs/a%2Bb", { page: "run", entity: "team", project: "p", run: "a+b" }],
    ["/a/b/c", { page: "lost" }],
    ["/a/%E0%A4%A", { page: "workspace", entity: "a", project: "%E0%A4%A" }],
  ])("%s", (path, route) => expect(routeOf(path)).toEqual(route));

  test("every name survives its address", () => {
    const name = { entity: "tëam x", project: "p&q=1", run: "λ 0.1" };
    expect(routeOf(runPath(name))).toEqual({ page: "run", ...name });
    expect(routeOf(projectPath(name))).toMatchObject({ page: "workspace", project: "p&q=1" });
  });

  test("logging in leads back, and only within this dashboard", () => {
    const path = loginPath("/team/p?x=_runtime");
    expect(nextAfterLogin(path.slice("/login".length))).toBe("/team/p?x=_runtime");
    for (const bad of ["https://evil.example", "//evil.example", "/\\evil.example", "/login?next=/"]) {
      expect(nextAfterLogin(`?next=${encodeURIComponent(bad)}`)).toBe("/");
    }
  });
});

describe("views", () => {
  test("an empty address is the view as at first", () => {
    expect(readChartView("")).toMatchObject({ x: null, smoothing: 0, log: false, zooms: new Map(), size: "s", stretches: "latest", full: null });
    expect(readListView("")).toMatchObject({ search: "", order: "-started_at", base: "first", columns: null, folded: false });
  });

  test("what is written is read again", () => {
    const set = new Set(["a,b", "c/d", "100%"]);
    const search = withQuery("", {
      [zoomName("_step")]: writeSpan([1.5, 2e10]), [zoomName("a:b&c")]: writeSpan([0, 1]), shut: writeSet(set), cols: writeColumns(["config.a,b"]), pin: null, [panelZoomName("history:a/b")]: writeSpan([-1, 1]),
    });
    expect(readChartView(search).zooms).toEqual(new Map([["_step", [1.5, 2e10]], ["a:b&c", [0, 1]]]));
    expect(readChartView(search).shut).toEqual(set);
    expect(readListView(search).columns).toEqual(["config.a,b"]);
    expect(readPanelZoom(search, "history:a/b")).toEqual([-1, 1]);
    expect(readListView(withQuery("", { cols: writeColumns([]) })).columns).toEqual([]);
  });

  test("nonsense is no view", () => {
    const view = readChartView("?zoom:_step=5..5&smooth=9&size=xxl&zoom:_runtime=a..b&zoom:a=1");
    expect(view).toMatchObject({ zooms: new Map(), smoothing: 0.999, size: "s" });
  });

  test("showing and hiding a run", () => {
    const list = readListView("?on=b");
    expect(toggleRun(list, "a", true)).toEqual({ on: "b", off: "a" });
    expect(toggleRun(list, "b", true)).toEqual({ on: null, off: "b" });
    expect(toggleRun(readListView("?off=a"), "a", false)).toEqual({ on: "a", off: null });
  });

  test("changing one parameter leaves the others", () => expect(withQuery("?a=1&b=2", { b: null, c: "x/y:z,w" })).toBe("?a=1&c=x/y:z,w"));
});
