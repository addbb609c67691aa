import { useRef, useState } from "preact/hooks";

interface Roving {
  /** In small letters: browsers know no other spelling in SVG. */
  tabindex: number;
  "data-roving": number;
  onKeyDown: (event: KeyboardEvent) => void;
}

/** Many things of a picture are one stop of the Tab key; arrows go from one to the next, in the given order of places. */
export function useRoving(count: number, order?: readonly number[]): (at: number) => Roving {
  const [here, set] = useState(0);
  const places = useRef(order);
  places.current = order;
  const stop = order ? (order.includes(here) ? here : (order[0] ?? 0)) : Math.min(here, Math.max(0, count - 1));
  return (at) => ({
    tabindex: at === stop ? 0 : -1,
    "data-roving": at,
    onKeyDown: (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      const all = places.current ?? [...Array(count).keys()];
      const next = all[(all.indexOf(at) + by + all.length) % all.length] ?? at;
      set(next);
      const picture = (event.currentTarget as Element).closest("svg");
      picture?.querySelector<SVGElement>(`[data-roving="${next}"]`)?.focus();
    },
  });
}
