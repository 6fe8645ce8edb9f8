/** How the list of runs is sorted, and which of it is drawn. */
import { changeQuery } from "../../state/location.ts";
import { SHOWN_FIRST } from "../../state/shown.ts";
import { type ListView, NEWEST_FIRST } from "../../state/view.ts";
import { Menu } from "../parts.tsx";

const ORDERS: [string, string][] = [
  [NEWEST_FIRST, "newest first"],
  ["started_at", "oldest first"],
  ["-created_at", "last arrived"],
  ["name", "name"],
  ["-duration", "longest"],
  ["duration", "shortest"],
  ["state", "state"],
];

export function SortChoice({ order }: { order: string }) {
  const known = ORDERS.some(([value]) => value === order);
  return (
    <select aria-label="Sort runs" title="Sort runs" value={order}
      onChange={(event) => changeQuery({ order: event.target.value === NEWEST_FIRST ? null : event.target.value })}>
      {!known && <option value={order}>{orderWords(order)}</option>}
      {ORDERS.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
    </select>
  );
}

function orderWords(order: string): string {
  return order.startsWith("-") ? `${order.slice(1)} ↓` : `${order} ↑`;
}

const SHOWN: [ListView["base"], string][] = [["first", `Show the first ${SHOWN_FIRST}`], ["all", "Show all"], ["none", "Hide all"]];
const STATES = ["", "running", "finished", "failed", "preempted", "crashed", "pending"];

export function ListMenu({ view }: { view: ListView }) {
  return (
    <Menu label="◉" title="Which runs are shown">
      {(shut) => (
        <div className="settings">
          <ul className="choices">
            {SHOWN.map(([base, words]) => (
              <li key={base}>
                <button type="button" onClick={() => { changeQuery({ show: base === "first" ? null : base, on: null, off: null }); shut(); }}>{words}</button>
              </li>
            ))}
          </ul>
          <label className="field">state
            <select value={view.state} onChange={(event) => changeQuery({ state: event.target.value })}>
              {STATES.map((state) => <option key={state} value={state}>{state || "any"}</option>)}
            </select>
          </label>
        </div>
      )}
    </Menu>
  );
}
