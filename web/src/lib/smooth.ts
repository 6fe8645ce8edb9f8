/** Smoothing of a curve: an exponential mean over x, so that unevenly spaced points are weighed by distance. */

/** In how many parts the range is cut: at one part's distance the old mean keeps the share `amount`. */
const PARTS = 250;

/**
 * The smoothed values. `amount` is in [0, 1); `range` is the width of x that is looked at; the mean starts
 * afresh at each of `breaks` (restarts), because the two sides are different stretches of training.
 */
export function smooth(
  x: readonly number[], y: readonly number[], amount: number, range: number, breaks: readonly number[] = [],
): number[] {
  if (amount <= 0 || y.length < 3 || !(range > 0)) return y.slice();
  const out: number[] = Array.from({ length: y.length });
  let mean = 0;
  let weight = 0;
  let next = 0;
  for (let i = 0; i < y.length; i += 1) {
    const at = x[i] as number;
    const previous = i === 0 ? at : (x[i - 1] as number);
    while (next < breaks.length && at >= (breaks[next] as number)) {
      if (i > 0 && previous < (breaks[next] as number)) weight = mean = 0;
      next += 1;
    }
    const keep = amount ** Math.max((Math.abs(at - previous) / range) * PARTS, 0.05);
    // Numerator and denominator decay alike: the first points are not pulled towards zero.
    mean = mean * keep + (y[i] as number) * (1 - amount);
    weight = weight * keep + (1 - amount);
    out[i] = mean / weight;
  }
  return out;
}
