import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Range } from "../logic/outliers";
import { parseZoom, zoomKey, zoomText } from "../logic/zoomed";
import { type Page, refine } from "../parts/page";

/** A person who still moves has not found the place. */
const PAUSE = 300;

export interface Zoom {
  /** The part that the address asks for. */
  zoom: Range | null;
  /** Takes what the person looks at. */
  onRange: (range: Range | null) => void;
}

/** Keeps in the address which part of a chart is seen, so that a link shows the same; `look` hears each change at once. */
export function useZoom(page: Page, query: URLSearchParams, title: string, axis: string, look: (range: Range | null) => void): Zoom {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const text = query.get(zoomKey(title));
  const zoom = useMemo(() => parseZoom(text, axis), [text, axis]);
  // The chart tells changes only.
  useEffect(() => {
    if (zoom) look(zoom);
  }, []);
  const onRange = (range: Range | null): void => {
    look(range);
    clearTimeout(timer.current);
    const next = zoomText(range, axis);
    timer.current = setTimeout(() => {
      if (page.place.value.query.get(zoomKey(title)) !== next) refine(page, { [zoomKey(title)]: next });
    }, PAUSE);
  };
  return { zoom, onRange };
}
