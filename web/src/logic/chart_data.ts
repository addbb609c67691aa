import uPlot from "uplot";
import type { Series } from "../server/types";
import { type Axis, pausesAfter, sortedByX, xValues } from "./axes";
import { band } from "./bands";
import { type Range, shownRange } from "./outliers";
import { smooth } from "./smoothing";

/** How all charts of a view are drawn. */
export interface ChartOptions {
  axis: Axis;
  smoothing: number;
  logX: boolean;
  logY: boolean;
  clip: boolean;
}

/** A line as a view asks for it. */
export interface Line {
  label: string;
  colour: string;
  series: Series;
  /** The series whose values are x, where the axis is a metric. */
  other?: Series | undefined;
  /** Lines of one group become their mean with a band around it. */
  group?: string;
}

/** A column as the chart draws it. */
export interface Column {
  label: string;
  colour: string;
  /** main: what the legend names; raw: the pale line behind a smoothed one; edge: of a band. */
  role: "main" | "raw" | "edge";
}

export interface ChartData {
  x: number[];
  columns: Column[];
  y: (number | null | undefined)[][];
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

/** Everything that a chart draws, of lines that need not share their x. */
export function chartData(lines: readonly Line[], options: ChartOptions): ChartData {
  const grouped = lines.some((line) => line.group !== undefined);
  const tables = lines.map((line) => tableOf(line, options, grouped));
  const joined = joinTables(tables);
  const flat = tables.flatMap((table) => table.columns);
  const data: ChartData = {
    x: joined.x,
    columns: flat.map(({ label, colour, role }) => ({ label, colour, role })),
    y: joined.y,
    bands: [],
    thinned: lines.some((line) => line.series.buckets),
    special: lines.flatMap((line) => special(line, options)),
    xRange: null,
    yRange: null,
  };
  const shown = grouped ? withBands(data, lines) : data;
  flatBands(shown);
  shown.xRange = shown.x.length ? [shown.x[0] as number, shown.x[shown.x.length - 1] as number] : null;
  shown.yRange = rangeOfColumns(shown, options.clip);
  return shown;
}

function tableOf(line: Line, options: ChartOptions, alone: boolean): Table {
  const { points, buckets } = line.series;
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
  const { label, colour } = line;
  const broken = withPauses(x, order, pauses);
  if (buckets && points.min && points.max && !alone) {
    columns.push({ label, colour, role: "edge", y: broken.pick(pick(points.max)) });
    columns.push({ label, colour, role: "edge", y: broken.pick(pick(points.min)) });
  }
  if (options.smoothing > 0 && !alone) columns.push({ label, colour, role: "raw", y: broken.pick(value) });
  columns.push({ label, colour, role: "main", y: broken.pick(smooth(value, options.smoothing)) });
  return { x: broken.x, columns };
}

/** A pause is no line from its begin to its end: an empty point goes between. */
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

/** Columns of one group become three: greatest, least, mean. */
function withBands(data: ChartData, lines: readonly Line[]): ChartData {
  const groups = new Map<string, { colour: string; columns: (number | null | undefined)[][] }>();
  lines.forEach((line, at) => {
    const name = line.group ?? line.label;
    const group = groups.get(name) ?? { colour: line.colour, columns: [] };
    group.columns.push(data.y[at] ?? []);
    groups.set(name, group);
  });
  const columns: Column[] = [];
  const y: ChartData["y"] = [];
  for (const [name, { colour, columns: members }] of groups) {
    const found = band(members);
    columns.push({ label: name, colour, role: "edge" }, { label: name, colour, role: "edge" });
    columns.push({ label: `${name} (mean of ${members.length})`, colour, role: "main" });
    y.push(found.max, found.min, found.mean);
  }
  return { ...data, columns, y };
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
  const columns = data.y.filter((_, at) => !clip || data.columns[at]?.role !== "edge");
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
