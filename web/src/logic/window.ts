/** The lines of a long list that are seen, with some more on both sides. All lines have the same height. */
export interface Window {
  first: number;
  last: number;
  before: number;
  after: number;
}

export function seen(count: number, height: number, scrolled: number, view: number, more = 6): Window {
  const first = Math.max(0, Math.min(count, Math.floor(scrolled / height) - more));
  const last = Math.min(count, Math.ceil((scrolled + view) / height) + more);
  return { first, last: Math.max(first, last), before: first * height, after: Math.max(0, count - Math.max(first, last)) * height };
}
