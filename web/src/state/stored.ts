/** What this browser remembers. Without storage (private windows, full quota) it is forgotten on leaving. */

export function recall<T>(name: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`holdfast.${name}`);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(`holdfast.${name}`, JSON.stringify(value));
  } catch {
    // Nothing depends on it: the choice holds until the page is left.
  }
}
