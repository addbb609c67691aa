import type { Attempt, Row, Series } from "../src/server/types";

export function row(changes: Partial<Row> = {}): Row {
  return {
    uid: "u",
    namespace: "ns",
    name: "run-1",
    title: "train",
    project: "churn",
    kind: "python+job:run",
    function: "python://churn/train:1",
    state: "RUNNING",
    reason: null,
    message: null,
    created: "2026-01-01T00:00:00Z",
    started: null,
    ended: null,
    attempt: 1,
    suspended: false,
    labels: {},
    metric: null,
    url: null,
    user: null,
    ...changes,
  };
}

/** Two attempts of ten seconds each with a pause of a hundred between them, a point each second. */
export function paused(): Series {
  const step = [...Array(20).keys()];
  return {
    name: "loss",
    points: {
      step,
      wall: step.map((one) => 1000 + one + (one >= 10 ? 100 : 0)),
      active: step,
      value: step.map((one) => 20 - one),
    },
    buckets: false,
    attempts: [
      { number: 1, fromStep: 0, toStep: 9, fromWall: 1000, toWall: 1010 },
      { number: 2, fromStep: 10, toStep: 19, fromWall: 1110, toWall: null },
    ],
    special: [],
  };
}

export function attempt(number: number, phases: [string, number, number | null][]): Attempt {
  const time = (seconds: number): string => new Date(seconds * 1000).toISOString();
  return {
    number,
    state: "STOPPED",
    started: null,
    running: null,
    ended: null,
    exitCode: null,
    reason: null,
    message: null,
    pod: null,
    interruptedBy: null,
    phases: phases.map(([phase, from, to]) => ({ phase, from: time(from), to: to === null ? null : time(to) })),
  };
}

/** Numbers that look random and are the same each time. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
