import { useEffect, useState } from "preact/hooks";

/** A value that views look at. */
export class Store<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const listener of [...this.listeners]) listener();
  }

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, again] = useState(0);
  const shown = store.value;
  useEffect(() => {
    const stop = store.listen(() => again((count) => count + 1));
    // It may have changed between what was drawn and now.
    if (!Object.is(shown, store.value)) again((count) => count + 1);
    return stop;
  }, [store]);
  return shown;
}

/** The time, renewed every `period` milliseconds while a view shows it. */
export function useNow(period: number): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), period);
    return () => clearInterval(timer);
  }, [period]);
  return now;
}

/** The width and height of an element, as they change. */
export function useSize(element: HTMLElement | null): { width: number; height: number } {
  const [size, set] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!element) return undefined;
    const watch = new ResizeObserver(() => {
      const next = { width: element.clientWidth, height: element.clientHeight };
      set((old) => (old.width === next.width && old.height === next.height ? old : next));
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [element]);
  return size;
}

export function useMedia(query: string): boolean {
  const [matches, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const changed = (): void => set(list.matches);
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  }, [query]);
  return matches;
}
