/** Answers of the server. `docs/web.md` describes the calls. */

export type State = "CREATED" | "PENDING" | "RUNNING" | "STOP" | "STOPPED" | "COMPLETED" | "ERROR" | (string & {});

export interface MainMetric {
  name: string;
  last: number | null;
  spark: (number | null)[];
}

export interface Row {
  uid: string;
  namespace: string;
  name: string;
  title: string;
  project: string;
  kind: string;
  function: string | null;
  state: State;
  reason: string | null;
  message: string | null;
  created: string;
  started: string | null;
  ended: string | null;
  attempt: number;
  suspended: boolean;
  labels: Record<string, string>;
  metric: MainMetric | null;
  url: string | null;
  user: string | null;
}

export interface Phase {
  phase: string;
  from: string;
  to: string | null;
}

export interface Attempt {
  number: number;
  /** A phase, or completed, failed, interrupted, stopped, ended. */
  state: string;
  started: string | null;
  running: string | null;
  ended: string | null;
  exitCode: number | null;
  reason: string | null;
  message: string | null;
  pod: string | null;
  interruptedBy: string | null;
  phases: Phase[];
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  time?: string | null;
}

export interface RunEvent {
  time: string | null;
  type: string;
  reason: string;
  message: string;
  count: number;
}

export interface MetricHead {
  name: string;
  type: "series" | "single";
  count: number;
  last: number | null;
  min: number | null;
  max: number | null;
}

export type Verb = "stop" | "resume" | "delete" | "logs";

export interface Detail {
  row: Row;
  attempts: Attempt[];
  conditions: Condition[];
  events: RunEvent[];
  document: string;
  resolved: string | null;
  results: Record<string, unknown>;
  outputs: Record<string, unknown>;
  inputs: Record<string, unknown>;
  parameters: Record<string, unknown>;
  metrics: MetricHead[];
  service: { url: string; invoke: string } | null;
  /** null: the person may; else the right that is missing. */
  rights: Partial<Record<Verb, string | null>>;
  commands: Record<string, Record<string, string>>;
  /** Sentences about objects that could not be read, and why. */
  notes?: string[];
}

export interface Points {
  step: number[];
  /** Seconds since the epoch; null: not known. */
  wall: (number | null)[];
  active: (number | null)[];
  value: (number | null)[];
  min?: (number | null)[];
  max?: (number | null)[];
}

/** News of a stream about a metric: points behind those that are known, and the figures of all values. */
export interface News extends Omit<Points, "min" | "max"> {
  min?: number | null;
  max?: number | null;
  count?: number;
  special?: { step: number; value: string }[];
}

export interface AttemptSpan {
  number: number;
  fromStep: number | null;
  toStep: number | null;
  fromWall: number | null;
  toWall: number | null;
  fromActive?: number | null;
  toActive?: number | null;
}

export interface Series {
  name: string;
  points: Points;
  /** True: the server thinned the series; min and max hold every spike. */
  buckets: boolean;
  /** Values that were logged; steps between two that are kept. */
  count?: number;
  stride?: number;
  /** Kept values of one point: above 1, a part of the series can be read with finer points. */
  joined?: number;
  /** Values, from the first on, whose times nobody knows: they are spread evenly. */
  estimated?: number;
  attempts: AttemptSpan[];
  special: { step: number; value: string }[];
}

export interface Session {
  mode: "gateway" | "loopback";
  version: string;
  namespace: string | null;
  oidc: Oidc | null;
  /** Why nobody can sign in with the provider now, in a sentence; null: everybody can, or there is none. */
  oidcProblem?: string | null;
  user?: { name: string; groups: string[] };
}

export interface Oidc {
  issuer: string;
  clientId: string;
  authorizationEndpoint: string | null;
  tokenEndpoint: string | null;
  scopes: string[];
}

export interface MetricSummary {
  last: number | null;
  min: number | null;
  max: number | null;
}

export interface Comparison {
  runs: Row[];
  parameters: Record<string, (string | number | boolean | null)[]>;
  metrics: Record<string, (MetricSummary | null)[]>;
  parametersLeftOut?: number;
  /** Runs that were asked for and cannot be read, and why. */
  lost?: { run: string; message: string }[];
}

export interface Problem {
  reason: string;
  message: string;
  missing: string | null;
}
