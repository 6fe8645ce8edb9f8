/** A line chart as a component: hands arrays to the drawing and events back. */
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";
import { type ChartEvents, LineChart } from "../../charts/line-chart.ts";
import type { SharedPointer } from "../../charts/pointer.ts";
import type { Frame, Series } from "../../charts/series.ts";
import { useChartTheme } from "../../state/theme.ts";

interface ChartProps extends ChartEvents {
  series: readonly Series[];
  frame: Frame;
  pointer: SharedPointer;
  label: string;
  ref?: Ref<{ step: (way: 1 | -1) => void }>;
}

export function Chart({ series, frame, pointer, label, onZoom, onZoomOut, ref }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<LineChart | null>(null);
  const events = useRef<ChartEvents>({ onZoom, onZoomOut });
  const theme = useChartTheme();
  useEffect(() => {
    events.current = { onZoom, onZoomOut };
  });
  useEffect(() => {
    const made = new LineChart(host.current as HTMLDivElement, theme, pointer, {
      onZoom: (x, y) => events.current.onZoom(x, y),
      onZoomOut: () => events.current.onZoomOut(),
    });
    chart.current = made;
    return () => made.destroy();
    // oxlint-disable-next-line react/exhaustive-deps -- the theme is handed over with each drawing
  }, [pointer]);
  useEffect(() => chart.current?.set(series, frame, theme), [series, frame, theme, pointer]);
  useImperativeHandle(ref, () => ({ step: (way) => chart.current?.step(way) }), []);
  return <div className="chart" ref={host} role="img" aria-label={label} />;
}
