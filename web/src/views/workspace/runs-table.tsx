/** The runs as a table over the full width: what is known of each, and the chosen keys of config and summary. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import type { Keys, Row } from "../../api/types.ts";
import { formatCount, formatValue, fullValue } from "../../lib/numbers.ts";
import { formatAgo, formatDate, formatDuration } from "../../lib/times.ts";
import { valueAt } from "../../lib/values.ts";
import { changeQuery } from "../../state/location.ts";
import { runPath } from "../../state/route.ts";
import { Link } from "../link.tsx";
import { ErrorBox, LoadingBar, SearchField } from "../parts.tsx";
import { ProofBadge, StateWord } from "../proof.tsx";
import { ColumnMenu } from "./column-menu.tsx";
import { EyeDot, type ListProps } from "./run-list.tsx";

const ROW = 30;

interface Column {
  order: string;
  label: ReactNode;
  title: string;
  width: number;
  right?: boolean;
  cell: (row: Row) => ReactNode;
}

const now = () => Date.now() / 1000;

const FIXED: Column[] = [
  { order: "state", label: "State", title: "State", width: 84, cell: (row) => <StateWord state={row.state} always /> },
  { order: "proof", label: "Proof", title: "What the server can prove", width: 164, cell: (row) => <ProofBadge proof={row.proof} /> },
  { order: "started_at", label: "Started", title: "Started", width: 104, cell: (row) => <Started row={row} /> },
  { order: "duration", label: "Duration", title: "Duration", width: 84, right: true, cell: (row) => (row.duration === null ? "" : formatDuration(row.duration)) },
  { order: "rows", label: "Rows", title: "Rows of history", width: 72, right: true, cell: (row) => formatCount(row.rows) },
];

/** A run of which no record has come yet began when it arrived. */
function Started({ row: { started_at, created_at } }: { row: Row }) {
  const when = started_at ?? created_at;
  return <span className="muted" title={`${formatDate(when)}; arrived here ${formatDate(created_at)}`}>{formatAgo(when, now())}</span>;
}

export interface TableProps extends ListProps {
  keys: Keys | undefined;
  columns: readonly string[];
}

export function RunsTable(props: TableProps) {
  const { runs, rows, view, keys, columns } = props;
  return (
    <main className="table-page">
      <div className="toolbar">
        <h2>Runs <span className="muted number" data-testid="run-count">{formatCount(runs.total)}</span></h2>
        <SearchField id="run-search" value={view.search} label="Search runs  /" onChange={(q) => changeQuery({ q })} />
        <span className="grow" />
        <ColumnMenu keys={keys} columns={columns} />
      </div>
      <LoadingBar on={runs.loading && (runs.old || rows.length === 0)} />
      {runs.error && <ErrorBox error={runs.error} retry={runs.retry} />}
      {!runs.loading && !runs.error && rows.length === 0 && <p className="page muted">No run matches.</p>}
      <VirtualTable {...props} shape={[...FIXED, ...columns.map(keyColumn)]} />
    </main>
  );
}

function keyColumn(column: string): Column {
  const dot = column.indexOf(".");
  const kind = column.slice(0, dot) === "config" ? "config" : "summary";
  const key = column.slice(dot + 1);
  return {
    order: column,
    label: <><span className="mono">{kind === "config" && <span className="muted">config.</span>}{key}</span></>,
    title: `${kind}: ${key}`,
    width: Math.min(240, Math.max(96, 28 + column.length * 7)),
    right: true,
    cell: (row) => {
      const value = valueAt(row[kind], key);
      return <span title={fullValue(value)}>{formatValue(value)}</span>;
    },
  };
}

function VirtualTable(props: TableProps & { shape: Column[] }) {
  const { runs, rows, shape } = props;
  const scroller = useRef<HTMLDivElement>(null);
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
  const template = `minmax(280px, 1fr) ${shape.map((column) => `${column.width}px`).join(" ")}`;
  const width = 280 + shape.reduce((sum, column) => sum + column.width, 0);
  return (
    <div className={runs.old ? "grid-table old" : "grid-table"} ref={scroller} role="table" aria-label="Runs" aria-rowcount={runs.total} data-testid="runs-table">
      <div className="grid-row head" role="row" style={{ gridTemplateColumns: template, minWidth: width }}>
        <HeadCell column={{ order: "name", label: "Name", title: "Name" }} order={props.view.order} />
        {shape.map((column) => <HeadCell key={column.order} column={column} order={props.view.order} />)}
      </div>
      <div style={{ height: virtual.getTotalSize(), minWidth: width, position: "relative" }}>
        {items.map((item) => {
          const row = rows[item.index];
          return row && <TableRow key={item.key} {...props} row={row} style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }} />;
        })}
      </div>
    </div>
  );
}

function HeadCell({ column, order }: { column: Pick<Column, "order" | "label" | "title" | "right">; order: string }) {
  const down = order === `-${column.order}`;
  const up = order === column.order;
  const next = down ? column.order : `-${column.order}`;
  return (
    <div role="columnheader" className={column.right ? "right" : ""} aria-sort={down ? "descending" : up ? "ascending" : "none"}>
      <button type="button" title={`Sort by ${column.title}`} className="clip" onClick={() => changeQuery({ order: up ? null : next })}>
        {column.label}{down ? " ↓" : up ? " ↑" : ""}
      </button>
    </div>
  );
}

function TableRow({ row, shape, shown, colours, view, style }: TableProps & { row: Row; shape: Column[]; style: React.CSSProperties }) {
  const { entity, project, run_id: run, name } = row;
  return (
    <div className="grid-row" role="row" style={style} data-testid="table-row" data-run={run}>
      <div role="cell" className="name-cell">
        <EyeDot run={run} name={name} colour={colours.get(run) ?? ""} shown={shown.has(run)} view={view} />
        <Link href={runPath({ entity, project, run })} className="clip" title={name}>{name}</Link>
      </div>
      {shape.map((column) => <div role="cell" key={column.order} data-column={column.order} className={column.right ? "clip right number" : "clip"}>{column.cell(row)}</div>)}
    </div>
  );
}
