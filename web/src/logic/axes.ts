import type { AttemptSpan, Series } from "../server/types";

/** The horizontal axis of a chart: one of these, or `metric:NAME`. */
export type Axis = "step" | "relative" | "wall" | "active" | `metric:${string}`;

export interface Shade {
  from: number;
  to: number;
  label: string;
}

export function parseAxis(text: string | null): Axis {
  if (text === "relative" || text === "wall" || text === "active") return text;
  return text?.startsWith("metric:") && text.length > 7 ? (text as Axis) : "step";
}

export function isTime(axis: Axis): boolean {
  return axis === "relative" || axis === "wall" || axis === "active";
}

/** The x values of a series. `other` is the series whose values are x, matched by step. */
export function xValues(series: Series, axis: Axis, other?: Series): (number | null)[] {
  const { step, wall, active } = series.points;
  if (axis === "step") return step;
  if (axis === "wall") return wall;
  if (axis === "active") return active;
  if (axis === "relative") {
    const start = series.attempts[0]?.fromWall ?? wall[0] ?? 0;
    return wall.map((time) => (time === null ? null : time - start));
  }
  if (!other) return step.map(() => null);
  const byStep = new Map(other.points.step.map((one, at) => [one, other.points.value[at] ?? null]));
  return step.map((one) => byStep.get(one) ?? null);
}

/**
 * x and y sorted by x, without points that have no x. uPlot needs x in order; a metric as x may go back and
 * forth. `order` says where each point was.
 */
export function sortedByX(x: readonly (number | null)[]): { x: number[]; order: number[] } {
  const order: number[] = [];
  let ascending = true;
  let last = -Infinity;
  x.forEach((value, at) => {
    if (value === null || !Number.isFinite(value)) return;
    if (value < last) ascending = false;
    last = value;
    order.push(at);
  });
  if (!ascending) order.sort((a, b) => (x[a] as number) - (x[b] as number) || a - b);
  return { x: order.map((at) => x[at] as number), order };
}

/** Places of the last points of attempts that a pause follows, on the axes on which pauses take room. */
export function pausesAfter(series: Series, axis: Axis): Set<number> {
  const found = new Set<number>();
  if (axis !== "wall" && axis !== "relative") return found;
  const { wall } = series.points;
  let at = 0;
  for (const attempt of series.attempts.slice(1)) {
    const from = attempt.fromWall;
    if (from === null) continue;
    while (at < wall.length && (wall[at] ?? 0) < from) at += 1;
    if (at > 0 && at < wall.length) found.add(at - 1);
  }
  return found;
}

/** The part of the axis that each attempt takes. */
export function shades(series: Series, axis: Axis): Shade[] {
  if (axis.startsWith("metric:")) return [];
  const found: Shade[] = [];
  for (const attempt of series.attempts) {
    const range = rangeOf(series, attempt, axis);
    if (range) found.push({ from: range[0], to: range[1], label: `attempt ${attempt.number}` });
  }
  return found;
}

function rangeOf(series: Series, attempt: AttemptSpan, axis: Axis): [number, number] | null {
  const { step, wall } = series.points;
  if (axis === "step") {
    const from = attempt.fromStep ?? null;
    if (from === null) return null;
    return [from, attempt.toStep ?? step[step.length - 1] ?? from];
  }
  const from = attempt.fromWall;
  if (from === null) return null;
  const to = attempt.toWall ?? Math.max(from, wall[wall.length - 1] ?? from);
  if (axis === "wall") return [from, to];
  const start = series.attempts[0]?.fromWall ?? from;
  if (axis === "relative") return [from - start, to - start];
  const before = attempt.fromActive ?? activeBefore(series.attempts, attempt, to);
  return [before, attempt.toActive ?? before + (to - from)];
}

/** Seconds that earlier attempts ran: what lies between attempts is a pause and does not count. */
function activeBefore(attempts: readonly AttemptSpan[], attempt: AttemptSpan, now: number): number {
  let sum = 0;
  for (const one of attempts) {
    if (one.number >= attempt.number || one.fromWall === null) continue;
    sum += Math.max(0, (one.toWall ?? now) - one.fromWall);
  }
  return sum;
}
