import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { SPREADS, SPREAD_WORDS, parseSpread } from "../logic/bands";
import type { ChartOptions, Line } from "../logic/chart_data";
import { type LineStyles, dashOf, lineStylesOf } from "../logic/line_styles";
import { Choice } from "../parts/small_parts";
import { Chart } from "../parts/chart";
import { ChartSettings, MetricFilter } from "../parts/chart_settings";
import { type Page, refine } from "../parts/page";
import type { CompareSource } from "../server/compare_source";
import type { Curve } from "../server/metrics_source";
import type { Comparison } from "../server/types";
import { ChartGrid } from "./charts";
import { useFinerPoints } from "./use_finer_points";
import { useZoom } from "./use_zoom";

interface CurvesProps {
  page: Page;
  source: CompareSource;
  comparison: Comparison;
  query: URLSearchParams;
  options: ChartOptions;
  styles: LineStyles;
  /** In the order in which they are drawn. */
  metrics: readonly string[];
}

/** The curves of all Runs over each other: distinguished by colour and stroke, in charts of their own, or drawn as groups. */
export function Curves({ page, source, comparison, query, options, styles, metrics }: CurvesProps): JSX.Element {
  const parameters = useMemo(() => Object.keys(comparison.parameters), [comparison]);
  const plots = useMemo(() => plotsOf(comparison, styles, metrics), [comparison, styles, metrics]);
  const by = (label: string, key: string, none: string): JSX.Element => (
    <Choice label={label} value={query.get(key) ?? ""} options={[["", none], ...parameters.map((name) => [name, name] as const)]} onChoose={(name) => refine(page, { [key]: name })} />
  );
  return (
    <section aria-label="Curves">
      <div class="settings sticky">
        <MetricFilter page={page} query={query} />
        <ChartSettings page={page} options={options} metrics={Object.keys(comparison.metrics).sort()} />
        {by("Colour", "colour", "each Run")}
        {by("Stroke", "dash", "alike")}
        {by("Charts", "chart", "one")}
        <Choice
          label="Lines"
          value={options.spread ?? ""}
          options={[["", "each Run"], ...SPREADS.map((one) => [one, SPREAD_WORDS[one].choice] as const)]}
          onChoose={(band) => refine(page, { band })}
        />
      </div>
      <Key styles={styles} />
      <ChartGrid
        names={[...plots.keys()]}
        chart={(key) => {
          const plot = plots.get(key);
          return plot ? <CompareChart page={page} query={query} source={source} comparison={comparison} plot={plot} options={options} styles={styles} /> : <></>;
        }}
      />
    </section>
  );
}

/** The styles that the address asks for. */
export function useLineStyles(comparison: Comparison, query: URLSearchParams): LineStyles {
  const [colour, dash, chart] = [query.get("colour") ?? "", query.get("dash") ?? "", query.get("chart") ?? ""];
  return useMemo(() => lineStylesOf(comparison, { colour, dash, chart }), [comparison, colour, dash, chart]);
}

export function spreadOf(query: URLSearchParams): Pick<ChartOptions, "spread"> {
  const spread = parseSpread(query.get("band"));
  return spread ? { spread } : {};
}

interface Plot {
  name: string;
  title: string;
  /** Places of the Runs. */
  runs: readonly number[];
}

/** A chart for each metric, or for each value of a parameter too. */
function plotsOf(comparison: Comparison, styles: LineStyles, metrics: readonly string[]): ReadonlyMap<string, Plot> {
  const plots = new Map<string, Plot>();
  for (const name of metrics) {
    const there = comparison.runs.flatMap((_, at) => (comparison.metrics[name]?.[at] ? [at] : []));
    const charts = [...new Set(there.map((at) => styles.charts[at] ?? ""))].sort();
    for (const chart of charts) {
      const runs = there.filter((at) => styles.charts[at] === chart);
      plots.set(JSON.stringify([name, chart]), { name, title: chart ? `${name}, ${chart}` : name, runs });
    }
  }
  return plots;
}

const KEY_TEXTS = 24;

function Key({ styles }: { styles: LineStyles }): JSX.Element | null {
  if (styles.key.length === 0) return null;
  return (
    <p class="key">
      {styles.key.slice(0, KEY_TEXTS).map(({ text, colour, dash }) => (
        <span key={`${colour} ${text}`} title={text}>
          <svg width="26" height="8" aria-hidden="true">
            <path d="M0 4H26" stroke={colour ?? "currentColor"} stroke-width="2" stroke-dasharray={colour === null ? dashOf(dash).join(" ") : ""} />
          </svg>{" "}
          {text}
        </span>
      ))}
      {styles.key.length > KEY_TEXTS && <span>and {styles.key.length - KEY_TEXTS} more</span>}
    </p>
  );
}

interface CompareChartProps {
  page: Page;
  query: URLSearchParams;
  source: CompareSource;
  comparison: Comparison;
  plot: Plot;
  options: ChartOptions;
  styles: LineStyles;
}

function CompareChart({ page, query, source, comparison, plot, options, styles }: CompareChartProps): JSX.Element {
  const { name, title, runs } = plot;
  const [version, again] = useState(0);
  const otherName = options.axis.startsWith("metric:") ? options.axis.slice(7) : null;
  const shown = runs.map((at) => comparison.runs[at]?.uid).join();
  useEffect(() => {
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const curves = runs.flatMap((at) => [name, ...(otherName ? [otherName] : [])].flatMap((one) => source.curve(comparison.runs[at], one) ?? []));
    const changed = (): void => {
      // Curves of many Runs arrive one after the other: drawing each time would draw a hundred times.
      const loading = curves.some((curve) => isLoading(curve.value));
      clearTimeout(waiting);
      waiting = setTimeout(() => again((count) => count + 1), loading ? WHILE_LOADING : 50);
    };
    const stops = curves.map((curve) => curve.listen(changed));
    changed();
    return () => {
      clearTimeout(waiting);
      for (const stop of stops) stop();
    };
  }, [source, name, otherName, shown]);
  const origins = useMemo(
    () =>
      runs.flatMap((at) => {
        const from = source.source(comparison.runs[at]);
        return from ? [{ source: from, name, other: otherName, at }] : [];
      }),
    [comparison, source, name, otherName, shown],
  );
  const finer = useFinerPoints(origins, options.axis);
  const lines = useMemo(() => {
    const found: Line[] = [];
    origins.forEach(({ source: from, at }, place) => {
      const series = from.curve(name).value.series;
      if (!series) return;
      const along = otherName ? (from.curve(otherName).value.series ?? undefined) : undefined;
      const other = along && otherName ? finer.of(place, otherName, along) : undefined;
      const [colour, dash] = [styles.colours[at] ?? "", styles.dashes[at] ?? 0];
      const line: Line = { label: comparison.runs[at]?.title ?? "", colour, dash, series: finer.of(place, name, series), other };
      found.push(options.spread ? { ...line, group: styles.groups[at] ?? "" } : line);
    });
    return found;
  }, [version, origins, finer.found, styles, options.spread]);
  const zoomed = useZoom(page, query, title, options.axis, finer.look);
  return <Chart title={title} lines={lines} shades={NONE} options={options} link={`compare ${options.axis}`} problem={null} legend {...zoomed} />;
}

const NONE: readonly never[] = [];
const WHILE_LOADING = 400;

function isLoading(curve: Curve): boolean {
  return curve.series === null && curve.problem === null;
}
