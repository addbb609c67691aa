/** The mean and the least and greatest value at each x of several lines, for a group of Runs. */
export interface Band {
  mean: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
}

/** Lines that share one x. Where a line has no value there, the last one before holds, from its first to its last point. */
export function band(lines: readonly (readonly (number | null | undefined)[])[]): Band {
  const filled = lines.map(carried);
  const length = Math.max(0, ...lines.map((line) => line.length));
  const found: Band = { mean: [], min: [], max: [] };
  for (let at = 0; at < length; at += 1) {
    let [count, sum, min, max] = [0, 0, Infinity, -Infinity];
    for (const line of filled) {
      const value = line[at];
      if (value === null || value === undefined) continue;
      count += 1;
      sum += value;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    found.mean.push(count ? sum / count : null);
    found.min.push(count ? min : null);
    found.max.push(count ? max : null);
  }
  return found;
}

function carried(line: readonly (number | null | undefined)[]): (number | null)[] {
  let last = line.length - 1;
  while (last >= 0 && (line[last] === null || line[last] === undefined)) last -= 1;
  let held: number | null = null;
  return line.map((value, at) => {
    if (value !== null && value !== undefined) held = value;
    return at <= last ? held : null;
  });
}
