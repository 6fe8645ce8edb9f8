/** `/{entity}/{project}/runs/{run}`: one run. */
import { useMemo, useState } from "react";
import type { Run, RunName } from "../../api/types.ts";
import { SharedPointer } from "../../charts/pointer.ts";
import { coloursOf, writerColours } from "../../state/colours.ts";
import { type LiveState, useLive } from "../../state/live.ts";
import { useQuery, withQuery } from "../../state/location.ts";
import { useRun } from "../../state/queries.ts";
import { runPath } from "../../state/route.ts";
import { useStable } from "../../state/stable.ts";
import { readChartView } from "../../state/view.ts";
import { Frame, ProjectCrumbs } from "../frame.tsx";
import { Link } from "../link.tsx";
import { PanelGrid } from "../panels/panel-grid.tsx";
import { Toolbar } from "../panels/toolbar.tsx";
import { ErrorBox, GoneStrip, LoadingBar } from "../parts.tsx";
import { ProofBadge, StateWord } from "../proof.tsx";
import { Console } from "./console.tsx";
import { Files } from "./files.tsx";
import { Overview } from "./overview.tsx";
import { StopButton } from "./stop-button.tsx";

const TABS = ["overview", "charts", "system", "console", "files"] as const;
type Tab = (typeof TABS)[number];

export function RunPage({ entity, project, run: id }: RunName) {
  const name = useMemo(() => ({ entity, project, run: id }), [entity, project, id]);
  const live = useLive(name);
  const search = useQuery();
  const { data: run, error, refetch } = useRun(name, live);
  const asked = new URLSearchParams(search).get("tab");
  const tab = TABS.find((one) => one === asked) ?? "overview";
  const tabs = TABS.map((one) => (
    <Link key={one} href={runPath(name) + withQuery(search, { tab: one === "overview" ? null : one, full: null })}
      aria-current={one === tab ? "page" : undefined}>{one}</Link>
  ));
  const failure = live.failure ?? error;
  return (
    <Frame crumbs={<ProjectCrumbs {...name} />} tabs={tabs}>
      <LoadingBar on={!run && !failure} />
      {run ? <GoneStrip error={failure} /> : failure && <main className="page narrow"><ErrorBox error={failure} retry={() => void refetch()} /></main>}
      {run && <RunHead {...{ name, run }} asked={() => void refetch()} />}
      {run && <RunTab key={tab} {...{ name, run, live, search, tab }} />}
    </Frame>
  );
}

function RunHead({ name, run, asked }: { name: RunName; run: Run; asked: () => void }) {
  const colour = coloursOf(run, [run]).get(run.run_id);
  return (
    <div className="run-head">
      <i className="dot" style={{ background: colour }} />
      <h1 className="clip" title={run.name}>{run.name}</h1>
      {run.name !== run.run_id && <span className="mono muted">{run.run_id}</span>}
      <StateWord state={run.state} always />
      <ProofBadge proof={run.proof} />
      <StopButton {...{ name, run, asked }} />
    </div>
  );
}

interface TabProps {
  name: RunName;
  run: Run;
  live: LiveState;
  search: string;
  tab: Tab;
}

function RunTab({ name, run, live, search, tab }: TabProps) {
  const version = live.versions.get(run.run_id) ?? 0;
  if (tab === "console") return <Console name={name} version={version} follow={run.state === "running"} />;
  if (tab === "files") return <Files name={name} version={version} />;
  if (tab === "overview") return <Overview name={name} run={run} />;
  return <RunCharts {...{ name, run, live, search, tab }} />;
}

function RunCharts({ name, run, live, search, tab }: TabProps) {
  const [pointer] = useState(() => new SharedPointer());
  const view = useMemo(() => readChartView(search), [search]);
  const { history, system } = run.metrics;
  const keys = useStable(tab === "system" ? { metrics: [], system: drawable(system), hidden: [] }
    : { metrics: drawable(history), system: [], hidden: run.hidden });
  const said = useStable(run.step_metrics);
  const stepMetrics = useMemo(() => new Map(Object.entries(said)), [said]);
  const colour = coloursOf(run, [run]).get(run.run_id) ?? "";
  const writers = useStable(writerColours(run.journals));
  const runs = useMemo(() => [{ id: run.run_id, name: run.name, colour, writers }], [run.run_id, run.name, colour, writers]);
  return (
    <main className="panels">
      <Toolbar {...{ view, stepMetrics }} metrics={tab === "system" ? null : keys.metrics} />
      <PanelGrid context={{ name, runs, view, stepMetrics, versions: live.versions, pointer }} keys={keys} systemOnly={tab === "system"} />
    </main>
  );
}

/** Of the kinds of values that a metric can have, those that a chart can show. */
function drawable(kinds: Record<string, string>): string[] {
  return Object.keys(kinds).filter((key) => kinds[key] === "number" || kinds[key] === "bool");
}
