import type { Comparison } from "../server/types";
import { plain } from "./format";

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

export interface Dimension {
  name: string;
  /** 0 at the bottom to 1 at the top, null: no value. */
  at: (number | null)[];
  /** What is written beside the axis: places and texts. */
  ticks: { at: number; text: string }[];
}

/** One axis of parallel coordinates: by number where all values are numbers, else by the order of the texts. */
export function dimension(name: string, values: readonly unknown[]): Dimension {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length > 0 && known.every((value) => typeof value === "number" && Number.isFinite(value))) {
    const numbers = known as number[];
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const scale = (value: number): number => (high === low ? 0.5 : (value - low) / (high - low));
    const ticks = high === low ? [low] : [low, (low + high) / 2, high];
    return {
      name,
      at: values.map((value) => (typeof value === "number" ? scale(value) : null)),
      ticks: ticks.map((value) => ({ at: scale(value), text: plain(value) })),
    };
  }
  const texts = [...new Set(known.map(plain))].sort();
  const place = (text: string): number => (texts.length < 2 ? 0.5 : texts.indexOf(text) / (texts.length - 1));
  return {
    name,
    at: values.map((value) => (value === null || value === undefined ? null : place(plain(value)))),
    ticks: texts.slice(0, 12).map((text) => ({ at: place(text), text })),
  };
}
