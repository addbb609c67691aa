import { grown } from "../logic/new_points";
import { type Page, setLink } from "../parts/page";
import { Store } from "../parts/store";
import { sentence, runPath } from "./client";
import { MetricsSource } from "./metrics_source";
import { follow } from "./stream";
import type { Detail, News, Problem, Verb } from "./types";

/** One Run, live: its detail, and the curves that somebody looks at. */
export class RunSource {
  readonly detail = new Store<Detail | null>(null);
  readonly problem = new Store<string | null>(null);
  readonly gone = new Store(false);
  readonly metrics: MetricsSource;

  constructor(
    private readonly page: Page,
    readonly namespace: string,
    readonly name: string,
  ) {
    this.metrics = new MetricsSource(page.client, namespace, name);
  }

  open(): () => void {
    const link = `run ${this.namespace}/${this.name}`;
    const close = follow(this.page.client, `${runPath(this.namespace, this.name)}/stream`, {
      onOpen: () => this.metrics.refresh(),
      onLink: (online) => setLink(this.page, link, online),
      onRefused: (error) => {
        if (error.status === 404 && this.detail.value) this.gone.set(true);
        else this.problem.set(sentence(error));
      },
      onMessage: ({ event, data }) => this.take(event, data),
    });
    return () => {
      close();
      this.metrics.close();
      setLink(this.page, link, true);
    };
  }

  /** The server refused what was thought to be allowed: a right was taken away since. */
  lose(verb: Verb, missing: string): void {
    const detail = this.detail.value;
    if (detail) this.detail.set({ ...detail, rights: { ...detail.rights, [verb]: missing } });
  }

  private take(event: string, data: string): void {
    if (event === "detail") {
      this.detail.set(JSON.parse(data) as Detail);
      this.problem.set(null);
      this.gone.set(false);
    } else if (event === "metrics") {
      for (const [name, points] of Object.entries(JSON.parse(data) as Record<string, News | null>)) {
        this.metrics.change(name, (series) => (points === null ? null : grown(series, points)));
      }
    } else if (event === "gone") {
      this.gone.set(true);
    } else if (event === "problem") {
      this.problem.set((JSON.parse(data) as Problem).message);
    }
  }
}
