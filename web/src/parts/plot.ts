import uPlot from "uplot";
import type { Shade } from "../logic/axes";
import type { ChartData, ChartOptions, Column } from "../logic/chart_data";
import { moment, number, span } from "../logic/format";
import { dashOf } from "../logic/line_styles";
import type { Range } from "../logic/outliers";

/** A chart on its canvas: uPlot, with shaded attempts, marks of NaN and infinities, and panning. */

export interface PlotOptions extends ChartOptions {
  width: number;
  height: number;
  shades: readonly Shade[];
  /** Charts with the same key show the same step together. */
  link: string;
  /** Takes the place of the data under the pointer; null: none. */
  onPlace: (at: number | null) => void;
  /** Takes the part of x that is seen; null: all. */
  onRange: (range: Range | null) => void;
  /** The part of x that is seen at the beginning; null: all. */
  range: Range | null;
}

/** Thin lines are drawn several times faster. */
const MANY = 40;

export function makePlot(element: HTMLElement, data: ChartData, options: PlotOptions): uPlot {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const [ink, grid] = [colour("--muted"), colour("--line-soft")];
  const log = (on: boolean): Partial<uPlot.Scale> => (on ? { distr: 3, log: 10 } : { distr: 1 });
  const clipped = options.clip ? data.yRange : null;
  const made = new uPlot(
    {
      width: options.width,
      height: options.height,
      legend: { show: false },
      padding: [10, options.axis === "wall" ? 20 : 14, 0, 0],
      focus: { alpha: 1 },
      cursor: {
        sync: { key: options.link, scales: ["x", null] },
        points: { size: 6 },
        drag: { x: true, y: false, uni: 8 },
        y: false,
      },
      scales: {
        x: { time: options.axis === "wall", ...(options.axis === "wall" ? {} : log(options.logX)) },
        y: { ...log(options.logY), ...(clipped ? { range: padded(clipped, options.logY) } : {}) },
      },
      axes: [
        {
          stroke: ink,
          grid: { stroke: grid, width: 1 },
          ticks: { show: false },
          size: options.axis === "wall" ? 36 : 24,
          gap: 4,
          font: "11px system-ui, sans-serif",
          ...(isSpan(options) ? { incrs: SPANS, space: 72 } : {}),
          values: options.axis === "wall" ? CLOCK : (_: uPlot, places: number[]) => places.map((one) => xText(one, options)),
        },
        {
          stroke: ink,
          grid: { stroke: grid, width: 1 },
          ticks: { show: false },
          size: 52,
          gap: 4,
          font: "11px system-ui, sans-serif",
          values: (_: uPlot, places: number[]) => places.map((one) => (one === null ? "" : number(one))),
        },
      ],
      series: [{}, ...data.columns.map((column) => seriesOf(column, data.columns.length > MANY ? 1 : 1.5))],
      bands: data.bands.map(({ high, low, colour: fill }) => ({ series: [high + 1, low + 1], fill: faded(fill, 0.16) })),
      hooks: {
        drawClear: [(plot) => drawShades(plot, options.shades, colour("--shade"))],
        draw: [(plot) => drawNames(plot, options.shades, ink), (plot) => drawSpecial(plot, data)],
        setScale: [(plot, key) => key === "x" && options.onRange(partOf(plot))],
        setCursor: [(plot) => options.onPlace(plot.cursor.idx ?? null)],
      },
    },
    [data.x, ...data.y] as uPlot.AlignedData,
    element,
  );
  if (options.range) made.setScale("x", { min: options.range[0], max: options.range[1] });
  return made;
}

/** The part of x that is seen; null: all of it. */
export function partOf(plot: uPlot): Range | null {
  const { min, max } = plot.scales.x as { min?: number | null; max?: number | null };
  const x = plot.data[0];
  const [first, last] = [x[0], x[x.length - 1]];
  if (typeof min !== "number" || typeof max !== "number" || first === undefined || last === undefined) return null;
  return min > first || max < last ? [min, max] : null;
}

/** Steps of an axis of time that read well, in seconds. */
const SPANS = [
  ...[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30],
  ...[60, 3600].flatMap((unit) => [1, 2, 5, 10, 15, 20, 30].map((count) => count * unit)),
  ...[1, 2, 5, 10, 20, 50, 100].map((days) => days * 86400),
].sort((a, b) => a - b);

/** Times as everywhere on the page: from which step on, the text, and what is added where a year, a day or a minute begins. */
const DAY = "\n{YYYY}-{MM}-{DD}";
const CLOCK: uPlot.Axis.Values = [
  [365 * 86400, "{YYYY}", null, null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", DAY, null, DAY, null, null, null, 1],
  [0.001, ":{ss}.{fff}", `${DAY} {HH}:{mm}`, null, `${DAY} {HH}:{mm}`, null, "\n{HH}:{mm}", null, 1],
];

function isSpan({ axis, logX }: ChartOptions): boolean {
  return (axis === "relative" || axis === "active") && !logX;
}

export function xText(value: number | null, options: Pick<ChartOptions, "axis">): string {
  if (value === null) return "";
  if (options.axis === "relative" || options.axis === "active") return span(value * 1000);
  if (options.axis === "wall") return moment(new Date(value * 1000).toISOString());
  return number(value);
}

function seriesOf({ role, colour, dash = 0 }: Column, width: number): uPlot.Series {
  const base: uPlot.Series = { spanGaps: false, points: { show: false }, dash: [...dashOf(dash)] };
  if (role === "values") return { ...base, show: false };
  if (role === "edge") return { ...base, width: 0 };
  if (role === "raw") return { ...base, stroke: faded(colour, 0.3), width: 1 };
  return { ...base, stroke: colour, width, points: { show: alone, size: 5, fill: colour } };
}

/** Points are drawn where a line cannot be: between two gaps, and for a single value. */
function alone(plot: uPlot, at: number): boolean {
  const values = plot.data[at] ?? [];
  let count = 0;
  for (const value of values) if (typeof value === "number" && (count += 1) > 2) return false;
  return count > 0;
}

function padded([low, high]: readonly [number, number], log: boolean): [number, number] {
  if (log) return [low / 1.1, high * 1.1];
  const rim = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - rim, high + rim];
}

function faded(colour: string, part: number): string {
  if (colour.startsWith("hsl(")) return colour.replace(")", ` / ${part})`);
  return `${colour}${Math.round(part * 255).toString(16).padStart(2, "0")}`;
}

/** Every attempt is shaded, so that pauses are seen; where attempts follow each other, every other one is. */
function drawShades(plot: uPlot, shades: readonly Shade[], fill: string): void {
  if (shades.length < 2) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = fill;
  shades.forEach((shade, at) => {
    const [from, to] = within(plot, shade);
    if (at % 2 === 0 && to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
  });
  ctx.restore();
}

function drawNames(plot: uPlot, shades: readonly Shade[], ink: string): void {
  if (shades.length < 2) return;
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.font = `${10 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  ctx.fillStyle = ink;
  for (const shade of shades) {
    const [from, to] = within(plot, shade);
    if (to - from > 50 * ratio) ctx.fillText(shade.label, from + 2 * ratio, bbox.top);
  }
  ctx.restore();
}

/** Where the shade begins and ends on the canvas, as far as it is seen. */
function within(plot: uPlot, shade: Shade): [number, number] {
  const { left, width } = plot.bbox;
  const place = (x: number): number => Math.max(left, Math.min(left + width, plot.valToPos(x, "x", true)));
  const [from, to] = [place(shade.from), place(shade.to)];
  return Number.isFinite(from) && Number.isFinite(to) ? [from, to] : [left, left];
}

/** A cross at the upper edge for each NaN or infinity. */
function drawSpecial(plot: uPlot, data: ChartData): void {
  const { ctx, bbox } = plot;
  const size = 3.5 * uPlot.pxRatio;
  ctx.save();
  ctx.lineWidth = 1.5 * uPlot.pxRatio;
  let last = -Infinity;
  for (const { x, colour } of data.special) {
    const at = plot.valToPos(x, "x", true);
    if (Math.abs(at - last) < size * 3) continue;
    last = at;
    if (!(at >= bbox.left && at <= bbox.left + bbox.width)) continue;
    const y = bbox.top + size * 2;
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(at - size, y - size);
    ctx.lineTo(at + size, y + size);
    ctx.moveTo(at + size, y - size);
    ctx.lineTo(at - size, y + size);
    ctx.stroke();
  }
  ctx.restore();
}

/** Moves what is shown by a part of its width; zooms by a factor around a part of it. */
export function pan(plot: uPlot, part: number): void {
  const { min, max } = plot.scales.x as { min?: number; max?: number };
  if (min === undefined || max === undefined || min === null || max === null) return;
  if (plot.scales.x?.distr === 3) {
    const factor = (max / min) ** part;
    plot.setScale("x", { min: min * factor, max: max * factor });
    return;
  }
  const way = (max - min) * part;
  plot.setScale("x", { min: min + way, max: max + way });
}

export function zoom(plot: uPlot, factor: number, around = 0.5): void {
  const { min, max } = plot.scales.x as { min?: number; max?: number };
  if (min === undefined || max === undefined || min === null || max === null) return;
  if (plot.scales.x?.distr === 3) {
    const [low, high] = [Math.log(min), Math.log(max)];
    const middle = low + (high - low) * around;
    plot.setScale("x", { min: Math.exp(middle - (middle - low) * factor), max: Math.exp(middle + (high - middle) * factor) });
    return;
  }
  const middle = min + (max - min) * around;
  plot.setScale("x", { min: middle - (middle - min) * factor, max: middle + (max - middle) * factor });
}

export function showAll(plot: uPlot): void {
  const x = plot.data[0];
  if (x.length) plot.setScale("x", { min: x[0] as number, max: x[x.length - 1] as number });
}
