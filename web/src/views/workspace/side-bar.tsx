/** The column at the left: its edge is dragged, or moved with the arrow keys. */
import { useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { recall, remember } from "../../state/stored.ts";

const LEAST = 180;
const MOST = 640;
const FIRST = 280;

export function SideBar({ children }: { children: ReactNode }) {
  const [width, setWidth] = useState(() => recall("list-width", FIRST));
  const resize = (to: number) => {
    const next = Math.min(Math.max(to, LEAST), MOST);
    setWidth(next);
    remember("list-width", next);
  };
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) resize(event.clientX);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") resize(width - 16);
    if (event.key === "ArrowRight") resize(width + 16);
  };
  return (
    <aside className="side" style={{ width }}>
      {children}
      <div className="edge" role="separator" aria-orientation="vertical" aria-label="Width of the list" aria-valuenow={width}
        aria-valuemin={LEAST} aria-valuemax={MOST} tabIndex={0} onKeyDown={press} onPointerMove={drag} onDoubleClick={() => resize(FIRST)}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)} />
    </aside>
  );
}
