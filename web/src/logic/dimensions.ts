import type { Comparison } from "../server/types";
import { differs, metricLabel } from "./compare";
import { plain } from "./format";
import { between, part } from "./scale";

/** Axes of pictures in which each Run is one line or one point. */
export interface Dimension {
  name: string;
  /** 0 at the bottom to 1 at the top, null: no value. */
  at: (number | null)[];
  /** Texts beside the axis, and their places. */
  ticks: { at: number; text: string }[];
  /** Whether a logarithmic axis can show it. */
  loggable: boolean;
}

/** How the person has set an axis. */
export interface AxisLook {
  log?: boolean;
  flip?: boolean;
  /** Only Runs between these places count. */
  brush?: readonly [low: number, high: number];
}

export type AxisLooks = Readonly<Record<string, AxisLook>>;

/** By number where all values are numbers, else by the order of the texts. A logarithmic axis leaves out what is not above 0. */
export function dimension(name: string, values: readonly unknown[], look: AxisLook = {}): Dimension {
  const found = upright(name, values, look.log ?? false);
  if (!look.flip) return found;
  const flipped = (at: number): number => 1 - at;
  return {
    ...found,
    at: found.at.map((at) => (at === null ? null : flipped(at))),
    ticks: found.ticks.map(({ at, text }) => ({ at: flipped(at), text })),
  };
}

function upright(name: string, values: readonly unknown[], log: boolean): Dimension {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length > 0 && known.every((value) => typeof value === "number" && Number.isFinite(value))) {
    return numeric(name, values, known as number[], log);
  }
  const texts = [...new Set(known.map(plain))].sort();
  const place = (text: string): number => (texts.length < 2 ? 0.5 : texts.indexOf(text) / (texts.length - 1));
  return {
    name,
    at: values.map((value) => (value === null || value === undefined ? null : place(plain(value)))),
    ticks: texts.slice(0, 12).map((text) => ({ at: place(text), text })),
    loggable: false,
  };
}

function numeric(name: string, values: readonly unknown[], known: readonly number[], asked: boolean): Dimension {
  const above = known.filter((value) => value > 0);
  const log = asked && above.length > 0;
  const numbers = log ? above : known;
  const of = (value: number): number => (log ? Math.log(value) : value);
  const [low, high] = [of(Math.min(...numbers)), of(Math.max(...numbers))];
  const scale = (value: number): number => (high === low ? 0.5 : part(of(value), low, high));
  const back = (value: number): number => (log ? Math.exp(value) : value);
  const ticks = high === low ? [back(low)] : [back(low), back(between(low, high, 0.5)), back(high)];
  return {
    name,
    at: values.map((value) => (typeof value === "number" && !(log && value <= 0) ? scale(value) : null)),
    ticks: ticks.map((value) => ({ at: scale(value), text: plain(Number(value.toPrecision(3))) })),
    loggable: above.length > 0,
  };
}

const MOST_AXES = 10;

/** An axis for each parameter that differs, and for the metric. */
export function axesOf(comparison: Comparison, metric: string, looks: AxisLooks): Dimension[] {
  const names = Object.keys(comparison.parameters).filter((name) => differs(comparison.parameters[name] ?? []));
  const axes = names.slice(0, MOST_AXES - 1).map((name) => dimension(name, comparison.parameters[name] ?? [], looks[name]));
  const last = comparison.metrics[metric]?.map((one) => one?.last ?? null);
  if (!last) return axes;
  const name = metricLabel(comparison, metric);
  return [...axes, dimension(name, last, looks[name])];
}

/** Whether each Run is within all ranges that the person has drawn. A Run without a value there is not. */
export function within(axes: readonly Dimension[], looks: AxisLooks, runs: number): boolean[] {
  return [...Array(runs).keys()].map((run) =>
    axes.every((axis) => {
      const brush = looks[axis.name]?.brush;
      const at = axis.at[run] ?? null;
      return !brush || (at !== null && at >= brush[0] && at <= brush[1]);
    }),
  );
}

/** The next look: what lies inside a range stays inside where the axis turns around, and on another scale there is none. */
export function turned(look: AxisLook, by: "log" | "flip"): AxisLook {
  if (by === "log") return { log: !look.log, ...(look.flip ? { flip: true } : {}) };
  const { brush } = look;
  return { ...look, flip: !look.flip, ...(brush ? { brush: [1 - brush[1], 1 - brush[0]] as const } : {}) };
}

/** The range moved or widened by so much, within the axis. */
export function brushed([low, high]: readonly [number, number], move: number, widen: number): readonly [number, number] {
  const half = Math.min(0.5, Math.max(0.01, (high - low) / 2 + widen));
  const middle = Math.min(1 - half, Math.max(half, (low + high) / 2 + move));
  return [round(middle - half), round(middle + half)];
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** The looks as a part of the address, and back. Texts that somebody wrote by hand and that are not looks are left out. */
export function looksText(looks: AxisLooks): string | null {
  const kept = Object.entries(looks).filter(([, look]) => look.log || look.flip || look.brush);
  if (kept.length === 0) return null;
  return JSON.stringify(
    Object.fromEntries(kept.map(([name, { log, flip, brush }]) => [name, [log ? 1 : 0, flip ? 1 : 0, ...(brush ?? [])]])),
  );
}

export function parseLooks(text: string | null): AxisLooks {
  const looks = Object.create(null) as Record<string, AxisLook>;
  try {
    for (const [name, found] of Object.entries(JSON.parse(text ?? "{}") as Record<string, unknown>)) {
      if (!Array.isArray(found)) continue;
      const [log, flip, low, high] = found as unknown[];
      const brush = typeof low === "number" && typeof high === "number" && low <= high ? { brush: [low, high] as const } : {};
      looks[name] = { log: log === 1, flip: flip === 1, ...brush };
    }
  } catch {
    // None are kept of an address that somebody has cut off.
  }
  return looks;
}
