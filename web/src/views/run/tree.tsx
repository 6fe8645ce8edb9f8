/** A nested value as rows that fold: config, summary, metadata. */
import { useState } from "react";
import { formatNamed, fullValue } from "../../lib/numbers.ts";
import { isRecord, type Json, leaves, numberOf } from "../../lib/values.ts";
import { matches } from "../../lib/groups.ts";
import { CopyButton, SearchField } from "../parts.tsx";

/** What a value under a dotted key is shown as. */
type Format = (key: string, value: Json) => string;

interface TreeProps {
  title: string;
  value: { [key: string]: Json };
  empty: string;
  format?: Format;
}

export function Tree({ title, value, empty, format = formatNamed }: TreeProps) {
  const [search, setSearch] = useState("");
  const all = leaves(value);
  const found = search ? all.filter((leaf) => matches(`${leaf.key} ${format(leaf.key, leaf.value)}`, search)) : null;
  return (
    <section className="facts" aria-label={title} data-testid={`tree-${title.toLowerCase()}`}>
      <header>
        <h2>{title} <span className="muted number">{all.length}</span></h2>
        {all.length > 8 && <SearchField value={search} label={`Search ${title.toLowerCase()}`} onChange={setSearch} />}
        <CopyButton text={JSON.stringify(value, null, 2)} label={`Copy all of ${title.toLowerCase()}`} />
      </header>
      {all.length === 0 && <p className="muted">{empty}</p>}
      <div className="tree">
        {found ? found.map(({ key, value }) => <LeafRow key={key} name={key} value={value} shown={format(key, value)} depth={0} />)
          : <Branches {...{ value, format }} path="" depth={0} />}
        {found?.length === 0 && <p className="muted">Nothing has “{search}” in it.</p>}
      </div>
    </section>
  );
}

interface BranchesProps {
  value: { [key: string]: Json };
  format: Format;
  /** The dotted key of the value with a dot behind it; empty at the top. */
  path: string;
  depth: number;
}

function Branches({ value, format, path, depth }: BranchesProps) {
  return Object.entries(value).map(([key, inner]) =>
    isRecord(inner) && numberOf(inner) === null && Object.keys(inner).length > 0
      ? <Branch key={key} name={key} value={inner} {...{ format, depth }} path={`${path}${key}.`} />
      : <LeafRow key={key} name={key} value={inner} shown={format(path + key, inner)} depth={depth} />);
}

function Branch({ name, value, format, path, depth }: BranchesProps & { name: string }) {
  const [open, setOpen] = useState(depth < 2);
  return (
    <>
      <button type="button" className="tree-row branch" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="mono clip" style={{ paddingLeft: depth * 16 }}><span aria-hidden="true" className="muted">{open ? "▾ " : "▸ "}</span>{name}</span>
        {!open && <span className="muted">{leaves(value).length} values</span>}
      </button>
      {open && <Branches {...{ value, format, path }} depth={depth + 1} />}
    </>
  );
}

function LeafRow({ name, value, shown, depth }: { name: string; value: Json; shown: string; depth: number }) {
  const full = fullValue(value);
  return (
    <div className="tree-row" data-key={name}>
      <span className="mono clip" title={name} style={{ paddingLeft: depth * 16 }}>{name}</span>
      <span className={numberOf(value) === null ? "mono clip" : "number clip"} title={full}>{shown}</span>
      <CopyButton text={full} />
    </div>
  );
}
