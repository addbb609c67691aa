import { NO_ROWS, type Rows, onlyRows, withRows, withoutRows } from "../logic/rows";
import { type Page, setLink } from "../parts/page";
import { Store } from "../parts/store";
import { follow } from "./stream";
import { sentence } from "./client";
import type { Problem, Row } from "./types";

/** The Runs of one namespace (or of all), live. */
export class RunsSource {
  readonly rows = new Store<Rows>(NO_ROWS);
  readonly problem = new Store<string | null>(null);

  constructor(
    private readonly page: Page,
    readonly namespace: string,
  ) {}

  open(): () => void {
    const link = `runs ${this.namespace}`;
    let named: Set<string> | null = null;
    const close = follow(this.page.client, `api/runs/stream?namespace=${encodeURIComponent(this.namespace)}`, {
      onOpen: () => {
        named = new Set();
      },
      onLink: (online) => setLink(this.page, link, online),
      onRefused: (error) => this.problem.set(sentence(error)),
      onMessage: ({ event, data }) => {
        if (event === "rows") {
          const rows = JSON.parse(data) as Row[];
          for (const row of rows) named?.add(row.uid);
          this.rows.set(withRows(this.rows.value, rows));
          this.problem.set(null);
        } else if (event === "gone") {
          this.rows.set(withoutRows(this.rows.value, JSON.parse(data) as string[]));
        } else if (event === "synced" && named) {
          this.rows.set(onlyRows(this.rows.value, named));
          named = null;
        } else if (event === "problem") {
          this.problem.set((JSON.parse(data) as Problem).message);
        }
      },
    });
    return () => {
      close();
      setLink(this.page, link, true);
    };
  }
}
