/** One panel: one metric of the shown runs. */
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import type { ProjectName, Stream } from "../../api/types.ts";
import { countNotPositive } from "../../charts/extent.ts";
import type { SharedPointer } from "../../charts/pointer.ts";
import type { Frame, Series, Span } from "../../charts/series.ts";
import { plural } from "../../lib/text.ts";
import { useKeys } from "../../state/keyboard.ts";
import { type PanelLines, pointsFor, useLines } from "../../state/lines.ts";
import { changeQuery, useQuery } from "../../state/location.ts";
import { type DrawnRun, seriesOf, xKind, xName, xOf } from "../../state/series.ts";
import { useStable } from "../../state/stable.ts";
import { type ChartView, panelZoomName, readPanelZoom, writeSpan, zoomName } from "../../state/view.ts";
import { copyText, ErrorBox, LoadingBar, Menu } from "../parts.tsx";
import { Chart } from "./chart.tsx";
import { csvOf, DataTable } from "./data-table.tsx";

export interface PanelContext {
  name: ProjectName;
  runs: readonly DrawnRun[];
  view: ChartView;
  /** By metric, what it is drawn over where nothing is chosen. */
  stepMetrics: ReadonlyMap<string, string>;
  versions: ReadonlyMap<string, number>;
  pointer: SharedPointer;
}

interface PanelProps {
  context: PanelContext;
  stream: Stream;
  metric: string;
  full?: boolean;
}

/** How long a panel has to stay on the screen before it asks and draws: what is scrolled past costs nothing. */
const REST = 90;

export function Panel({ context, stream, metric, full = false }: PanelProps) {
  const { runs, view, stepMetrics, versions } = context;
  const id = `${stream}:${metric}`;
  const x = xOf(stream, view.x, stepMetrics.get(metric));
  const span = useStable(view.zooms.get(x) ?? null);
  const ySpan = useStable(readPanelZoom(useQuery(), id));
  const [asData, setAsData] = useState(false);
  const ids = useMemo(() => runs.map((run) => run.id), [runs]);
  const wanted = {
    entity: context.name.entity, project: context.name.project, key: metric, stream, x, span, runs: ids,
    points: pointsFor(ids.length, full), stretches: view.stretches,
  };
  const box = useRef<HTMLElement>(null);
  const { seen, ever } = useSeen(box);
  const found = useLines(wanted, versions, seen);
  const series = useSeries(found, runs, useDeferredValue(view.smoothing), span);
  const frame = useFrame(found, { x, log: view.log, span, ySpan });
  const old = (found.loading || found.error !== null) && !sameQuestion(found, wanted.x, span, ids);
  return (
    <section ref={box} className={full ? "panel full" : "panel"} aria-label={metric} data-testid="panel" data-panel={id}
      data-drawn={series.length} data-loading={found.loading}>
      <PanelHead {...{ id, metric, full, asData, setAsData, series }} xLabel={frame.xName} ownX={stream === "history" && view.x === null && x !== "_step"} />
      <LoadingBar on={found.loading && (old || found.answers === null)} />
      <div className={old ? "panel-body old" : "panel-body"}>
        {asData && <DataTable series={series} xName={frame.xName} metric={metric} />}
        {ever && !asData && <PanelChart {...{ context, frame, series, id, metric, full }} />}
        {found.error && <ErrorBox error={found.error} retry={found.retry} />}
        {!found.error && found.answers && series.length === 0 && <p className="panel-none muted">{noneWords(runs.length)}</p>}
      </div>
      {view.log && <LogNote series={series} />}
    </section>
  );
}

function noneWords(runs: number): string {
  return runs === 0 ? "No run is shown. Show one in the list." : "None of the shown runs has numbers here.";
}

function LogNote({ series }: { series: readonly Series[] }) {
  const hidden = countNotPositive(series);
  return hidden > 0 ? <p className="panel-note">{plural(hidden, "value")} of 0 or below not shown: log axis</p> : null;
}

/** Whether the panel has been on the screen for a moment, and whether it ever was. */
function useSeen(box: RefObject<HTMLElement | null>): { seen: boolean; ever: boolean } {
  const [seen, setSeen] = useState(false);
  const [ever, setEver] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    // A busy page is told of several changes at once: the last is how things are.
    const observer = new IntersectionObserver((changes) => {
      clearTimeout(timer);
      const now = changes.at(-1)?.isIntersecting ?? false;
      timer = setTimeout(() => {
        setSeen(now);
        setEver((before) => before || now);
      }, REST);
    }, { rootMargin: "60px" });
    if (box.current) observer.observe(box.current);
    return () => { clearTimeout(timer); observer.disconnect(); };
  }, [box]);
  return { seen, ever };
}

/** The frame of what is drawn: until another x is answered, the axis is that of the picture before. */
function useFrame({ answers }: PanelLines, { x, log, span, ySpan }: { x: string; log: boolean; span: Span | null; ySpan: Span | null }): Frame {
  const drawnX = answers?.x ?? x;
  const drawnSpan = drawnX === x ? span : (answers?.span ?? null);
  return useMemo(
    () => ({ xKind: xKind(drawnX), xKey: drawnX, xName: xName(drawnX), log, span: drawnSpan, ySpan }), [drawnX, log, drawnSpan, ySpan],
  );
}

/** The lines drawn are cut to the runs that are shown now: hiding one needs no answer. */
function useSeries(found: PanelLines, runs: readonly DrawnRun[], smoothing: number, span: Span | null): Series[] {
  const x = found.answers?.x ?? "_step";
  return useMemo(() => seriesOf(found.lines, runs, { x, smoothing, span }), [found.lines, runs, x, smoothing, span]);
}

function sameQuestion({ answers }: PanelLines, x: string, span: Span | null, runs: readonly string[]): boolean {
  if (!answers || answers.x !== x || writeSpan(answers.span) !== writeSpan(span)) return false;
  const drawn = new Set(answers.runs);
  return runs.every((run) => drawn.has(run));
}

interface HeadProps {
  id: string;
  metric: string;
  full: boolean;
  asData: boolean;
  setAsData: (on: boolean) => void;
  series: readonly Series[];
  xLabel: string;
  /** Whether the x is this metric's own. */
  ownX: boolean;
}

function PanelHead({ id, metric, full, asData, setAsData, series, xLabel, ownX }: HeadProps) {
  const toggleFull = () => changeQuery({ full: full ? null : id }, false);
  const entries: [string, () => void][] = [
    [asData ? "Show chart" : "Show data", () => setAsData(!asData)],
    ["Download CSV", () => download(`${metric.replaceAll("/", "_")}.csv`, csvOf(series, xLabel, metric))],
    ["Copy name", () => void copyText(metric)],
    [full ? "Leave full screen" : "Full screen", toggleFull],
  ];
  return (
    <header className="panel-head">
      <h3 className="mono clip" title={metric}>{metric}</h3>
      {ownX && <span className="own-x muted clip" title={`Drawn over ${xLabel}, as define_metric says`}>over {xLabel}</span>}
      <Menu label="⋯" title={`Menu of ${metric}`}>
        {(shut) => (
          <ul className="choices">
            {entries.map(([words, act]) => <li key={words}><button type="button" onClick={() => { act(); shut(); }}>{words}</button></li>)}
          </ul>
        )}
      </Menu>
      <button type="button" className="quiet" title={full ? "Leave full screen (f)" : "Full screen (f)"}
        aria-label={full ? "Leave full screen" : `Full screen of ${metric}`} onClick={toggleFull}>{full ? "✕" : "⤢"}</button>
    </header>
  );
}

function download(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

interface PanelChartProps {
  context: PanelContext;
  frame: Frame;
  series: readonly Series[];
  id: string;
  metric: string;
  full: boolean;
}

function PanelChart({ context, frame, series, id, metric, full }: PanelChartProps) {
  const { pointer } = context;
  const chart = useRef<{ step: (way: 1 | -1) => void }>(null);
  const { xKey } = frame;
  const onZoom = useCallback((x: Span, y: Span | null) => {
    changeQuery({ [zoomName(xKey)]: writeSpan(x), ...(y && { [panelZoomName(id)]: writeSpan(y) }) }, false);
  }, [xKey, id]);
  const onZoomOut = useCallback(() => changeQuery({ [zoomName(xKey)]: null, [panelZoomName(id)]: null }, false), [xKey, id]);
  const here = () => (context.view.full === null ? document.querySelector(`[data-panel="${CSS.escape(id)}"]:hover`) !== null : full);
  useKeys({
    "[": () => { if (here()) chart.current?.step(-1); },
    "]": () => { if (here()) chart.current?.step(1); },
  });
  const label = `${metric} over ${frame.xName}, ${plural(series.length, "run")}. The values are in the menu under Show data.`;
  return <Chart {...{ series, frame, pointer, label, onZoom, onZoomOut }} ref={chart} />;
}
