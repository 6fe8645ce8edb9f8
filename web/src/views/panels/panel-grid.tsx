/** The grid of panels: sections that fold, and only as many panels as the screen shows. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from "react";
import { useKeys } from "../../state/keyboard.ts";
import { changeQuery } from "../../state/location.ts";
import { toggled, writeSet } from "../../state/view.ts";
import { TeachMetrics } from "../teach.tsx";
import { columnsFor, type DrawnKeys, GAP, type LayoutRow, layoutRows, panelHeight, SECTION_HEIGHT, sectionsOf } from "./layout.ts";
import { Panel, type PanelContext } from "./panel.tsx";

interface GridProps {
  context: PanelContext;
  keys: DrawnKeys;
  systemOnly?: boolean;
}

export function PanelGrid({ context, keys, systemOnly = false }: GridProps) {
  const { view } = context;
  const scroller = useRef<HTMLDivElement>(null);
  const width = useWidth(scroller);
  const columns = columnsFor(width - 2 * GAP, view.size);
  const sections = useMemo(() => sectionsOf(keys, view.filter), [keys, view.filter]);
  const rows = useMemo(() => layoutRows(sections, view.shut, columns), [sections, view.shut, columns]);
  const height = panelHeight(view.size);
  const virtual = useVirtualizer({
    count: width === 0 ? 0 : rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.kind === "section" ? SECTION_HEIGHT : height + GAP),
    getItemKey: (index) => keyOf(rows[index]),
    overscan: 1,
  });
  useEffect(() => virtual.measure(), [virtual, rows, height]);
  const none = keys.metrics.length + keys.system.length === 0;
  return (
    <div className="panel-area">
      <div className="panel-scroll" ref={scroller} data-testid="panels">
        {none && <TeachMetrics system={systemOnly} />}
        {!none && sections.length === 0 && <p className="page muted">{view.filter.trim()
          ? `No metric has “${view.filter}” in its name.` : "The runs hide all of their metrics (define_metric). Filter by a name to see one."}</p>}
        <div className="panel-rows" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => (
            <div key={item.key} className="panel-row" style={{ transform: `translateY(${item.start}px)`, height: item.size }}>
              <GridRow row={rows[item.index]} columns={columns} context={context} />
            </div>
          ))}
        </div>
      </div>
      <FullPanel context={context} order={sections.flatMap(({ stream, keys }) => keys.map((key) => `${stream}:${key}`))} />
    </div>
  );
}

function keyOf(row: LayoutRow | undefined): string {
  if (!row) return "";
  return row.kind === "section" ? `section ${row.name}` : row.panels.map(({ stream, metric }) => `${stream}:${metric}`).join(" ");
}

function GridRow({ row, columns, context }: { row: LayoutRow | undefined; columns: number; context: PanelContext }) {
  if (!row) return null;
  if (row.kind === "section") {
    const shut = () => changeQuery({ shut: writeSet(toggled(context.view.shut, row.name)) });
    return (
      <h2 className="section">
        <button type="button" aria-expanded={row.open} onClick={shut} data-testid="section">
          <span aria-hidden="true">{row.open ? "▾" : "▸"}</span> {row.name} <span className="muted number">{row.count}</span>
        </button>
      </h2>
    );
  }
  return (
    <div className="panel-line" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
      {row.panels.map(({ stream, metric }) => <Panel key={`${stream}:${metric}`} {...{ context, stream, metric }} />)}
    </div>
  );
}

/** The panel named in the address fills the page; `f` takes the one under the pointer there and back. */
function FullPanel({ context, order }: { context: PanelContext; order: readonly string[] }) {
  const { full } = context.view;
  const go = (way: number) => {
    const next = full === null ? undefined : order[order.indexOf(full) + way];
    if (next) changeQuery({ full: next });
  };
  useKeys({
    f: () => {
      const under = document.querySelector<HTMLElement>("[data-panel]:hover")?.dataset["panel"];
      if (full || under) changeQuery({ full: full ? null : (under ?? null) }, false);
    },
    Escape: () => { if (full) changeQuery({ full: null }, false); },
    "{": () => go(-1),
    "}": () => go(1),
  });
  if (!full) return null;
  const colon = full.indexOf(":");
  const stream = full.slice(0, colon) === "system" ? "system" : "history";
  return <div className="full-screen"><Panel key={full} context={context} stream={stream} metric={full.slice(colon + 1)} full /></div>;
}

function useWidth(box: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current as HTMLElement;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, [box]);
  return width;
}
