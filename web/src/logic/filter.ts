import type { Row } from "../server/types";

/** What the person asked to see; an empty string is no condition. */
export interface Wanted {
  text: string;
  project: string;
  kind: string;
  state: string;
  /** `key` or `key=value`; several, apart by commas, all hold. */
  label: string;
}

/** Each word of the text has to be in the row; a word after `-` must not be. */
export function matcher(wanted: Wanted): (row: Row) => boolean {
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const refused = words.filter((word) => word.length > 1 && word.startsWith("-")).map((word) => word.slice(1));
  const asked = words.filter((word) => !(word.length > 1 && word.startsWith("-")));
  const labels = wanted.label.split(",").map((one) => one.trim()).filter(Boolean).map(labelTest);
  return (row) => {
    if (wanted.project && row.project !== wanted.project) return false;
    if (wanted.kind && row.kind !== wanted.kind) return false;
    if (wanted.state && row.state !== wanted.state) return false;
    if (!labels.every((test) => test(row.labels))) return false;
    if (words.length === 0) return true;
    const text = searchable(row);
    return asked.every((word) => text.includes(word)) && !refused.some((word) => text.includes(word));
  };
}

function labelTest(condition: string): (labels: Record<string, string>) => boolean {
  const at = condition.indexOf("=");
  if (at < 0) return (labels) => Object.hasOwn(labels, condition);
  const [key, value] = [condition.slice(0, at), condition.slice(at + 1)];
  return (labels) => Object.hasOwn(labels, key) && labels[key] === value;
}

function searchable(row: Row): string {
  const labels = Object.entries(row.labels).map(([key, value]) => `${key}=${value}`);
  const parts = [row.title, row.name, row.namespace, row.project, row.kind, row.function, row.state, row.reason];
  return [...parts, row.message, row.user, ...labels].filter(Boolean).join("\n").toLowerCase();
}

/** The values that a column has, each once, in order; for the menus of the filter. */
export function choices(rows: Iterable<Row>, of: (row: Row) => string | null): string[] {
  const found = new Set<string>();
  for (const row of rows) {
    const value = of(row);
    if (value) found.add(value);
  }
  return [...found].sort();
}
