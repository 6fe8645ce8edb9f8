/** Which keys of config and summary are columns of the table. */
import { useState } from "react";
import type { Keys } from "../../api/types.ts";
import { matches } from "../../lib/groups.ts";
import { changeQuery } from "../../state/location.ts";
import { writeColumns } from "../../state/view.ts";
import { Menu, SearchField } from "../parts.tsx";

const MOST = 200;

/** When nobody has chosen: a few keys of each. */
export function defaultColumns(keys: Keys | undefined): string[] {
  const config = (keys?.config ?? []).slice(0, 3).map((key) => `config.${key}`);
  const summary = (keys?.summary ?? []).filter((key) => !key.startsWith("_")).slice(0, 4).map((key) => `summary.${key}`);
  return [...config, ...summary];
}

export function ColumnMenu({ keys, columns }: { keys: Keys | undefined; columns: readonly string[] }) {
  return <Menu label="Columns" title="Choose columns">{() => <ColumnChoice keys={keys} columns={columns} />}</Menu>;
}

function ColumnChoice({ keys, columns }: { keys: Keys | undefined; columns: readonly string[] }) {
  const [search, setSearch] = useState("");
  const all = [...(keys?.config ?? []).map((key) => `config.${key}`), ...(keys?.summary ?? []).map((key) => `summary.${key}`)];
  const found = all.filter((column) => matches(column, search));
  const toggle = (column: string) => {
    const next = columns.includes(column) ? columns.filter((one) => one !== column) : [...columns, column];
    changeQuery({ cols: writeColumns(next) });
  };
  return (
    <div className="settings column-choice">
      <SearchField value={search} label="Find a key" onChange={setSearch} />
      <div className="column-list">
        {found.slice(0, MOST).map((column) => (
          <label className="check mono" key={column}>
            <input type="checkbox" checked={columns.includes(column)} onChange={() => toggle(column)} /> {column}
          </label>
        ))}
        {found.length > MOST && <p className="muted">and {found.length - MOST} more: search for them</p>}
      </div>
      <button type="button" onClick={() => changeQuery({ cols: null })}>Reset</button>
    </div>
  );
}
