import type { Range } from "./outliers";

/** The part of a chart that a person has zoomed into, as the address keeps it: `zoom.loss=10:20:step`. */
export function zoomKey(title: string): string {
  return `zoom.${title}`;
}

/** The part; null where there is none, where it is of another axis, or where the text is not one of ours. */
export function parseZoom(text: string | null, axis: string): Range | null {
  const [low = "", high = "", ...rest] = (text ?? "").split(":");
  if (rest.join(":") !== axis || low === "" || high === "") return null;
  const [from, to] = [Number(low), Number(high)];
  return Number.isFinite(from) && Number.isFinite(to) && from < to ? [from, to] : null;
}

/** Enough for a wall time to the millisecond. */
const DIGITS = 13;

export function zoomText(range: Range | null, axis: string): string | null {
  return range && `${range.map((one) => Number(one.toPrecision(DIGITS))).join(":")}:${axis}`;
}

/** The part where it shows any of these places; null: the chart would be empty. */
export function overlapping(range: Range | null, x: ArrayLike<number | null | undefined>): Range | null {
  const [first, last] = [x[0], x[x.length - 1]];
  if (!range || typeof first !== "number" || typeof last !== "number") return null;
  return range[0] <= last && range[1] >= first ? range : null;
}
