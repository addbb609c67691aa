import type { Row } from "../server/types";
import { queryTest } from "./query";

/** The conditions of the person; an empty string means none. */
export interface Wanted {
  text: string;
  project: string;
  kind: string;
  state: string;
  /** `key` or `key=value`; several, apart by commas, all hold. */
  label: string;
}

/** All conditions of the text hold (see `query.ts`), and those of the menus. */
export function matcher(wanted: Wanted, now: number): (row: Row) => boolean {
  const asked = queryTest(wanted.text, now);
  const labels = wanted.label.split(",").map((one) => one.trim()).filter(Boolean).map(labelTest);
  return (row) => {
    if (wanted.project && row.project !== wanted.project) return false;
    if (wanted.kind && row.kind !== wanted.kind) return false;
    if (wanted.state && row.state !== wanted.state) return false;
    return labels.every((test) => test(row.labels)) && asked(row);
  };
}

function labelTest(condition: string): (labels: Record<string, string>) => boolean {
  const at = condition.indexOf("=");
  if (at < 0) return (labels) => Object.hasOwn(labels, condition);
  const [key, value] = [condition.slice(0, at), condition.slice(at + 1)];
  return (labels) => Object.hasOwn(labels, key) && labels[key] === value;
}

/** Entries of a menu, at most: beyond that number a person writes the text. */
const MOST_CHOICES = 300;

/** The values that a column has, each once, in order; for the menus of the filter. */
export function choices(rows: Iterable<Row>, of: (row: Row) => string | null): string[] {
  const found = new Set<string>();
  for (const row of rows) {
    const value = of(row);
    if (value) found.add(value);
  }
  return [...found].sort().slice(0, MOST_CHOICES);
}
