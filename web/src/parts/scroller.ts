import { useLayoutEffect, useState } from "preact/hooks";

/** For an element that may be longer than its place: where it scrolls, it is a stop of the Tab key, so that keys can scroll it. */
export function useScroller(): (element: HTMLElement | null) => void {
  const [element, set] = useState<HTMLElement | null>(null);
  useLayoutEffect(() => {
    if (!element) return undefined;
    const look = (): void => {
      if (element.scrollHeight > element.clientHeight + 1) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    };
    look();
    const resized = new ResizeObserver(look);
    resized.observe(element);
    for (const child of element.children) resized.observe(child);
    return () => resized.disconnect();
  });
  return set;
}
