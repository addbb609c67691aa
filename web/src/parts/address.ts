/** Browsers ignore an address that follows too many others: Chromium takes 200 in ten seconds, and a slider makes more. */
const PAUSE = 150;

let last = -Infinity;
let waiting: ReturnType<typeof setTimeout> | undefined;

/** Writes the address of the view, without a new entry in the history; after the last one, if others came just before. */
export function writeAddress(hash: string): void {
  const there = location.hash;
  const write = (): void => {
    // Somebody may have gone to another view meanwhile.
    if (location.hash !== there) return;
    last = performance.now();
    history.replaceState(null, "", hash);
  };
  clearTimeout(waiting);
  const pause = last + PAUSE - performance.now();
  if (pause > 0) waiting = setTimeout(write, pause);
  else write();
}
