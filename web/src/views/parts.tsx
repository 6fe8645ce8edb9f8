/** Small parts that every page uses. */
import { useEffect, useRef, useState, type ReactNode } from "react";
import { ApiError } from "../api/http.ts";

export function ErrorBox({ error, retry }: { error: Error; retry?: () => void }) {
  const hint = error instanceof ApiError ? error.hint : "";
  return (
    <div className="error" role="alert">
      <p><strong>{error.message}</strong></p>
      {hint && <p>{hint}</p>}
      {retry && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

/** A strip above a page whose server went away: what is shown is from before. */
export function GoneStrip({ error }: { error: Error | null }) {
  if (!error) return null;
  const hint = error instanceof ApiError ? error.hint : "";
  return <div className="strip" role="status"><strong>{error.message}</strong> {hint} What you see is from before.</div>;
}

export function LoadingBar({ on }: { on: boolean }) {
  return <div className={on ? "bar on" : "bar"} role="progressbar" aria-hidden={!on} aria-label="loading" />;
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http on another machine has no clipboard: the old way works there.
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 1200);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button type="button" className="quiet copy" aria-label={`${label}: ${text.slice(0, 60)}`} title={label}
      onClick={() => void copyText(text).then(() => setCopied(true))}>
      {copied ? "copied" : "copy"}
    </button>
  );
}

/** Lines of code or a command, ready to copy. */
export function Snippet({ text }: { text: string }) {
  return (
    <div className="snippet">
      <pre>{text}</pre>
      <CopyButton text={text} />
    </div>
  );
}

interface SearchProps {
  value: string;
  onChange: (value: string) => void;
  label: string;
  id?: string;
}

/** A search field that speaks once the typing rests. */
export function SearchField({ value, onChange, label, id }: SearchProps) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  const speak = useRef(onChange);
  useEffect(() => {
    speak.current = onChange;
  });
  useEffect(() => {
    if (value !== sent.current) {
      sent.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = text;
      speak.current(text);
    }, 180);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input type="search" id={id} value={text} placeholder={label} aria-label={label} spellCheck={false} autoComplete="off"
      onChange={(event) => setText(event.target.value)}
      onKeyDown={(event) => { if (event.key === "Escape") { setText(""); event.currentTarget.blur(); } }} />
  );
}

/** A button that opens a small box under itself; Escape, or a click elsewhere, shuts it. */
export function Menu({ label, title, children }: { label: ReactNode; title: string; children: (shut: () => void) => ReactNode }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event: Event) => { if (!box.current?.contains(event.target as Node)) setOpen(false); };
    const escape = (event: KeyboardEvent) => { if (event.key === "Escape") setOpen(false); };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);
  return (
    <div className="menu" ref={box}>
      <button type="button" className="quiet" title={title} aria-label={title} aria-expanded={open} onClick={() => setOpen(!open)}>{label}</button>
      {open && <div className="menu-box">{children(() => setOpen(false))}</div>}
    </div>
  );
}
