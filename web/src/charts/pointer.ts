/** Where somebody points: one x for all charts with the same x key, and one series that stands out. */

export interface Pointing {
  xKey: string | null;
  x: number | null;
  id: string | null;
}

type Listener = (pointing: Pointing) => void;

export class SharedPointer {
  now: Pointing = { xKey: null, x: null, id: null };
  readonly #listeners = new Set<Listener>();

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  point(pointing: Pointing): void {
    const { xKey, x, id } = this.now;
    if (pointing.xKey === xKey && pointing.x === x && pointing.id === id) return;
    this.now = pointing;
    for (const listener of this.#listeners) listener(pointing);
  }

  /** Only which series or group stands out, as when a list of them is pointed at. */
  highlight(id: string | null): void {
    this.point({ xKey: null, x: null, id });
  }

  leave(): void {
    this.point({ xKey: null, x: null, id: null });
  }
}
