/**
 * A running mean whose memory fades, without the pull towards zero at the start.
 * `weight` is 0 (the raw line) to below 1. A gap stays a gap and the mean goes on behind it.
 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (!(weight > 0)) return [...values];
  const kept = Math.min(weight, 0.999);
  let mean = 0;
  let known = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = kept * mean + (1 - kept) * value;
    known = kept * known + (1 - kept);
    return mean / known;
  });
}
