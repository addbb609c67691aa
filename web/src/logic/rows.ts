import type { Row } from "../server/types";

/** The Runs that the stream named, by uid. A change makes a new object, so that views see it. */
export interface Rows {
  readonly byUid: ReadonlyMap<string, Row>;
  readonly synced: boolean;
}

export const NO_ROWS: Rows = { byUid: new Map(), synced: false };

export function withRows(rows: Rows, news: readonly Row[]): Rows {
  const byUid = new Map(rows.byUid);
  for (const row of news) byUid.set(row.uid, row);
  return { ...rows, byUid };
}

export function withoutRows(rows: Rows, uids: readonly string[]): Rows {
  const byUid = new Map(rows.byUid);
  for (const uid of uids) byUid.delete(uid);
  return { ...rows, byUid };
}

/** The Runs that a new stream named: once it has named all, the others are gone. */
export function onlyRows(rows: Rows, named: ReadonlySet<string>): Rows {
  const byUid = new Map([...rows.byUid].filter(([uid]) => named.has(uid)));
  return { byUid, synced: true };
}
