/** The files of a run. */
import { useState } from "react";
import { fileUrl } from "../../api/runs.ts";
import type { RunFile, RunName } from "../../api/types.ts";
import { compareNatural, matches } from "../../lib/groups.ts";
import { formatBytes } from "../../lib/numbers.ts";
import { plural } from "../../lib/text.ts";
import { formatDate } from "../../lib/times.ts";
import { useFiles } from "../../state/queries.ts";
import { CopyButton, ErrorBox, LoadingBar, SearchField } from "../parts.tsx";

const MOST = 1000;
type Order = "path" | "size" | "updated_at";

export function Files({ name, version }: { name: RunName; version: number }) {
  const { data, error, isPending, refetch } = useFiles(name, version);
  const [search, setSearch] = useState("");
  const found = (data ?? []).filter((file) => matches(file.path, search));
  const size = found.reduce((sum, file) => sum + file.size, 0);
  return (
    <main className="page" data-testid="files">
      <LoadingBar on={isPending} />
      <div className="toolbar bare">
        <SearchField value={search} label="Filter files" onChange={setSearch} />
        {data && <span className="muted number">{plural(found.length, "file")}, {formatBytes(size)}</span>}
      </div>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {data?.length === 0 && <p className="muted">No files have arrived with this run.</p>}
      {found.length > 0 && <FileTable name={name} files={found} />}
      {found.length > MOST && <p className="muted">and {found.length - MOST} more: filter to see them</p>}
    </main>
  );
}

function FileTable({ name, files }: { name: RunName; files: readonly RunFile[] }) {
  const [order, setOrder] = useState<Order>("path");
  const sorted = [...files].sort((left, right) => (order === "path" ? compareNatural(left.path, right.path) : right[order] - left[order]));
  const head = (by: Order, words: string, right = false) => (
    <th className={right ? "right" : ""} aria-sort={order === by ? "ascending" : "none"}>
      <button type="button" onClick={() => setOrder(by)}>{words}{order === by ? (by === "path" ? " ↑" : " ↓") : ""}</button>
    </th>
  );
  return (
    <table className="plain">
      <thead><tr>{head("path", "Path")}{head("size", "Size", true)}{head("updated_at", "Updated")}<th>Digest</th></tr></thead>
      <tbody>
        {sorted.slice(0, MOST).map((file) => (
          <tr key={file.path}>
            <td><a href={fileUrl(name, file.path)} download className="mono">{file.path}</a></td>
            <td className="right number" title={`${file.size.toLocaleString("en")} bytes`}>{formatBytes(file.size)}</td>
            <td className="muted number">{formatDate(file.updated_at)}</td>
            <td className="muted mono" title={file.digest}>{file.digest.replace("sha256:", "").slice(0, 12)} <CopyButton text={file.digest} label="Copy the digest" /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
