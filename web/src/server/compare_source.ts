import { Store } from "../parts/store";
import { type Client, sentence } from "./client";
import { type Curve, MetricsSource, POINTS_OF_COMPARED } from "./metrics_source";
import type { Comparison } from "./types";

/** Several Runs side by side. It is read again while somebody looks, for some may be running. */
export class CompareSource {
  readonly comparison = new Store<Comparison | null>(null);
  readonly problem = new Store<string | null>(null);
  private readonly sources: MetricsSource[];

  constructor(
    private readonly client: Client,
    readonly runs: readonly string[],
  ) {
    this.sources = runs.map((run) => {
      const [namespace = "", name = ""] = run.split("/");
      return new MetricsSource(client, namespace, name, POINTS_OF_COMPARED);
    });
  }

  source(at: number): MetricsSource | null {
    return this.sources[at] ?? null;
  }

  curve(at: number, metric: string): Store<Curve> | null {
    return this.sources[at]?.curve(metric) ?? null;
  }

  /** Reads now, and every `period` milliseconds while a Run is not final. */
  open(period: number): () => void {
    const closing = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async (): Promise<void> => {
      try {
        const found = await this.client.compare(this.runs, closing.signal);
        const grown = this.comparison.value !== null;
        this.comparison.set(found);
        this.problem.set(null);
        if (grown) found.runs.forEach((row, at) => row.state === "RUNNING" && this.sources[at]?.refresh());
      } catch (error) {
        if (closing.signal.aborted) return;
        this.problem.set(sentence(error));
      }
      const ended = this.comparison.value?.runs.every((row) => row.state === "COMPLETED" || row.state === "ERROR");
      if (!closing.signal.aborted && !(ended && this.problem.value === null)) timer = setTimeout(() => void read(), period);
    };
    void read();
    return () => {
      closing.abort();
      clearTimeout(timer);
      for (const source of this.sources) source.close();
    };
  }
}
