import type { Span } from "../logic/finer_points";
import { Store } from "../parts/store";
import { type Client, sentence } from "./client";
import type { Series } from "./types";

export interface Curve {
  series: Series | null;
  /** Why there is none; null: it is on its way. */
  problem: string | null;
  /** How often it was read. */
  read: number;
}

/** Points of a curve; where more are kept, a part is read again when somebody zooms in. */
export const POINTS_OF_RUN = 4_000;
export const POINTS_OF_COMPARED = 1_500;

const AT_ONCE = 16;
const WAIT_FOR_MORE = 30;
const KEPT = 400;
const RENEWED_EVERY = 2_000;

/** The curves of one Run. They are read when a chart is seen, several with one call, and kept while there is room. */
export class MetricsSource {
  private readonly curves = new Map<string, Store<Curve>>();
  private wanted = new Set<string>();
  /** Curves that grew since they were read, and when they are read again. */
  private readonly grown = new Set<string>();
  private renewal: ReturnType<typeof setTimeout> | null = null;
  private readonly timed = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly closing = new AbortController();

  constructor(
    private readonly client: Client,
    private readonly namespace: string,
    private readonly name: string,
    private readonly points = POINTS_OF_RUN,
  ) {}

  curve(name: string): Store<Curve> {
    const known = this.curves.get(name);
    if (known) return known;
    if (this.curves.size >= KEPT) this.forgetOldest();
    const made = new Store<Curve>({ series: null, problem: null, read: 0 });
    this.curves.set(name, made);
    this.want(name);
    return made;
  }

  /** Changes a curve that is here; null: it has to be read again. */
  change(name: string, to: (series: Series) => Series | null): void {
    const curve = this.curves.get(name);
    if (!curve) return;
    const { series, read } = curve.value;
    const next = series ? to(series) : null;
    if (!next) {
      this.want(name);
      return;
    }
    if (next.estimated !== 0) this.grown.add(name);
    curve.set({ series: next, problem: null, read });
  }

  /**
   * Somebody looks at the curve by time. Estimated times shift as more values come: a curve that has some and grew is read
   * again, now and then.
   */
  lookByTime(name: string): () => void {
    this.timed.add(name);
    this.renewal ??= setInterval(() => this.renew(), RENEWED_EVERY);
    return () => {
      this.timed.delete(name);
      if (this.timed.size > 0 || this.renewal === null) return;
      clearInterval(this.renewal);
      this.renewal = null;
    };
  }

  /** A part of these curves, with points as fine as they are kept. */
  readFiner(names: readonly string[], span: Span, signal: AbortSignal): Promise<Series[]> {
    const both = AbortSignal.any([signal, this.closing.signal]);
    return this.client.metrics(this.namespace, this.name, names, { points: this.points, span, signal: both });
  }

  private renew(): void {
    for (const name of this.timed) {
      if (this.grown.delete(name)) this.want(name);
    }
  }

  /** Reads all that is here again: after a lost stream something may be missing. */
  refresh(): void {
    for (const name of this.curves.keys()) this.want(name);
  }

  close(): void {
    this.closing.abort();
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.renewal !== null) clearInterval(this.renewal);
  }

  private forgetOldest(): void {
    const [oldest] = this.curves.keys();
    if (oldest !== undefined) this.curves.delete(oldest);
  }

  private want(name: string): void {
    this.wanted.add(name);
    this.timer ??= setTimeout(() => void this.readWanted(), WAIT_FOR_MORE);
  }

  private async readWanted(): Promise<void> {
    while (this.wanted.size > 0 && !this.closing.signal.aborted) {
      const names = [...this.wanted].slice(0, AT_ONCE);
      for (const name of names) this.wanted.delete(name);
      await this.read(names);
    }
    this.timer = null;
  }

  private async read(names: string[]): Promise<void> {
    try {
      const found = await this.client.metrics(this.namespace, this.name, names, {
        points: this.points,
        signal: this.closing.signal,
      });
      for (const name of names) {
        const series = found.find((one) => one.name === name) ?? null;
        const curve = this.curves.get(name);
        const problem = series ? null : "The Run has no values of this metric.";
        curve?.set({ series, problem, read: curve.value.read + 1 });
      }
    } catch (error) {
      if (this.closing.signal.aborted) return;
      for (const name of names) {
        const curve = this.curves.get(name);
        if (curve && !curve.value.series) curve.set({ series: null, problem: sentence(error), read: curve.value.read });
      }
    }
  }
}
