/** What the server can prove of a run, as a mark and in words; and how the run ended. */
import type { Journal, Proof, RunState } from "../api/types.ts";
import { formatBytes } from "../lib/numbers.ts";
import { plural } from "../lib/text.ts";

const MARKS: Record<Proof, string> = { confirmed: "✓", received: "↓", arriving: "…", gaps: "!" };
const SHORT: Record<Proof, string> = { confirmed: "confirmed complete", received: "received", arriving: "still arriving", gaps: "gaps" };
const WORDS: Record<Proof, string> = {
  confirmed: "Confirmed complete: the server holds all that lies on the sender's disk.",
  received: "Received: a wandb client ended its stream and every line was answered. It does not say what lies on its disk.",
  arriving: "Still arriving: the sender has not yet confirmed that all is here.",
  gaps: "Gaps: parts of the journal could not be read.",
};
const STATES: Record<RunState, string> = {
  running: "running: its writer was heard of in the last two minutes",
  finished: "finished",
  failed: "failed: it ended with an exit code that is not 0",
  preempted: "preempted: it said that its machine would be taken away, and never that it ended",
  crashed: "crashed: it never said that it ended, and its writer is gone",
  pending: "pending: no end yet, and nothing heard of its writer",
};

export function ProofMark({ proof }: { proof: Proof }) {
  return <span className={`proof ${proof}`} role="img" title={WORDS[proof]} aria-label={SHORT[proof]}>{MARKS[proof]}</span>;
}

export function ProofBadge({ proof }: { proof: Proof }) {
  return (
    <span className={`badge proof ${proof}`} title={WORDS[proof]} data-testid="proof" data-proof={proof}>
      <span aria-hidden="true">{MARKS[proof]}</span> {SHORT[proof]}
    </span>
  );
}

/** Quiet for a run that finished; a word for all others. */
export function StateWord({ state, always = false }: { state: RunState; always?: boolean }) {
  if (state === "finished" && !always) return null;
  return <span className={`state ${state}`} title={STATES[state]} data-testid="state">{state}</span>;
}

export function proofSentence(proof: Proof): string {
  return WORDS[proof];
}

/** Sentences on one journal: how much of it there is, and what can be said for it. */
export function journalSentences(journal: Journal): string[] {
  const { role, rows, first_step: first, last_step: last, position, complete, exit_code: code, writer, gaps, replaces, unknown_records: unknown } = journal;
  const steps = first === null || last === null ? "" : `, steps ${first.toLocaleString("en")} to ${last.toLocaleString("en")}`;
  const sentences = [`${plural(rows, "row")}${steps}; ${formatBytes(position)} are here.`];
  if (role === "edits") return [`Changes made after the run: ${formatBytes(position)}.`];
  if (complete) sentences.push(code ? `It ended with exit code ${code}.` : "It ends with its exit record.");
  else if (writer === "alive") sentences.push("Its writer is alive.");
  else if (writer === "client") sentences.push("A wandb client sends it live.");
  else sentences.push(writer === "gone" ? "It has no exit record, and its writer is gone." : "It has no exit record; nothing is known of its writer.");
  if (replaces.length > 0) sentences.push("It was repaired: it stands for a damaged journal.");
  if (unknown > 0) sentences.push(`This server does not know what ${plural(unknown, "record")} ${unknown === 1 ? "says" : "say"}; kept as sent.`);
  if (gaps.length > 0) {
    const lost = gaps.reduce((sum, [start, end]) => sum + end - start, 0);
    sentences.push(`${plural(gaps.length, "gap")}: ${formatBytes(lost)} could not be read (${gaps.map(gapWords).join("; ")}).`);
  }
  return sentences;
}

function gapWords([start, end]: [number, number]): string {
  return `bytes ${start.toLocaleString("en")} to ${end.toLocaleString("en")}`;
}
