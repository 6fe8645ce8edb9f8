/** The bar at the top of every page, and the list of keys. */
import { useEffect, useRef, useState, type ReactNode } from "react";
import type { ProjectName } from "../api/types.ts";
import { useKeys } from "../state/keyboard.ts";
import { useProjects } from "../state/queries.ts";
import { projectPath } from "../state/route.ts";
import { toggleTheme, useTheme } from "../state/theme.ts";
import { Link } from "./link.tsx";
import { Menu } from "./parts.tsx";

export function Frame({ crumbs, tabs, children }: { crumbs?: ReactNode; tabs?: ReactNode; children: ReactNode }) {
  const theme = useTheme();
  const [help, setHelp] = useState(false);
  useKeys({ "?": () => setHelp(true) });
  return (
    <div className="frame">
      <header className="top">
        <Link href="/" className="brand"><span aria-hidden="true">◆</span> Holdfast</Link>
        {crumbs}
        <nav className="tabs" aria-label="Pages">{tabs}</nav>
        <button type="button" className="quiet" title="Keyboard (?)" aria-label="Keyboard" onClick={() => setHelp(true)}>?</button>
        <button type="button" className="quiet" title={`Use the ${theme === "dark" ? "light" : "dark"} theme`}
          aria-label="Light or dark" onClick={toggleTheme}>◐</button>
      </header>
      {children}
      {help && <KeyboardHelp onShut={() => setHelp(false)} />}
    </div>
  );
}

/** `entity / project`, with a way to the others. */
export function ProjectCrumbs({ entity, project }: ProjectName) {
  return (
    <div className="crumbs">
      <span className="muted clip">{entity}</span><span className="muted">/</span>
      <Link href={projectPath({ entity, project })} className="clip" title={project}>{project}</Link>
      <Menu label="▾" title="Other projects">{(shut) => <ProjectChoice onChoose={shut} />}</Menu>
    </div>
  );
}

function ProjectChoice({ onChoose }: { onChoose: () => void }) {
  const { data = [] } = useProjects();
  return (
    <ul className="choices">
      {data.map((one) => (
        <li key={`${one.entity}/${one.project}`}>
          <Link href={projectPath(one)} onClick={onChoose}><span className="muted">{one.entity} /</span> {one.project}</Link>
        </li>
      ))}
      <li><Link href="/" onClick={onChoose} className="muted">All projects</Link></li>
    </ul>
  );
}

const KEYS: [string, string][] = [
  ["/", "search runs"],
  ["j  k", "next run, previous run"],
  ["x", "show or hide the run"],
  ["p", "pin the run to the top"],
  ["Enter", "open the run"],
  ["f", "full screen of the panel under the pointer, and back"],
  ["[  ]", "crosshair one point back, one on; in full screen with Shift: another panel"],
  ["drag", "zoom in x; with Shift in both; double click back"],
  ["Esc", "back"],
  ["?", "this list"],
];

function KeyboardHelp({ onShut }: { onShut: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onShut} aria-label="Keyboard">
      <h2>Keyboard</h2>
      <dl className="keys">
        {KEYS.map(([key, words]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{words}</dd></div>)}
      </dl>
      <form method="dialog"><button type="submit">Close</button></form>
    </dialog>
  );
}
