import { between } from "./scale";

export type Range = [low: number, high: number];

/** The range that shows all values, or, clipped, all but the far ones on both sides. Null: there is no value. */
export function shownRange(columns: readonly (readonly (number | null | undefined)[])[], clip: boolean): Range | null {
  const values: number[] = [];
  for (const column of columns) for (const value of column) if (typeof value === "number") values.push(value);
  if (values.length === 0) return null;
  values.sort((a, b) => a - b);
  const all: Range = [values[0] as number, values[values.length - 1] as number];
  if (!clip || values.length < 8) return all;
  // Far is more than three times the distance between the quartiles beyond them.
  const low = quantile(values, 0.25);
  const high = quantile(values, 0.75);
  const reach = 3 * (high - low);
  if (reach === 0) return [quantile(values, 0.02), quantile(values, 0.98)];
  const inside = values.filter((value) => value >= low - reach && value <= high + reach);
  return [inside[0] as number, inside[inside.length - 1] as number];
}

export function quantile(ascending: readonly number[], part: number): number {
  const at = (ascending.length - 1) * part;
  const below = ascending[Math.floor(at)] as number;
  const above = ascending[Math.ceil(at)] as number;
  return between(below, above, at - Math.floor(at));
}
