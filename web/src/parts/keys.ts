import { useLayoutEffect, useRef } from "preact/hooks";

/** Single keys do something while no text is being written and no dialog is open. */
export function useKeys(keys: Record<string, () => void>): void {
  const now = useRef(keys);
  now.current = keys;
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target;
      if (target instanceof HTMLElement && target.closest("input:not([type=checkbox]), textarea, select, dialog, .plot")) return;
      if (document.querySelector("dialog[open]")) return;
      const act = now.current[event.key];
      if (!act || !Object.hasOwn(now.current, event.key)) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

export const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["?", "show this list"],
  ["/", "write a filter; Enter goes to the Runs"],
  ["j k or ↓ ↑", "next and previous Run of the list"],
  ["Enter", "open the Run"],
  ["x", "select the Run for a comparison, open or close a group"],
  ["c", "compare the selected Runs"],
  ["g", "back to the list"],
  ["1 2 3 4", "overview, charts, log, document of a Run"],
  ["In a chart: ← → + − 0", "move, zoom, show all; also Shift and drag, Ctrl and the wheel, drag to select"],
  ["Tab, then ← → ↑ ↓", "in parallel coordinates and scatter: from Run to Run; on an axis ↑ ↓ + − draw a range, Delete removes it"],
  ["Esc", "close a dialog"],
];
