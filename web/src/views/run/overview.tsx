/** The run in words: how it went, what went in, what came out, and what the server can prove. */
import type { ReactNode } from "react";
import { journalUrl } from "../../api/runs.ts";
import type { Alert, Run, RunName } from "../../api/types.ts";
import { formatCount, formatMetadata, fullValue } from "../../lib/numbers.ts";
import { formatDate, formatDuration } from "../../lib/times.ts";
import { isRecord, type Json } from "../../lib/values.ts";
import { CopyButton } from "../parts.tsx";
import { journalSentences, ProofBadge, proofSentence, StateWord } from "../proof.tsx";
import { Tree } from "./tree.tsx";

export function Overview({ name, run }: { name: RunName; run: Run }) {
  return (
    <main className="page overview" data-testid="overview">
      <div>
        {run.alerts.length > 0 && <Alerts alerts={run.alerts} />}
        <RunFacts run={run} />
        <Journals name={name} run={run} />
      </div>
      <div>
        <Tree title="Summary" value={run.summary} empty="No summary: nothing was logged." />
        <Tree title="Config" value={run.config} empty="No config was given to init()." />
        <Tree title="Metadata" value={run.metadata ?? {}} format={formatMetadata} empty="The run said nothing about its machine." />
      </div>
    </main>
  );
}

/** What the script wants people to know, the latest first; what it says again and again stands once. */
function Alerts({ alerts }: { alerts: readonly Alert[] }) {
  return (
    <section className="facts" data-testid="alerts">
      <header><h2>Alerts <span className="muted number">{alerts.length}</span></h2></header>
      {counted(alerts).map(([key, { alert, times }]) => (
        <article key={key} className="alert">
          <p>
            <span className="badge" data-level={alert.level.toLowerCase()}>{alert.level.toLowerCase()}</span> <strong>{alert.title}</strong>
            {times > 1 && <span className="muted"> {formatCount(times)} times</span>}
          </p>
          {alert.text && <p className="notes">{alert.text}</p>}
        </article>
      ))}
    </section>
  );
}

function counted(alerts: readonly Alert[]): [string, { alert: Alert; times: number }][] {
  const found = new Map<string, { alert: Alert; times: number }>();
  for (const alert of alerts) {
    const key = JSON.stringify(alert);
    const times = (found.get(key)?.times ?? 0) + 1;
    found.delete(key); // the order is that of the last time
    found.set(key, { alert, times });
  }
  return [...found].toReversed();
}

function RunFacts({ run }: { run: Run }) {
  const { metadata } = run;
  return (
    <section className="facts">
      <header><h2>Run</h2></header>
      <dl>
        <Fact name="State"><StateWord state={run.state} always />{run.exit_code === null ? "" : `, exit code ${run.exit_code}`}</Fact>
        <Fact name="Proof">{proofSentence(run.proof)}</Fact>
        <Fact name="Id" copy={run.run_id}><span className="mono">{run.run_id}</span></Fact>
        <Fact name="Started">{formatDate(run.started_at ?? run.created_at)}</Fact>
        <Fact name="Duration">{run.duration === null ? "" : formatDuration(run.duration)}</Fact>
        <Fact name="Rows">{formatCount(run.rows)}{run.last_step === null ? "" : `, last step ${formatCount(run.last_step)}`}</Fact>
        <Fact name="Group">{run.group}</Fact>
        <Fact name="Job type">{run.job_type}</Fact>
        <Fact name="Tags">{run.tags.length > 0 && run.tags.map((tag) => <span className="tag" key={tag}>{tag}</span>)}</Fact>
        <Fact name="Notes">{run.notes && <span className="notes">{run.notes}</span>}</Fact>
        <Fact name="Command" copy={commandOf(metadata)}>{commandOf(metadata) && <code>{commandOf(metadata)}</code>}</Fact>
        <Fact name="Host">{textAt(metadata, "host")}</Fact>
        <Fact name="Python">{textAt(metadata, "python")}</Fact>
        <Fact name="OS">{textAt(metadata, "os")}</Fact>
        <Fact name="GPU">{textAt(metadata, "gpu_type")}</Fact>
        <Fact name="Git" copy={textAt(metadata["git"], "commit")}>
          {textAt(metadata["git"], "commit") && <><code>{textAt(metadata["git"], "commit")?.slice(0, 10)}</code> {textAt(metadata["git"], "remote")}</>}
        </Fact>
      </dl>
    </section>
  );
}

/** One line of facts; a fact that the run did not say is left out. */
function Fact({ name, copy, children }: { name: string; copy?: string | null; children: ReactNode }) {
  if (children === null || children === undefined || children === "" || children === false) return null;
  return <div><dt>{name}</dt><dd>{children} {copy && <CopyButton text={copy} />}</dd></div>;
}

function textAt(tree: Json | undefined, key: string): string | null {
  if (!isRecord(tree) || tree[key] === undefined || tree[key] === null) return null;
  return fullValue(tree[key]);
}

function commandOf(metadata: { [key: string]: Json }): string | null {
  const program = textAt(metadata, "code_path_local") ?? textAt(metadata, "code_path") ?? textAt(metadata, "program");
  if (program === null) return null;
  const args = Array.isArray(metadata["args"]) ? metadata["args"].map(String) : [];
  return ["python", program, ...args].join(" ");
}

function Journals({ name, run }: { name: RunName; run: Run }) {
  return (
    <section className="facts" data-testid="journals">
      <header><h2>{run.journals.length > 1 ? "Journals" : "Journal"} <span className="muted number">{run.journals.length}</span></h2></header>
      {run.journals.length > 1 && <p className="muted">Each process that wrote or resumed this run wrote a journal of its own.</p>}
      {run.journals.map((journal) => (
        <article key={journal.journal} className="journal">
          <p>
            <span className="mono clip" title={journal.journal}>{journal.journal.slice(0, 12)}</span>
            {journal.label && <strong>{journal.label}</strong>}
            {journal.started_at !== null && <span className="muted">{formatDate(journal.started_at)}</span>}
            <ProofBadge proof={journal.proof} />
            <a href={journalUrl(name, journal.journal)} download>download</a>
          </p>
          <p>{journalSentences(journal).join(" ")}</p>
        </article>
      ))}
    </section>
  );
}
