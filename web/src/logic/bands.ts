import { quantile } from "./outliers";

/** Ways to draw a group of Runs: a line in its middle, and a band around it. */
export const SPREADS = ["range", "sd", "ci", "median", "quartiles"] as const;
export type Spread = (typeof SPREADS)[number];

export const SPREAD_WORDS: Record<Spread, { choice: string; middle: string; band: string }> = {
  range: { choice: "mean, min–max", middle: "mean", band: "from the least to the greatest value" },
  sd: { choice: "mean ± σ", middle: "mean", band: "one standard deviation (n - 1) on each side" },
  ci: { choice: "mean, 95 % interval", middle: "mean", band: "the 95 % interval of the mean, by Student's t" },
  median: { choice: "median, min–max", middle: "median", band: "from the least to the greatest value" },
  quartiles: { choice: "median, quartiles", middle: "median", band: "the middle half of the values" },
};

/** `1` is what addresses of older pages say. */
export function parseSpread(text: string | null): Spread | null {
  if (text === "1") return "range";
  return SPREADS.find((one) => one === text) ?? null;
}

/** At each x of several lines of a group. */
export interface Band {
  middle: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

type Column = readonly (number | null | undefined)[];

interface Lines {
  main: readonly Column[];
  /** The extremes of thinned lines; the same as `main` where a line is whole. */
  min: readonly Column[];
  max: readonly Column[];
}

/** Lines that share one x. Where a line has no value there, the last one before holds, from its first to its last point. */
export function band({ main, min, max }: Lines, spread: Spread): Band {
  const [mains, lows, highs] = [main.map(carried), min.map(carried), max.map(carried)];
  const length = Math.max(0, ...mains.map((line) => line.length));
  const found: Band = { middle: [], low: [], high: [] };
  const whole = spread === "range" || spread === "median";
  for (let at = 0; at < length; at += 1) {
    const values = known(mains, at).sort((a, b) => a - b);
    const middle = values.length === 0 ? null : SPREAD_WORDS[spread].middle === "mean" ? mean(values) : quantile(values, 0.5);
    const [low, high] = whole ? [Math.min(...known(lows, at)), Math.max(...known(highs, at))] : edges(values, spread);
    found.middle.push(middle);
    found.low.push(finite(low));
    found.high.push(finite(high));
  }
  return found;
}

function edges(values: readonly number[], spread: Spread): [number, number] {
  if (values.length === 0) return [NaN, NaN];
  if (spread === "quartiles") return [quantile(values, 0.25), quantile(values, 0.75)];
  const middle = mean(values);
  const away = deviation(values) * (spread === "ci" ? student(values.length - 1) / Math.sqrt(values.length) : 1);
  return [middle - away, middle + away];
}

function mean(values: readonly number[]): number {
  const sum = values.reduce((all, value) => all + value, 0);
  // The greatest numbers have no sum, but a mean.
  return Number.isFinite(sum) ? sum / values.length : values.reduce((all, value) => all + value / values.length, 0);
}

/** The standard deviation of a sample; 0 for a single value. */
function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2 / (values.length - 1), 0));
}

/** The 97.5 % quantile of Student's t by its degrees of freedom, from 1 on. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042];

export function student(freedom: number): number {
  // Beyond the table: the series of Cornish and Fisher, right to three digits.
  return T[freedom - 1] ?? (freedom < 1 ? 0 : 1.95996 + 2.37227 / freedom + 2.8225 / freedom ** 2);
}

function known(lines: readonly Column[], at: number): number[] {
  return lines.map((line) => line[at]).filter((value) => value !== null && value !== undefined);
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function carried(line: Column): (number | null)[] {
  let last = line.length - 1;
  while (last >= 0 && (line[last] === null || line[last] === undefined)) last -= 1;
  let held: number | null = null;
  return line.map((value, at) => {
    if (value !== null && value !== undefined) held = value;
    return at <= last ? held : null;
  });
}
