import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { isTime, shades } from "../logic/axes";
import { type ChartOptions, colourOf } from "../logic/chart_data";
import { Boundary } from "../parts/boundary";
import { Chart } from "../parts/chart";
import { ChartSettings, MetricFilter, optionsOf } from "../parts/chart_settings";
import type { Page } from "../parts/page";
import { useVisibleLines } from "../parts/visible_lines";
import { useSize, useStore } from "../parts/store";
import type { RunSource } from "../server/run_source";
import type { Detail } from "../server/types";
import { useFinerPoints } from "./use_finer_points";
import { useZoom } from "./use_zoom";

/** All metrics of a Run as charts. Only those that are seen are mounted and read. */
export function ChartsTab({ page, source, detail, query }: { page: Page; source: RunSource; detail: Detail; query: URLSearchParams }): JSX.Element {
  const options = useMemo(() => optionsOf(query), [query]);
  const names = useMemo(() => detail.metrics.map((metric) => metric.name), [detail]);
  const words = query.get("metric")?.toLowerCase() ?? "";
  const shown = useMemo(() => names.filter((name) => name.toLowerCase().includes(words)), [names, words]);
  return (
    <section aria-label="Metrics">
      <div class="settings sticky">
        <MetricFilter page={page} query={query} />
        <ChartSettings page={page} options={options} metrics={names} />
      </div>
      {names.length === 0 && <p class="empty">The program has logged no metric. In it, runmetrics.log_metric("loss", 0.5) does.</p>}
      {names.length > 0 && shown.length === 0 && <p class="empty">No metric has this name.</p>}
      <ChartGrid names={shown} chart={(name) => <RunChart page={page} query={query} source={source} name={name} options={options} />} />
    </section>
  );
}

const CARD = 282;

/** Charts in as many columns as there is room for. */
export function ChartGrid({ names, chart }: { names: readonly string[]; chart: (name: string) => JSX.Element }): JSX.Element {
  const [box, setBox] = useState<HTMLElement | null>(null);
  const { width } = useSize(box);
  const columns = width > 1080 ? 3 : width > 640 ? 2 : 1;
  const count = Math.ceil(names.length / columns);
  const view = useVisibleLines(box, count, CARD, 1);
  return (
    <div ref={setBox} class="chart-grid" style={{ height: `${count * CARD}px` }}>
      {width > 0 && (
        <div class={`charts in-${columns}`} style={{ transform: `translateY(${view.before}px)` }}>
          {names.slice(view.first * columns, view.last * columns).map((name) => (
            <div key={name} class="chart-cell">
              <Boundary what="This chart" again={chart}>
                {chart(name)}
              </Boundary>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

interface RunChartProps {
  page: Page;
  query: URLSearchParams;
  source: RunSource;
  name: string;
  options: ChartOptions;
}

/** One metric of one Run. */
export function RunChart({ page, query, source, name, options }: RunChartProps): JSX.Element {
  const curve = useStore(useMemo(() => source.metrics.curve(name), [source, name]));
  const otherName = options.axis.startsWith("metric:") ? options.axis.slice(7) : name;
  const other = useStore(useMemo(() => source.metrics.curve(otherName), [source, otherName]));
  const { series } = curve;
  const byTime = isTime(options.axis);
  useEffect(() => (byTime ? source.metrics.lookByTime(name) : undefined), [source, name, byTime]);
  const along = options.axis.startsWith("metric:") ? otherName : null;
  const finer = useFinerPoints(useMemo(() => [{ source: source.metrics, name, other: along }], [source, name, along]), options.axis);
  const lines = useMemo(() => {
    if (!series) return [];
    const by = other.series ? finer.of(0, otherName, other.series) : undefined;
    return [{ label: name, colour: colourOf(0), series: finer.of(0, name, series), other: by }];
  }, [series, other, name, finer.found]);
  const zoomed = useZoom(page, query, name, options.axis, finer.look);
  const parts = useMemo(() => (series ? shades(series, options.axis) : []), [series, options.axis]);
  return (
    <Chart title={name} lines={lines} shades={parts} options={options} link={`run ${options.axis}`} problem={curve.problem} legend={false} {...zoomed} />
  );
}

