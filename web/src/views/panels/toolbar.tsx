/** The bar above the panels: what is on the axes, and how smooth. */
import { useEffect, useRef, useState } from "react";
import { compareNatural } from "../../lib/groups.ts";
import { changeQuery } from "../../state/location.ts";
import { xOf } from "../../state/series.ts";
import { type ChartView, type PanelSize, zoomName } from "../../state/view.ts";
import { Menu, SearchField } from "../parts.tsx";

interface ToolbarProps {
  view: ChartView;
  /** Null: the charts are of the system, their x is a time. */
  metrics: readonly string[] | null;
  stepMetrics: ReadonlyMap<string, string>;
}

export function Toolbar({ view, metrics, stepMetrics }: ToolbarProps) {
  const zoomed = [...view.zooms.keys()].map((x) => [zoomName(x), null]);
  return (
    <div className="toolbar" role="toolbar" aria-label="Charts">
      <SearchField value={view.filter} label="Filter panels" onChange={(panels) => changeQuery({ panels })} />
      {metrics ? <XChoice x={view.x} metrics={metrics} defined={stepMetrics.size > 0} /> : <TimeChoice x={view.x} />}
      <Smoothing value={view.smoothing} />
      <label className="check"><input type="checkbox" checked={view.log} onChange={() => changeQuery({ log: view.log ? null : "1" })} /> log y</label>
      {zoomed.length > 0 && <button type="button" onClick={() => changeQuery(Object.fromEntries(zoomed), false)}>Zoom out</button>}
      <span className="grow" />
      <Menu label="⚙" title="Settings of the charts">{() => <ChartSettings view={view} />}</Menu>
    </div>
  );
}

/** The choice of nothing: for each metric what its runs defined, and the step where they defined none. */
function XChoice({ x, metrics, defined }: { x: string | null; metrics: readonly string[]; defined: boolean }) {
  const sorted = [...metrics].sort(compareNatural);
  const value = x === null || (x === "_step" && !defined) ? "" : x;
  return (
    <label className="field">x
      <select value={value} onChange={(event) => changeQuery({ x: event.target.value || null })}>
        <option value="">{defined ? "As defined" : "Step"}</option>
        {defined && <option value="_step">Step</option>}
        <TimeOptions />
        <optgroup label="Metrics">{sorted.map((key) => <option key={key} value={key}>{key}</option>)}</optgroup>
      </select>
    </label>
  );
}

function TimeChoice({ x }: { x: string | null }) {
  return (
    <label className="field">x
      <select value={xOf("system", x)} onChange={(event) => changeQuery({ x: event.target.value })}><TimeOptions /></select>
    </label>
  );
}

function TimeOptions() {
  return <><option value="_runtime">Relative time</option><option value="_timestamp">Wall time</option></>;
}

/** Charts follow the slider; the address is written at most every 80 ms, or browsers refuse to. */
function Smoothing({ value }: { value: number }) {
  const [moving, setMoving] = useState<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const next = useRef(value);
  useEffect(() => () => { if (timer.current) clearTimeout(timer.current); }, []);
  const move = (to: number) => {
    setMoving(to);
    next.current = to;
    timer.current ??= setTimeout(() => {
      timer.current = null;
      changeQuery({ smooth: next.current === 0 ? null : String(next.current) });
      setMoving(null);
    }, 80);
  };
  const shown = moving ?? value;
  return (
    <label className="field">smoothing
      <input type="range" min={0} max={0.99} step={0.01} value={shown} onChange={(event) => move(Number(event.target.value))} />
      <output className="number">{shown.toFixed(2)}</output>
    </label>
  );
}

const SIZES: [PanelSize, string][] = [["s", "small"], ["m", "medium"], ["l", "large"]];

function ChartSettings({ view }: { view: ChartView }) {
  return (
    <div className="settings">
      <fieldset>
        <legend>Panels</legend>
        {SIZES.map(([size, words]) => (
          <label className="check" key={size}>
            <input type="radio" name="size" checked={view.size === size} onChange={() => changeQuery({ size: size === "s" ? null : size })} /> {words}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>Where a restart went over steps again</legend>
        <label className="check"><input type="radio" name="stretches" checked={view.stretches === "latest"} onChange={() => changeQuery({ stretches: null })} /> the later values</label>
        <label className="check"><input type="radio" name="stretches" checked={view.stretches === "all"} onChange={() => changeQuery({ stretches: "all" })} /> both</label>
      </fieldset>
    </div>
  );
}
