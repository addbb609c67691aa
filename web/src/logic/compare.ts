import type { Comparison } from "../server/types";

/** True where the Runs do not all have the same value. */
export function differs(values: readonly unknown[]): boolean {
  return new Set(values.map((value) => JSON.stringify(value ?? null))).size > 1;
}

/** The place of the Run with the best last value of a metric; -1: none has one. */
export function best(comparison: Comparison, metric: string, wanted: "least" | "greatest"): number {
  let found = -1;
  let value = wanted === "least" ? Infinity : -Infinity;
  (comparison.metrics[metric] ?? []).forEach((one, at) => {
    const last = one?.last;
    if (typeof last !== "number") return;
    if (wanted === "least" ? last < value : last > value) [found, value] = [at, last];
  });
  return found;
}

/** Whether less is better, guessed by the name: losses, errors and durations. */
export function lessIsBetter(metric: string): boolean {
  return /loss|err|mae|mse|rmse|perplex|latency|time|seconds|_ms$/i.test(metric);
}

/** The name of a metric among those of the parameters: programs log the learning rate that is a parameter of theirs. */
export function metricLabel(comparison: Comparison, metric: string): string {
  return comparison.parameters[metric] ? `${metric} (metric)` : metric;
}
