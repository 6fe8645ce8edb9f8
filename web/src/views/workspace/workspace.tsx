/** `/{entity}/{project}`: the runs beside their charts, or the runs as a table. */
import { useEffect, useMemo, useState } from "react";
import type { ProjectName } from "../../api/types.ts";
import { SharedPointer } from "../../charts/pointer.ts";
import { coloursOf } from "../../state/colours.ts";
import { useLive } from "../../state/live.ts";
import { changeQuery, useQuery } from "../../state/location.ts";
import { useKeysOf, useRuns } from "../../state/queries.ts";
import { projectPath } from "../../state/route.ts";
import { arrange, needsMore, shownRuns } from "../../state/shown.ts";
import { useStable } from "../../state/stable.ts";
import { readChartView, readListView } from "../../state/view.ts";
import { Frame, ProjectCrumbs } from "../frame.tsx";
import { Link } from "../link.tsx";
import { ErrorBox, GoneStrip, LoadingBar } from "../parts.tsx";
import { PanelGrid } from "../panels/panel-grid.tsx";
import { Toolbar } from "../panels/toolbar.tsx";
import { TeachFirstRun } from "../teach.tsx";
import { defaultColumns } from "./column-menu.tsx";
import { RunList } from "./run-list.tsx";
import { RunsTable } from "./runs-table.tsx";
import { SideBar } from "./side-bar.tsx";

const NO_COLUMNS: readonly string[] = [];

export function WorkspacePage({ entity, project }: ProjectName) {
  const search = useQuery();
  const asTable = new URLSearchParams(search).get("tab") === "runs";
  const name = useMemo(() => ({ entity, project }), [entity, project]);
  const tabs = <WorkspaceTabs name={name} search={search} asTable={asTable} />;
  return (
    <Frame crumbs={<ProjectCrumbs {...name} />} tabs={tabs}>
      <Workspace key={projectPath(name)} name={name} search={search} asTable={asTable} />
    </Frame>
  );
}

function WorkspaceTabs({ name, search, asTable }: { name: ProjectName; search: string; asTable: boolean }) {
  const to = (tab: string | null) => {
    const query = new URLSearchParams(search);
    if (tab) query.set("tab", tab);
    else query.delete("tab");
    const text = query.toString();
    return projectPath(name) + (text ? `?${text}` : "");
  };
  return (
    <>
      <Link href={to(null)} aria-current={asTable ? undefined : "page"}>Workspace</Link>
      <Link href={to("runs")} aria-current={asTable ? "page" : undefined}>Runs</Link>
    </>
  );
}

function NoProject({ error }: { error: Error }) {
  return <main className="page narrow"><ErrorBox error={error} /><p className="page"><Link href="/">All projects</Link></p></main>;
}

function Workspace({ name, search, asTable }: { name: ProjectName; search: string; asTable: boolean }) {
  const live = useLive(name);
  const list = useMemo(() => readListView(search), [search]);
  const view = useMemo(() => readChartView(search), [search]);
  const keys = useKeysOf(name, live);
  const columns = asTable ? (list.columns ?? defaultColumns(keys.data)) : NO_COLUMNS;
  const runs = useRuns({ ...name, search: list.search, order: list.order, state: list.state, columns }, live);
  const [pointer] = useState(() => new SharedPointer());
  const rows = useMemo(() => arrange(runs.rows, list.pins), [runs.rows, list.pins]);
  const shownRows = useMemo(() => shownRuns(rows, list), [rows, list]);
  const shown = useMemo(() => new Set(shownRows.map((row) => row.run_id)), [shownRows]);
  const colours = useMemo(() => coloursOf(name, rows), [name, rows]);
  // A live change of a row's state redraws no chart.
  const drawn = useStable(shownRows.map((row) => ({ id: row.run_id, name: row.name, colour: colours.get(row.run_id) ?? "" })));
  const stepMetrics = useMemo(() => new Map(Object.entries(keys.data?.step_metrics ?? {})), [keys.data]);
  const { hasMore, loadMore } = runs;
  const more = hasMore && needsMore(runs.rows, list);
  useEffect(() => { if (more) loadMore(); }, [more, loadMore, runs.rows]);

  const failure = live.ready ? live.failure : null;
  if (!live.ready) return live.failure ? <NoProject error={live.failure} /> : <LoadingBar on />;
  if (runs.total === 0 && !runs.loading && !runs.error && !list.search && !list.state) {
    return <main className="page narrow"><TeachFirstRun {...name} /></main>;
  }
  const props = { runs, rows, shown, colours, view: list, pointer };
  if (asTable) return <><GoneStrip error={failure} /><RunsTable {...props} keys={keys.data} columns={columns} /></>;
  const context = { name, runs: drawn, view, stepMetrics, versions: live.versions, pointer };
  return (
    <>
      <GoneStrip error={failure} />
      <div className="workspace">
        {list.folded ? <button type="button" className="unfold quiet" title="Show the list of runs" aria-label="Show the list of runs" onClick={() => changeQuery({ list: null })}>»</button>
          : <SideBar><RunList {...props} /></SideBar>}
        <main className="panels">
          <Toolbar {...{ view, stepMetrics }} metrics={keys.data?.metrics ?? []} />
          {keys.error && <ErrorBox error={keys.error} retry={() => void keys.refetch()} />}
          {keys.data && <PanelGrid context={context} keys={keys.data} />}
        </main>
      </div>
    </>
  );
}
