/** Empty pages: the lines that would fill them, with this server's address in them. */
import { Snippet } from "./parts.tsx";

export function TeachFirstRun({ project, entity }: { project?: string; entity?: string }) {
  const where = `project="${project ?? "first"}"${entity ? `, entity="${entity}"` : ""}`;
  const code = `import holdfast\n\nrun = holdfast.init(${where})\nfor step in range(100):\n    run.log({"loss": 1 / (1 + step)})\nrun.finish()`;
  return (
    <section className="teach">
      <h1>{project ? "No runs in this project yet" : "No projects yet"}</h1>
      <p>Log a run. It needs no network and no server:</p>
      <Snippet text={code} />
      <p>Then carry it here, from the folder that holds <code>wandb/</code>:</p>
      <Snippet text={`holdfast sync --base-url ${location.origin}`} />
      <p className="muted">Folders that wandb wrote can be synced in the same way. This page fills by itself.</p>
    </section>
  );
}

export function TeachMetrics({ system }: { system: boolean }) {
  if (system) {
    return <p className="teach muted">No system metrics: they are sampled every 10 seconds, and this run ended before, or had them off.</p>;
  }
  return (
    <section className="teach">
      <h1>No metrics yet</h1>
      <p>A chart appears for each key that a run logs:</p>
      <Snippet text={'run.log({"train/loss": loss, "train/accuracy": accuracy})'} />
    </section>
  );
}
