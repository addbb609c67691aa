import type { Points, Series } from "../server/types";
import { type Axis, xValues } from "./axes";
import type { Range } from "./outliers";

/** A part of a series by its steps, both included. */
export interface Span {
  from: number;
  to: number;
}

/** The steps of the whole points that are seen in this part of the axis; null: there are none. */
export function spanOf(series: Series, axis: Axis, [low, high]: Range, other?: Series): Span | null {
  const { step } = series.points;
  let [first, last] = [step.length, -1];
  // A metric along x goes back and forth. The other axes ascend: between two points a part of the second one is seen.
  const ordered = !axis.startsWith("metric:");
  xValues(series, axis, other).forEach((x, at) => {
    if (x === null) return;
    if (x >= low && (ordered || x <= high)) first = Math.min(first, at);
    if (x <= high && (ordered || x >= low)) last = at;
  });
  if (first === step.length || (!ordered && last < 0)) return null;
  // The lines to both neighbours are seen too. A point stands for all steps after the one before it.
  const before = step[first - 2];
  return { from: before === undefined ? 0 : before + 1, to: step[Math.min(step.length - 1, last + 1)] as number };
}

/** Whether a part of the series can be read with finer points. */
export function isJoined(series: Series): boolean {
  return (series.joined ?? 1) > 1;
}

/** The series with finer points in the part that was read again. */
export function spliced(series: Series, finer: Series | undefined): Series {
  const first = finer?.points.step[0];
  const last = finer?.points.step[finer.points.step.length - 1];
  if (!finer || first === undefined || last === undefined || finer.stride !== series.stride) return series;
  const { step } = series.points;
  const [begin, end] = [firstAfter(step, first - 1), firstAfter(step, last)];
  const points = (name: keyof Points, source: Points): (number | null)[] => source[name] ?? source.value;
  const join = (name: keyof Points): (number | null)[] => {
    const coarse = points(name, series.points);
    return [...coarse.slice(0, begin), ...points(name, finer.points), ...coarse.slice(end)];
  };
  const joined: Points = { step: join("step") as number[], wall: join("wall"), active: join("active"), value: join("value") };
  if (series.buckets) Object.assign(joined, { min: join("min"), max: join("max") });
  const inside = (at: number): boolean => at >= first && at <= last;
  return { ...series, joined: finer.joined ?? 1, points: joined, special: [...series.special.filter(({ step: at }) => !inside(at)), ...finer.special] };
}

function firstAfter(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A sentence for a person who may zoom in: whether more is kept than is drawn. Empty: every value is drawn. */
export function depth(all: readonly Series[], zoomed: boolean): string {
  if (all.some(isJoined)) return zoomed ? "Zoom in for more." : "Zoom in for finer points.";
  const stride = Math.max(1, ...all.map((one) => one.stride ?? 1));
  if (stride > 1) return `The Run keeps every ${ordinal(stride)} value and the peaks: nothing finer is kept.`;
  return zoomed ? "Every value is drawn: nothing finer is kept." : "";
}

function ordinal(count: number): string {
  return count === 2 ? "2nd" : `${count}th`;
}

/** Where the times of the values come from. */
export function timesOf(all: readonly Series[]): string {
  const estimated = all.filter((one) => one.estimated !== 0);
  if (estimated.length === 0) return "Times show when values arrived.";
  const first = Math.max(...estimated.map((one) => one.estimated ?? Infinity));
  if (estimated.some((one) => (one.estimated ?? Infinity) >= (one.count ?? 0))) {
    return "Times are estimated: the Run does not say when values arrived.";
  }
  return `Times show when values arrived; those of the first ${first} values are estimated.`;
}
