/** Stops a run that is sent live: its training hears of it with the next answer. */
import { useState } from "react";
import { ApiError } from "../../api/http.ts";
import { requestStop } from "../../api/runs.ts";
import type { Run, RunName } from "../../api/types.ts";

export function StopButton({ name, run, asked }: { name: RunName; run: Run; asked: () => void }) {
  const [sure, setSure] = useState(false);
  const [failure, setFailure] = useState("");
  if (run.stop === "no") return null;
  if (run.stop === "requested") return <span className="muted" title="It stops when it next sends, within half a minute.">stopping…</span>;
  const stop = () => {
    setSure(false);
    requestStop(name).then(asked, (error: unknown) => setFailure(error instanceof ApiError ? error.message : String(error)));
  };
  if (!sure) {
    return (
      <>
        <button type="button" className="quiet" onClick={() => setSure(true)}>Stop</button>
        {failure && <span className="muted" role="alert">{failure}</span>}
      </>
    );
  }
  return (
    <span className="ask">
      Stop this training?{" "}
      <button type="button" onClick={stop}>Stop it</button>{" "}
      <button type="button" className="quiet" onClick={() => setSure(false)}>Let it run</button>
    </span>
  );
}
