import { useLayoutEffect, useState } from "preact/hooks";
import { type Window, seen } from "../logic/window";

/** The lines of a long list or grid that are seen in the nearest part of the page that scrolls. Only these are mounted. */
export function useVisibleLines(element: HTMLElement | null, count: number, height: number, more?: number): Window {
  const [shown, set] = useState<Window>(() => seen(count, height, 0, 900, more));
  useLayoutEffect(() => {
    const scroller = element?.closest<HTMLElement>("[data-scrolls]");
    if (!element || !scroller) return undefined;
    let waiting = 0;
    const look = (): void => {
      waiting = 0;
      const scrolled = scroller.getBoundingClientRect().top - element.getBoundingClientRect().top;
      const next = seen(count, height, scrolled, scroller.clientHeight, more);
      set((old) => (old.first === next.first && old.last === next.last && old.after === next.after ? old : next));
    };
    const later = (): void => {
      waiting ||= requestAnimationFrame(look);
    };
    look();
    scroller.addEventListener("scroll", later, { passive: true });
    const resized = new ResizeObserver(later);
    resized.observe(scroller);
    for (const child of scroller.children) resized.observe(child);
    return () => {
      cancelAnimationFrame(waiting);
      scroller.removeEventListener("scroll", later);
      resized.disconnect();
    };
  }, [element, count, height, more]);
  return shown;
}
