import type { Attempt } from "../server/types";

/** A part of the picture of attempts, from 0 (left) to 1 (right). */
export interface Segment {
  phase: string;
  from: number;
  to: number;
  milliseconds: number;
}

export interface Lane {
  attempt: Attempt;
  segments: Segment[];
}

/** Pauses between attempts take at most this part of the picture each, so that a night does not hide the day. */
const LONGEST_PAUSE = 0.06;

/** Where each phase of each attempt is drawn. `pauses` are the shortened ones, as places from 0 to 1. */
export function lanes(attempts: readonly Attempt[], now: number): { lanes: Lane[]; pauses: [number, number][] } {
  const spans = attempts.map((attempt) => phases(attempt, now));
  const busy = merged(spans.flat().map((one) => [one.from, one.to]));
  const total = busy.reduce((sum, [from, to]) => sum + (to - from), 0) || 1;
  const scale: { from: number; to: number; left: number; right: number }[] = [];
  const pauses: [number, number][] = [];
  let left = 0;
  busy.forEach(([from, to], at) => {
    const before = busy[at - 1];
    if (before) {
      const pause = Math.min((from - before[1]) / total, LONGEST_PAUSE);
      pauses.push([left, left + pause]);
      left += pause;
    }
    const right = left + (to - from) / total;
    scale.push({ from, to, left, right });
    left = right;
  });
  const whole = left || 1;
  const place = (time: number): number => {
    const part = scale.find((one) => time <= one.to) ?? scale[scale.length - 1];
    if (!part) return 0;
    const share = (Math.max(time, part.from) - part.from) / (part.to - part.from || 1);
    return (part.left + Math.min(1, share) * (part.right - part.left)) / whole;
  };
  return {
    lanes: attempts.map((attempt, at) => ({
      attempt,
      segments: (spans[at] ?? []).map((one) => ({
        phase: one.phase,
        from: place(one.from),
        to: place(one.to),
        milliseconds: one.to - one.from,
      })),
    })),
    pauses: pauses.map(([from, to]) => [from / whole, to / whole]),
  };
}

interface Span {
  phase: string;
  from: number;
  to: number;
}

/** An attempt is not drawn while it is stopped: that is the pause before the next one. */
function phases(attempt: Attempt, now: number): Span[] {
  return attempt.phases
    .filter((phase) => phase.phase !== "stopped")
    .map((phase) => {
      const from = Date.parse(phase.from);
      return { phase: phase.phase, from, to: Math.max(from, phase.to ? Date.parse(phase.to) : now) };
    })
    .filter((span) => Number.isFinite(span.from) && Number.isFinite(span.to));
}

function merged(spans: [number, number][]): [number, number][] {
  const found: [number, number][] = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = found[found.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}
