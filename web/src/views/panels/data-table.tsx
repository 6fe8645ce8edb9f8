/** The drawn values of a panel as a table: for screen readers, for copying, and for tests. */
import type { Series } from "../../charts/series.ts";
import { toCsv } from "../../lib/text.ts";

const MOST = 4000;

interface Point {
  id: string;
  run: string;
  x: number;
  value: string;
  kind: "point" | "mark";
}

/** Every drawn value as logged (not smoothed), in the order of x for each series. */
export function pointsOf(series: readonly Series[]): Point[] {
  return series.flatMap(({ id, name, x, y, raw, marks }) => [
    ...x.map((at, i): Point => ({ id, run: name, x: at, value: String((raw ?? y)[i]), kind: "point" })),
    ...marks.map((mark): Point => ({ id, run: name, x: mark.x, value: mark.kind, kind: "mark" })),
  ].sort((left, right) => left.x - right.x));
}

export function csvOf(series: readonly Series[], xName: string, metric: string): string {
  return toCsv([["run_id", "run", xName, metric], ...pointsOf(series).map(({ id, run, x, value }) => [id, run, x, value])]);
}

export function DataTable({ series, xName, metric }: { series: readonly Series[]; xName: string; metric: string }) {
  const points = pointsOf(series);
  return (
    <div className="data-table" tabIndex={0} role="region" aria-label={`Data of ${metric}`}>
      {points.length > MOST && (
        <p className="muted">The first {MOST.toLocaleString("en")} of {points.length.toLocaleString("en")} points; the CSV has all.</p>
      )}
      <table className="plain dense" data-testid="panel-data" data-metric={metric}>
        <thead><tr><th>Run</th><th className="right">{xName}</th><th className="right">{metric}</th></tr></thead>
        <tbody>
          {points.slice(0, MOST).map((point, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- points have no name of their own
            <tr key={index} data-run={point.id} data-x={point.x} data-y={point.value} data-kind={point.kind}>
              <td className="clip">{point.run}</td>
              <td className="right number">{point.x}</td>
              <td className="right number">{point.value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
