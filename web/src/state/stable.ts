/** Values that stay the same object for as long as they say the same. */
import { useMemo } from "react";

/** Of small values only: they are compared as JSON each time. */
export function useStable<T>(value: T): T {
  const text = JSON.stringify(value);
  // oxlint-disable-next-line react/exhaustive-deps -- the text stands for the value
  return useMemo(() => value, [text]);
}
