import { useEffect, useState } from "preact/hooks";
import type { Axis } from "../logic/axes";
import { isJoined, spanOf, spliced } from "../logic/finer_points";
import type { Range } from "../logic/outliers";
import type { MetricsSource } from "../server/metrics_source";
import type { Series } from "../server/types";

/** Milliseconds for which a part of the chart is in view before it is read again: who moves on needs no finer points. */
const IN_VIEW = 200;

/** Where the curve of one line of a chart comes from. */
export interface Origin {
  source: MetricsSource;
  name: string;
  /** The metric along x, where it is one. */
  other: string | null;
}

export interface FinerPoints {
  /** Takes what the person looks at. */
  look: (range: Range | null) => void;
  /** The series of the origin at this place, finer where the person looks. */
  of: (at: number, name: string, series: Series) => Series;
  /** Another object when another part was read. */
  found: object;
}

/** Reads the part of the curves that a person has zoomed into with finer points, where more is kept than is drawn. */
export function useFinerPoints(origins: readonly Origin[], axis: Axis): FinerPoints {
  const [range, look] = useState<Range | null>(null);
  const [found, setFound] = useState<ReadonlyMap<string, Series>>(new Map());
  const reads = origins.map(({ source, name }) => source.curve(name).value.read).join();
  useEffect(() => {
    if (!range) {
      setFound((old) => (old.size ? new Map<string, Series>() : old));
      return undefined;
    }
    const closing = new AbortController();
    const timer = setTimeout(() => void readAll(origins, axis, range, closing.signal, setFound), IN_VIEW);
    return () => {
      clearTimeout(timer);
      closing.abort();
    };
  }, [range, axis, reads]);
  const of = (at: number, name: string, series: Series): Series => spliced(series, found.get(`${at} ${name}`));
  return { look, of, found };
}

async function readAll(
  origins: readonly Origin[],
  axis: Axis,
  range: Range,
  signal: AbortSignal,
  set: (found: ReadonlyMap<string, Series>) => void,
): Promise<void> {
  const found = new Map<string, Series>();
  const read = async ({ source, name, other }: Origin, at: number): Promise<void> => {
    const series = source.curve(name).value.series;
    const along = other === null ? undefined : (source.curve(other).value.series ?? undefined);
    const span = series && isJoined(series) ? spanOf(series, axis, range, along) : null;
    if (!span) return;
    const names = other === null || other === name ? [name] : [name, other];
    for (const one of await source.readFiner(names, span, signal)) found.set(`${at} ${one.name}`, one);
  };
  // Curves that cannot be read stay as they are: the chart says that there is more.
  await Promise.allSettled(origins.map(read));
  if (!signal.aborted) set(found);
}
