/** The list of runs at the left of the workspace. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { Row } from "../../api/types.ts";
import type { SharedPointer } from "../../charts/pointer.ts";
import { formatCount } from "../../lib/numbers.ts";
import { useKeys } from "../../state/keyboard.ts";
import { changeQuery, navigate } from "../../state/location.ts";
import type { RunList as Runs } from "../../state/queries.ts";
import { runPath } from "../../state/route.ts";
import { type ListView, toggled, toggleRun, writeSet } from "../../state/view.ts";
import { Link } from "../link.tsx";
import { ErrorBox, LoadingBar, SearchField } from "../parts.tsx";
import { ProofMark, StateWord } from "../proof.tsx";
import { ListMenu, SortChoice } from "./list-menu.tsx";

const ROW = 28;

export interface ListProps {
  runs: Runs;
  /** The rows in the order shown: pinned ones first. */
  rows: readonly Row[];
  shown: ReadonlySet<string>;
  colours: ReadonlyMap<string, string>;
  view: ListView;
  pointer: SharedPointer;
}

export function RunList(props: ListProps) {
  const { runs, rows, shown, view } = props;
  return (
    <div className="run-list" data-testid="run-list">
      <div className="run-list-head">
        <h2>Runs <span className="muted number" data-testid="run-count">{formatCount(runs.total)}</span></h2>
        <span className="muted number" title="How many are drawn">{formatCount(shown.size)} shown</span>
        <ListMenu view={view} />
        <button type="button" className="quiet" title="Fold the list" aria-label="Fold the list" onClick={() => changeQuery({ list: "0" })}>«</button>
      </div>
      <div className="run-list-head">
        <SearchField id="run-search" value={view.search} label="Search runs  /" onChange={(q) => changeQuery({ q })} />
        <SortChoice order={view.order} />
      </div>
      <LoadingBar on={runs.loading && (runs.old || rows.length === 0)} />
      {runs.error && <ErrorBox error={runs.error} retry={runs.retry} />}
      {!runs.loading && !runs.error && rows.length === 0 && <p className="panel-none muted">No run matches.</p>}
      <VirtualRuns {...props} />
    </div>
  );
}

function VirtualRuns(props: ListProps) {
  const { runs, rows, view, pointer } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(-1);
  const virtual = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 8,
    getItemKey: (index) => rows[index]?.run_id ?? index,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasMore, loadMore } = runs;
  useEffect(() => {
    if (hasMore && last > rows.length - 40) loadMore();
  }, [hasMore, last, rows.length, loadMore]);
  const go = (to: number) => {
    const next = Math.min(Math.max(to, 0), rows.length - 1);
    setAt(next);
    if (next >= 0) virtual.scrollToIndex(next);
    pointer.highlight(rows[next]?.run_id ?? null);
  };
  useListKeys(props, at, go);
  return (
    <div className={runs.old ? "run-rows old" : "run-rows"} ref={scroller} role="list" aria-label="Runs" tabIndex={-1}
      onMouseLeave={() => pointer.leave()}>
      <div style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          return row && (
            <div key={item.key} className={item.index === at ? "run-row at" : "run-row"} role="listitem"
              style={{ transform: `translateY(${item.start}px)` }} data-testid="run-row" data-run={row.run_id}
              onMouseEnter={() => pointer.highlight(row.run_id)}>
              <RunLine row={row} {...props} pinned={view.pins.has(row.run_id)} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function RunLine({ row, shown, colours, view, pinned }: ListProps & { row: Row; pinned: boolean }) {
  const { entity, project, run_id: run, name } = row;
  return (
    <>
      <EyeDot run={run} name={name} colour={colours.get(run) ?? ""} shown={shown.has(run)} view={view} />
      <Link href={runPath({ entity, project, run })} className="clip grow" title={name}>{name}</Link>
      {pinned && <span className="muted pin" title="pinned (p)">pinned</span>}
      <StateWord state={row.state} />
      <ProofMark proof={row.proof} />
    </>
  );
}

export function EyeDot({ run, name, colour, shown, view }: { run: string; name: string; colour: string; shown: boolean; view: ListView }) {
  const style = shown ? { background: colour, borderColor: colour } : { borderColor: colour };
  return (
    <button type="button" className="eye" aria-pressed={shown} title={shown ? "Hide (x)" : "Show (x)"} aria-label={`Show ${name}`}
      onClick={() => changeQuery(toggleRun(view, run, shown))}>
      <i className="dot" style={style} />
    </button>
  );
}

function useListKeys({ rows, shown, view }: ListProps, at: number, go: (to: number) => void): void {
  const row = rows[at];
  useKeys({
    "/": () => document.getElementById("run-search")?.focus(),
    j: () => go(at + 1),
    k: () => go(at - 1),
    x: () => { if (row) changeQuery(toggleRun(view, row.run_id, shown.has(row.run_id))); },
    p: () => { if (row) changeQuery({ pin: writeSet(toggled(view.pins, row.run_id)) }); },
    Enter: (event) => {
      if (!row || event.target !== document.body) return;
      navigate(runPath({ entity: row.entity, project: row.project, run: row.run_id }));
    },
  });
}
