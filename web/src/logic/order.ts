import type { Row } from "../server/types";

export const COLUMNS = ["state", "title", "function", "project", "kind", "metric", "attempt", "duration", "created"] as const;
export type Column = (typeof COLUMNS)[number];

export interface Order {
  column: Column;
  descending: boolean;
}

export const NEWEST_FIRST: Order = { column: "created", descending: true };

/** Runs that need a look come first. */
const STATES = ["ERROR", "STOP", "RUNNING", "PENDING", "CREATED", "STOPPED", "COMPLETED"];

/** `created` or `-created`; anything else is the default. */
export function parseOrder(text: string | null): Order {
  const descending = text?.startsWith("-") ?? false;
  const column = COLUMNS.find((one) => one === text?.replace(/^-/, ""));
  return column ? { column, descending } : NEWEST_FIRST;
}

export function formatOrder(order: Order): string {
  return (order.descending ? "-" : "") + order.column;
}

/** A copy in order. Rows without a value come last in both directions; equal rows keep the newest first. */
export function ordered(rows: readonly Row[], order: Order, now: number): Row[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(row, order.column, now) }));
  const sign = order.descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) {
      if (a.key !== b.key) return a.key === null ? 1 : -1;
    } else if (a.key !== b.key) {
      return a.key < b.key ? -sign : sign;
    }
    if (a.row.created !== b.row.created) return a.row.created < b.row.created ? 1 : -1;
    return a.row.uid < b.row.uid ? -1 : 1;
  });
  return keyed.map((one) => one.row);
}

function keyOf(row: Row, column: Column, now: number): string | number | null {
  switch (column) {
    case "state": {
      const at = STATES.indexOf(row.state);
      return at < 0 ? STATES.length : at;
    }
    case "metric":
      return row.metric?.last ?? null;
    case "attempt":
      return row.attempt;
    case "duration":
      return duration(row, now);
    case "created":
      return row.created;
    default:
      return row[column]?.toLowerCase() ?? null;
  }
}

/** Milliseconds from the start to the end, or to now. */
export function duration(row: Row, now: number): number | null {
  if (!row.started) return null;
  return (row.ended ? Date.parse(row.ended) : now) - Date.parse(row.started);
}

export type Line =
  | { type: "row"; row: Row }
  | { type: "group"; name: string; count: number; states: Record<string, number> };

/** The lines of the list: rows, or, grouped, a heading for each function with its rows unless it is closed. */
export function lines(rows: readonly Row[], grouped: boolean, closed: ReadonlySet<string>): Line[] {
  if (!grouped) return rows.map((row) => ({ type: "row", row }));
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = row.function ?? "";
    const group = groups.get(name);
    if (group) group.push(row);
    else groups.set(name, [row]);
  }
  const found: Line[] = [];
  for (const [name, members] of groups) {
    const states: Record<string, number> = {};
    for (const row of members) states[row.state] = (states[row.state] ?? 0) + 1;
    found.push({ type: "group", name, count: members.length, states });
    if (!closed.has(name)) for (const row of members) found.push({ type: "row", row });
  }
  return found;
}
