import uPlot from "uplot";
import type { Series } from "../server/types";
import { type Axis, pausesAfter, sortedByX, xValues } from "./axes";
import { type Band, type Spread, SPREAD_WORDS, band } from "./bands";
import { type Range, shownRange } from "./outliers";
import { smooth } from "./smoothing";

/** How all charts of a view are drawn. */
export interface ChartOptions {
  axis: Axis;
  smoothing: number;
  logX: boolean;
  logY: boolean;
  clip: boolean;
  /** How lines of one group become one. */
  spread?: Spread;
}

/** A line as a view asks for it. */
export interface Line {
  label: string;
  colour: string;
  series: Series;
  /** The series whose values are x, where the axis is a metric. */
  other?: Series | undefined;
  /** Lines of one group become one line with a band around it. */
  group?: string;
  /** The number of its pattern of strokes; 0: none. */
  dash?: number;
}

/** A column as the chart draws it. */
export interface Column {
  label: string;
  colour: string;
  /**
   * main: the line that the legend names; raw: the pale line behind a smoothed one; edge: one edge of a band; values: not
   * drawn, the values of the line before it, which is drawn through its peaks.
   */
  role: "main" | "raw" | "edge" | "values";
  /** The number of its pattern of strokes; 0: none. */
  dash?: number;
}

export interface ChartData {
  x: number[];
  columns: Column[];
  y: (number | null | undefined)[][];
  /** How thinned lines show their peaks: by a band, by lines through the peaks, or, smoothed, not. */
  peaks: "band" | "line" | "hidden";
  /** Pairs of columns (greatest, least) with the colour between them. */
  bands: { high: number; low: number; colour: string }[];
  thinned: boolean;
  special: { x: number; value: string; colour: string }[];
  xRange: Range | null;
  yRange: Range | null;
}

interface Table {
  x: number[];
  columns: (Column & { y: (number | null)[] })[];
}

/** With more lines than this, bands and raw lines would hide each other. */
const MOST_BANDS = 10;

/** Everything that a chart draws, of lines that need not share their x. */
export function chartData(lines: readonly Line[], options: ChartOptions): ChartData {
  const grouped = lines.some((line) => line.group !== undefined);
  const way = grouped ? "group" : lines.length > MOST_BANDS ? "many" : "few";
  const tables = lines.map((line) => tableOf(line, options, way));
  const joined = joinTables(tables);
  const flat = tables.flatMap((table) => table.columns);
  const data: ChartData = {
    x: joined.x,
    columns: flat.map(({ y: _, ...column }) => column),
    y: joined.y,
    bands: [],
    thinned: lines.some((line) => line.series.buckets),
    peaks: way !== "many" ? "band" : options.smoothing > 0 ? "hidden" : "line",
    special: lines.flatMap((line) => special(line, options)),
    xRange: null,
    yRange: null,
  };
  const shown = grouped ? withBands(data, lines, options) : data;
  flatBands(shown);
  shown.xRange = shown.x.length ? [shown.x[0] as number, shown.x[shown.x.length - 1] as number] : null;
  shown.yRange = rangeOfColumns(shown, options.clip);
  return shown;
}

function tableOf(line: Line, options: ChartOptions, way: "few" | "many" | "group"): Table {
  const { points } = line.series;
  const raw = xValues(line.series, options.axis, line.other);
  const pauses = pausesAfter(line.series, options.axis);
  const { x, order } = sortedByX(options.logX ? raw.map((value) => (value !== null && value > 0 ? value : null)) : raw);
  const pick = (values: readonly (number | null)[]): (number | null)[] =>
    order.map((at) => {
      const value = values[at] ?? null;
      return options.logY && value !== null && value <= 0 ? null : value;
    });
  const value = pick(points.value);
  const columns: Table["columns"] = [];
  const { label, colour, dash } = line;
  const broken = withPauses(x, order, pauses);
  const add = (role: Column["role"], y: (number | null)[]): void => {
    columns.push({ label, colour, role, y: broken.pick(y), ...(dash ? { dash } : {}) });
  };
  const [max, min] = line.series.buckets && points.max && points.min ? [pick(points.max), pick(points.min)] : [null, null];
  if (way === "many" && max && min && !(options.smoothing > 0)) {
    add("main", throughPeaks(max, min));
    add("values", value);
    return { x: broken.x, columns };
  }
  if (way !== "many" && max && min) {
    add("edge", max);
    add("edge", min);
  }
  if (way === "few" && options.smoothing > 0) add("raw", value);
  add("main", smooth(value, options.smoothing));
  return { x: broken.x, columns };
}

/** One line through the greatest and the least value of each two neighbours: as many points, and no peak is lost. */
function throughPeaks(max: readonly (number | null)[], min: readonly (number | null)[]): (number | null)[] {
  const line: (number | null)[] = [];
  for (let at = 0; at < max.length; ) {
    // The last one of an odd number goes with the two before it.
    const next = at + (max.length - at === 3 ? 3 : 2);
    const values = (column: readonly (number | null)[]): number[] => column.slice(at, next).filter((one) => one !== null);
    const [high, low] = [values(max), values(min)];
    line.push(high.length ? Math.max(...high) : null);
    if (next - at > 1 && at + 1 < max.length) line.push(low.length ? Math.min(...low) : null);
    if (next - at > 2) line.push(max[next - 1] ?? null);
    at = next;
  }
  return line;
}

/** No line crosses a pause: an empty point goes between its begin and its end. */
function withPauses(x: number[], order: readonly number[], pauses: ReadonlySet<number>): { x: number[]; pick: (y: (number | null)[]) => (number | null)[] } {
  if (pauses.size === 0) return { x, pick: (y) => y };
  const places: number[] = [];
  const longer: number[] = [];
  order.forEach((at, place) => {
    const here = x[place] as number;
    const next = x[place + 1];
    places.push(place);
    longer.push(here);
    if (!pauses.has(at) || next === undefined) return;
    places.push(-1);
    longer.push((here + next) / 2);
  });
  return { x: longer, pick: (y) => places.map((place) => (place < 0 ? null : (y[place] ?? null))) };
}

/** uPlot needs one x for all columns. */
function joinTables(tables: readonly Table[]): { x: number[]; y: (number | null | undefined)[][] } {
  const first = tables[0];
  if (!first) return { x: [], y: [] };
  if (tables.every((table) => same(table.x, first.x))) {
    return { x: first.x, y: tables.flatMap((table) => table.columns.map((column) => column.y)) };
  }
  const joined = uPlot.join(tables.map((table) => [table.x, ...table.columns.map((column) => column.y)] as uPlot.AlignedData));
  return { x: joined[0] as number[], y: joined.slice(1) as (number | null | undefined)[][] };
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((value, at) => value === b[at]) && strictlyAscending(a));
}

function strictlyAscending(x: readonly number[]): boolean {
  return x.every((value, at) => at === 0 || value > (x[at - 1] as number));
}

interface Group {
  colour: string;
  dash: number;
  max: ChartData["y"];
  min: ChartData["y"];
  main: ChartData["y"];
}

/** Columns of one group become three: the upper and the lower edge of its band, and its middle. */
function withBands(data: ChartData, lines: readonly Line[], options: ChartOptions): ChartData {
  const groups = new Map<string, Group>();
  let at = 0;
  for (const line of lines) {
    const name = line.group ?? line.label;
    const group = groups.get(name) ?? { colour: line.colour, dash: line.dash ?? 0, max: [], min: [], main: [] };
    groups.set(name, group);
    const edges = data.columns[at]?.role === "edge";
    const main = data.y[at + (edges ? 2 : 0)] ?? [];
    group.max.push(edges ? (data.y[at] ?? []) : main);
    group.min.push(edges ? (data.y[at + 1] ?? []) : main);
    group.main.push(main);
    at += edges ? 3 : 1;
  }
  const spread = options.spread ?? "range";
  const columns: Column[] = [];
  const y: ChartData["y"] = [];
  for (const [name, { colour, dash, ...group }] of groups) {
    columns.push({ label: name, colour, role: "edge" }, { label: name, colour, role: "edge" });
    columns.push({ label: `${name} (${SPREAD_WORDS[spread].middle} of ${group.main.length})`, colour, role: "main", dash });
    const found = band(group, spread);
    y.push(found.high, options.logY ? above(found) : found.low, found.middle);
  }
  // The band of all values has the peaks of thinned lines in it, and another one has not.
  return { ...data, columns, y, peaks: spread === "range" || spread === "median" ? "band" : "hidden" };
}

/** A lower edge that a logarithmic axis cannot show goes down to the least value that it can. */
function above({ low, middle }: Band): (number | null)[] {
  const least = middle.reduce<number>((found, value) => (value !== null && value > 0 ? Math.min(found, value) : found), Infinity);
  return low.map((value) => (value === null || value > 0 ? value : Number.isFinite(least) ? least : null));
}

function flatBands(data: ChartData): void {
  data.columns.forEach((column, at) => {
    if (column.role === "edge" && data.columns[at + 1]?.role === "edge" && data.columns[at - 1]?.role !== "edge") {
      data.bands.push({ high: at, low: at + 1, colour: column.colour });
    }
  });
}

/** With a smoothed line the clipped range follows the raw one, so that nothing jumps when the slider moves. */
function rangeOfColumns(data: ChartData, clip: boolean): Range | null {
  const columns = data.y.filter((_, at) => data.columns[at]?.role !== "values" && (!clip || data.columns[at]?.role !== "edge"));
  return shownRange(columns, clip);
}

function special(line: Line, options: ChartOptions): ChartData["special"] {
  const x = xValues(line.series, options.axis, line.other);
  const places = new Map(line.series.points.step.map((step, at) => [step, at]));
  return line.series.special.flatMap(({ step, value }) => {
    const at = places.get(step);
    const place = at === undefined ? (options.axis === "step" ? step : null) : (x[at] ?? null);
    return place === null ? [] : [{ x: place, value, colour: line.colour }];
  });
}

/** Colours for light and dark ground; beyond ten, hues apart by the golden angle. */
const COLOURS = ["#4a80e0", "#e07b45", "#2fa374", "#d0528a", "#8b6be0", "#b9921f", "#22a3bb", "#d2544d", "#6f9136", "#8a7a6c"];

export function colourOf(at: number): string {
  return COLOURS[at] ?? `hsl(${Math.round((at * 137.5) % 360)} 55% 50%)`;
}
