/** What the run printed. The list follows its end while the run goes on, unless somebody scrolled up to read. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { fileUrl } from "../../api/runs.ts";
import type { ConsoleLine, RunName } from "../../api/types.ts";
import { matches } from "../../lib/groups.ts";
import { plainLine, plural } from "../../lib/text.ts";
import { formatDate } from "../../lib/times.ts";
import { CONSOLE_LIMIT, useConsole } from "../../state/console.ts";
import { ErrorBox, LoadingBar, SearchField } from "../parts.tsx";

const LINE = 18;
const NEAR = 3 * LINE;

export function Console({ name, version, follow }: { name: RunName; version: number; follow: boolean }) {
  const { lines, loading, error, cut } = useConsole(name, version);
  const [search, setSearch] = useState("");
  const shown = useMemo(() => (search ? lines.filter((line) => matches(line.label ? `${line.label} ${line.text}` : line.text, search)) : lines), [lines, search]);
  return (
    <main className="console-page">
      <div className="toolbar">
        <SearchField value={search} label="Filter lines" onChange={setSearch} />
        <span className="muted number">{search ? `${plural(shown.length, "line")} of ${lines.length.toLocaleString("en")}` : plural(lines.length, "line")}</span>
        <span className="grow" />
        <a href={fileUrl(name, "output.log")} download>download output.log</a>
      </div>
      <LoadingBar on={loading && lines.length === 0} />
      {error && <ErrorBox error={error} />}
      {cut && <p className="strip">The first {CONSOLE_LIMIT.toLocaleString("en")} lines. The file has all.</p>}
      {!loading && !error && lines.length === 0 && <p className="page muted">The run printed nothing, or its console was not captured.</p>}
      <Lines lines={shown} follow={follow} />
    </main>
  );
}

function Lines({ lines, follow }: { lines: readonly ConsoleLine[]; follow: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => LINE, overscan: 20 });
  useEffect(() => {
    if (follow && atEnd.current && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, virtual]);
  const onScroll = () => {
    const box = scroller.current;
    if (box) atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  };
  return (
    <div className="console" ref={scroller} onScroll={onScroll} tabIndex={0} role="log" aria-live="off" data-testid="console">
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          return line && (
            <div key={item.key} className={`console-line ${line.stream}`} style={{ transform: `translateY(${item.start}px)` }}>
              <span className="console-number" title={line.timestamp === null ? "" : formatDate(line.timestamp)}>{line.number}</span>
              {line.label && <span className="console-label">{line.label}</span>}
              <span>{plainLine(line.text)}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
