import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { type Shade, isTime } from "../logic/axes";
import { SPREAD_WORDS } from "../logic/bands";
import { type ChartData, type ChartOptions, type Line, chartData } from "../logic/chart_data";
import { depth, timesOf } from "../logic/finer_points";
import { csv } from "../logic/csv";
import { svg } from "../logic/svg";
import { number } from "../logic/format";
import { dashOf } from "../logic/line_styles";
import type { Range } from "../logic/outliers";
import { overlapping } from "../logic/zoomed";
import { download } from "./files";
import { makePlot, pan, showAll, xText, zoom } from "./plot";
import { Store, useMedia, useSize, useStore } from "./store";

interface ChartProps {
  title: string;
  lines: readonly Line[];
  shades: readonly Shade[];
  options: ChartOptions;
  link: string;
  /** The sentence instead of a chart; null: there is a chart. */
  problem: string | null;
  /** A legend beside one line says nothing: the title names it. */
  legend: boolean;
  /** The part of x that is seen at the beginning; null: all. */
  zoom: Range | null;
  /** The part of x that the person looks at; null: all. */
  onRange: (range: Range | null) => void;
}

const HEIGHT = 200;

/** One chart with its title, legend, notes and exports. */
export function Chart({ title, lines, shades, options, link, problem, legend, zoom: begin, onRange }: ChartProps): JSX.Element {
  const [box, setBox] = useState<HTMLElement | null>(null);
  const { width } = useSize(box);
  const plot = useRef<uPlot | null>(null);
  const [over, setOver] = useState(false);
  const place = useMemo(() => new Store<number | null>(null), []);
  const dark = useMedia("(prefers-color-scheme: dark)");
  const data = useMemo(() => chartData(lines, options), [lines, options]);
  const [range, setRange] = useState<Range | null>(begin);
  const seen = useRef<{ axis: string; range: Range | null }>({ axis: options.axis, range: begin });
  const look = (next: Range | null): void => {
    const old = seen.current.range;
    seen.current = { axis: options.axis, range: next };
    if (old?.[0] === next?.[0] && old?.[1] === next?.[1]) return;
    setRange(next);
    onRange(next);
  };
  const shape = JSON.stringify([options, data.columns, data.bands, shades.length, dark, link]);

  useEffect(() => {
    if (!box || width === 0 || data.x.length === 0) return undefined;
    // Another smoothing is the same place; another axis is not.
    const part = seen.current.axis === options.axis ? overlapping(seen.current.range, data.x) : null;
    const made = makePlot(box, data, { ...options, width, height: HEIGHT, shades, link, range: part, onPlace: (at) => place.set(at), onRange: look });
    look(part);
    plot.current = made;
    const stop = listen(box, made);
    return () => {
      stop();
      plot.current = null;
      made.destroy();
    };
    // New points alone do not make a new chart; see below.
  }, [box, width > 0, data.x.length === 0, shape]);

  useEffect(() => {
    if (plot.current && width > 0) plot.current.setSize({ width, height: HEIGHT });
  }, [width]);

  useFresh(plot, data);

  const words = describe(title, data, options);
  return (
    <figure class="chart" aria-label={words}>
      <figcaption>
        <span class="chart-title" title={title}>
          {title}
        </span>
        <ChartMenu title={title} data={data} options={options} plot={plot} />
      </figcaption>
      {problem !== null && <p class="hint">{problem}</p>}
      {problem === null && data.x.length === 0 && <p class="hint">{lines.length ? emptyReason(options) : "Loading …"}</p>}
      <div class="stage" onPointerEnter={() => setOver(true)} onPointerLeave={() => setOver(false)}>
        <div
        class="plot"
        ref={setBox}
        tabIndex={0}
        role="img"
        aria-label={`${words} Arrow keys move, plus and minus zoom, 0 shows all.`}
        onKeyDown={(event) => plot.current && onKey(event, plot.current)}
        />
        {over && legend && <Tip data={data} options={options} place={place} plot={plot} />}
      </div>
      <Legend data={data} options={options} place={place} named={legend} notes={notesOf(lines, data, options, range !== null)} />
    </figure>
  );
}

/** Gives new points to the chart that is there. A person who has zoomed in stays where they look. */
function useFresh(plot: { current: uPlot | null }, data: ChartData): void {
  useEffect(() => {
    const now = plot.current;
    if (!now || now.data[0] === data.x) return;
    const before = now.data[0];
    const { min, max } = now.scales.x as { min?: number; max?: number };
    const zoomed = before.length > 0 && (min !== before[0] || max !== before[before.length - 1]);
    if (now.series.length !== data.y.length + 1) return;
    now.setData([data.x, ...data.y] as uPlot.AlignedData, !zoomed);
    if (zoomed && typeof min === "number" && typeof max === "number") now.setScale("x", { min, max });
  }, [data]);
}

function onKey(event: KeyboardEvent, plot: uPlot): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft") pan(plot, -0.1);
  else if (event.key === "ArrowRight") pan(plot, 0.1);
  else if (event.key === "+" || event.key === "=") zoom(plot, 0.7);
  else if (event.key === "-") zoom(plot, 1 / 0.7);
  else if (event.key === "0") showAll(plot);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Shift and drag moves, Ctrl and the wheel zooms; a drag alone is uPlot's: it selects what to zoom to. */
function listen(box: HTMLElement, plot: uPlot): () => void {
  const over = plot.over;
  let from: number | null = null;
  const down = (event: MouseEvent): void => {
    if (!event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    from = event.clientX;
  };
  const move = (event: MouseEvent): void => {
    if (from === null) return;
    pan(plot, (from - event.clientX) / over.clientWidth);
    from = event.clientX;
  };
  const up = (): void => {
    from = null;
  };
  const wheel = (event: WheelEvent): void => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(plot, event.deltaY > 0 ? 1.25 : 0.8, event.offsetX / over.clientWidth);
  };
  box.addEventListener("mousedown", down, { capture: true });
  addEventListener("mousemove", move);
  addEventListener("mouseup", up);
  over.addEventListener("wheel", wheel, { passive: false });
  return () => {
    box.removeEventListener("mousedown", down, { capture: true });
    removeEventListener("mousemove", move);
    removeEventListener("mouseup", up);
    over.removeEventListener("wheel", wheel);
  };
}

interface LegendProps {
  data: ChartData;
  options: ChartOptions;
  place: Store<number | null>;
  named: boolean;
  notes: readonly string[];
}

/** Under the chart: x, the values of a few lines there (the tip beside the pointer names them), and what has to be known of the picture. */
function Legend({ data, options, place, named, notes }: LegendProps): JSX.Element {
  const at = useStore(place);
  const mains = mainsOf(data);
  const x = at === null ? null : (data.x[at] ?? null);
  const few = mains.length <= VALUES;
  return (
    <div class={few && mains.length > 1 ? "legend full" : "legend"}>
      <span>{x === null ? "last" : `${axisName(options.axis)} ${xText(x, options)}`}</span>
      {few &&
        mains.map(({ column, index }) => (
          <span key={index} class="legend-line" title={named ? column.label : ""}>
            <i style={{ background: column.colour }} />
            <b>{number(valueAt(data, index, at))}</b>
          </span>
        ))}
      {!few && <span>{mains.length} lines</span>}
      {notes.length > 0 && (
        <span class="note" title={notes.join("\n")}>
          {notes.join(" ")}
        </span>
      )}
    </div>
  );
}

const VALUES = 4;
const TIP_LINES = 12;

/** Beside the pointer: the values of all lines there, the greatest first. */
function Tip({ data, options, place, plot }: { data: ChartData; options: ChartOptions; place: Store<number | null>; plot: { current: uPlot | null } }): JSX.Element | null {
  const at = useStore(place);
  const now = plot.current;
  const x = at === null ? undefined : data.x[at];
  if (at === null || x === undefined || !now) return null;
  const values = mainsOf(data)
    .map(({ column, index }) => ({ column, value: valueAt(data, index, at) }))
    .filter((one): one is { column: ChartData["columns"][number]; value: number } => one.value !== null)
    .sort((a, b) => b.value - a.value);
  const left = now.valToPos(x, "x") + now.over.offsetLeft;
  const onRight = left < now.width / 2;
  const side = onRight ? { left: `${left + 16}px` } : { right: `${now.width - left + 16}px` };
  return (
    <div class="tip" style={side} aria-hidden="true">
      <span class="muted">{`${axisName(options.axis)} ${xText(x, options)}`}</span>
      {values.slice(0, TIP_LINES).map(({ column, value }, index) => (
        <span key={index} class="legend-line">
          <i style={{ background: column.colour }} />
          <span class="legend-name">{column.label}</span>
          <b>{number(value)}</b>
        </span>
      ))}
      {values.length > TIP_LINES && <span class="muted">and {values.length - TIP_LINES} more</span>}
    </div>
  );
}

function mainsOf(data: ChartData): { column: ChartData["columns"][number]; index: number }[] {
  return data.columns.map((column, index) => ({ column, index })).filter(({ column }) => column.role === "main");
}

/** The value at the pointer, or the last one. */
function valueAt(data: ChartData, column: number, at: number | null): number | null {
  const values = data.y[data.columns[column + 1]?.role === "values" ? column + 1 : column] ?? [];
  if (at !== null) return nearby(values, at);
  for (let place = values.length - 1; place >= 0; place -= 1) {
    const value = values[place];
    if (typeof value === "number") return value;
  }
  return null;
}

/** Lines that do not share their x have no value at every place: the last one before holds. */
function nearby(values: readonly (number | null | undefined)[], at: number): number | null {
  for (let place = at; place >= Math.max(0, at - 200); place -= 1) {
    const value = values[place];
    if (value !== undefined) return value;
  }
  return null;
}

const PEAKS = {
  band: "Thinned: the band keeps every peak.",
  line: "Thinned: the lines keep every peak.",
  hidden: "Thinned: single peaks may be missing in these lines.",
};

function notesOf(lines: readonly Line[], data: ChartData, options: ChartOptions, zoomed: boolean): string[] {
  const notes: string[] = [];
  if (data.x.length === 0) return notes;
  const kept = depth(lines.map((line) => line.series), zoomed);
  if (options.spread) notes.push(`Band: ${SPREAD_WORDS[options.spread].band}.`);
  if (data.thinned) notes.push(PEAKS[data.peaks]);
  if (kept) notes.push(kept);
  const first = data.special[0];
  if (first) notes.push(`${data.special.length} × not a number, the first ${first.value} at ${xText(first.x, options)}.`);
  if (isTime(options.axis)) notes.push(timesOf(lines.map((line) => line.series)));
  if (options.clip) notes.push("Outliers are outside the chart.");
  return notes;
}

export function axisName(axis: string): string {
  if (axis.startsWith("metric:")) return axis.slice(7);
  return { step: "step", relative: "after", wall: "at", active: "active" }[axis] ?? axis;
}

function emptyReason(options: ChartOptions): string {
  if (isTime(options.axis)) return "The times of its values are not known yet.";
  return options.logX || options.logY ? "There is no value above 0 for a logarithmic axis." : "There is no value yet.";
}

function describe(title: string, data: ChartData, options: ChartOptions): string {
  const mains = data.columns.filter((column) => column.role === "main");
  if (data.x.length === 0) return `${title}: no values.`;
  const [low, high] = data.yRange ?? [null, null];
  const range = `from ${number(low)} to ${number(high)}`;
  return `${title} by ${axisName(options.axis)}, ${mains.length === 1 ? "one line" : `${mains.length} lines`}, ${range}.`;
}

interface MenuProps {
  title: string;
  data: ChartData;
  options: ChartOptions;
  plot: { current: uPlot | null };
}

function ChartMenu({ title, data, options, plot }: MenuProps): JSX.Element {
  const mains = data.columns.map((column, at) => ({ column, at })).filter(({ column }) => column.role !== "raw");
  const save = (what: string): void => {
    if (what === "png") void png(plot.current, title);
    if (what === "csv") {
      const head = [options.axis, ...mains.map(({ column, at }) => named(data, options, column.label, at))];
      download(`${title}.csv`, csv([head, ...data.x.map((x, row) => [x, ...mains.map(({ at }) => data.y[at]?.[row])])]), "text/csv");
    }
    if (what === "svg") download(`${title}.svg`, svgOf(title, data, options, plot.current), "image/svg+xml");
  };
  return (
    <span class="chart-menu">
      {["png", "svg", "csv"].map((what) => (
        <button key={what} type="button" class="button quiet" aria-label={`Save ${title} as ${what.toUpperCase()}`} onClick={() => save(what)}>
          {what.toUpperCase()}
        </button>
      ))}
    </span>
  );
}

function named(data: ChartData, options: ChartOptions, label: string, at: number): string {
  if (data.columns[at]?.role !== "edge") return label;
  const [high, low] = options.spread ? ["upper", "lower"] : ["max", "min"];
  return `${label} ${data.bands.some((band) => band.high === at) ? high : low}`;
}

function svgOf(title: string, data: ChartData, options: ChartOptions, plot: uPlot | null): string {
  const shown = (key: string, otherwise: readonly [number, number] | null): [number, number] => {
    const { min, max } = (plot?.scales[key] ?? {}) as { min?: number | null; max?: number | null };
    return [min ?? otherwise?.[0] ?? 0, max ?? otherwise?.[1] ?? 1];
  };
  const lines = data.columns.flatMap(({ label, colour, role, dash = 0 }, at) =>
    role === "main" || role === "raw" ? [{ label, colour, y: data.y[at] ?? [], dash: dashOf(dash), pale: role === "raw" }] : [],
  );
  const bands = data.bands.map(({ high, low, colour }) => ({ colour, high: data.y[high] ?? [], low: data.y[low] ?? [] }));
  const { axis, logX, logY } = options;
  const xRange = shown("x", data.xRange);
  const yRange = shown("y", data.yRange);
  return svg({ title, xLabel: axisName(axis), x: data.x, lines, bands, xRange, yRange, logX, logY });
}

/** The canvas with its background and title, as a picture. */
async function png(plot: uPlot | null, title: string): Promise<void> {
  const canvas = plot?.ctx.canvas;
  if (!canvas) return;
  const head = Math.round((canvas.height / HEIGHT) * 24);
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [canvas.width, canvas.height + head];
  const ink = picture.getContext("2d");
  if (!ink) return;
  const style = getComputedStyle(document.documentElement);
  ink.fillStyle = style.getPropertyValue("--panel");
  ink.fillRect(0, 0, picture.width, picture.height);
  ink.fillStyle = style.getPropertyValue("--text");
  ink.font = `600 ${Math.round(head * 0.55)}px system-ui, sans-serif`;
  ink.fillText(title, head / 2, head * 0.7);
  ink.drawImage(canvas, 0, head);
  const blob = await new Promise<Blob | null>((resolve) => picture.toBlob(resolve, "image/png"));
  if (blob) download(`${title}.png`, blob);
}
