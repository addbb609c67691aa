import { Store } from "../parts/store";
import { type Client, sentence } from "./client";
import { type Curve, MetricsSource, POINTS_OF_COMPARED } from "./metrics_source";
import type { Comparison, Row } from "./types";

/** Several Runs side by side. It is read again while somebody looks, for some may be running. */
export class CompareSource {
  readonly comparison = new Store<Comparison | null>(null);
  readonly problem = new Store<string | null>(null);
  private readonly sources: ReadonlyMap<string, MetricsSource>;

  constructor(
    private readonly client: Client,
    readonly runs: readonly string[],
  ) {
    const made = (run: string): MetricsSource => {
      const [namespace = "", name = ""] = run.split("/");
      return new MetricsSource(client, namespace, name, POINTS_OF_COMPARED);
    };
    this.sources = new Map(runs.map((run) => [run, made(run)]));
  }

  source(row: Row | undefined): MetricsSource | null {
    return (row && this.sources.get(`${row.namespace}/${row.name}`)) ?? null;
  }

  curve(row: Row | undefined, metric: string): Store<Curve> | null {
    return this.source(row)?.curve(metric) ?? null;
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
        if (grown) for (const row of found.runs) if (row.state === "RUNNING") this.source(row)?.refresh();
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
      for (const source of this.sources.values()) source.close();
    };
  }
}
