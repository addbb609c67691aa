import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type ChartOptions, type Line, colourOf } from "../logic/chart_data";
import { best, differs, lessIsBetter } from "../logic/compare";
import { type Cell, csv } from "../logic/csv";
import { axesOf, looksText, parseLooks, within } from "../logic/dimensions";
import { number, plain } from "../logic/format";
import { listAddress, runAddress } from "../logic/route";
import { Check, Choice, StateMark } from "../parts/bits";
import { Chart } from "../parts/chart";
import { ChartSettings, optionsOf } from "../parts/chart_settings";
import { download } from "../parts/files";
import { type Page, refine } from "../parts/page";
import { useStore } from "../parts/store";
import { CompareSource } from "../server/compare_source";
import type { Curve } from "../server/metrics_source";
import type { Comparison } from "../server/types";
import { ChartGrid } from "./charts";
import { useCloser } from "./use_closer";
import { Parallel } from "./parallel";
import { Scatter } from "./scatter";

const PERIOD = 5_000;
const MOST = 100;

/** Several Runs: their parameters and metrics in tables, and their curves over each other. */
export function CompareView({ page, runs, query }: { page: Page; runs: readonly string[]; query: URLSearchParams }): JSX.Element {
  const key = runs.slice(0, MOST).join("\n");
  const source = useMemo(() => new CompareSource(page.client, key ? key.split("\n") : []), [page, key]);
  useEffect(() => (source.runs.length ? source.open(PERIOD) : undefined), [source]);
  const comparison = useStore(source.comparison);
  const problem = useStore(source.problem);
  if (runs.length === 0) {
    return (
      <p class="empty">
        Choose Runs in the <a href={listAddress()}>list</a> and press Compare.
      </p>
    );
  }
  return (
    <article class="compare-view" data-scrolls aria-label="Comparison">
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {comparison === null && problem === null && <p class="empty">Loading …</p>}
      {comparison !== null && <Compared page={page} source={source} comparison={comparison} query={query} />}
    </article>
  );
}

interface ComparedProps {
  page: Page;
  source: CompareSource;
  comparison: Comparison;
  query: URLSearchParams;
}

function Compared({ page, source, comparison, query }: ComparedProps): JSX.Element {
  const metrics = useMemo(() => Object.keys(comparison.metrics).sort(), [comparison]);
  const options = useMemo(() => optionsOf(query), [query]);
  const colourBy = query.get("colour") ?? "";
  const band = query.has("band");
  const colours = useMemo(() => looksOf(comparison, colourBy), [comparison, colourBy]);
  const words = query.get("metric")?.toLowerCase() ?? "";
  const shown = useMemo(() => metrics.filter((name) => name.toLowerCase().includes(words)), [metrics, words]);
  const mainMetric = mainOf(comparison, query.get("by"), metrics);
  const looks = useMemo(() => parseLooks(query.get("axes")), [query]);
  const axes = useMemo(() => axesOf(comparison, mainMetric, looks), [comparison, mainMetric, looks]);
  const inside = useMemo(() => within(axes, looks, comparison.runs.length), [axes, looks, comparison]);
  const curves = useMemo(() => {
    const found = shown.filter((name) => (comparison.metrics[name] ?? []).some(Boolean));
    return [...found.filter((name) => name === mainMetric), ...found.filter((name) => name !== mainMetric)];
  }, [shown, comparison, mainMetric]);
  return (
    <>
      <header class="run-head">
        <div class="run-title">
          <a class="back" href={page.list.value}>
            Runs
          </a>
          <span aria-hidden="true" class="muted">
            /
          </span>
          <h1>{comparison.runs.length} Runs compared</h1>
          <div class="buttons">
            <button type="button" class="button" onClick={() => download("comparison.csv", csv(tableOf(comparison)), "text/csv")}>
              Save CSV
            </button>
          </div>
        </div>
      </header>
      <div class="panel">
        <Tables page={page} comparison={comparison} colours={colours.colours} mainMetric={mainMetric} words={words} />
        <section aria-label="Curves">
          <div class="settings sticky">
            <input
              type="search"
              aria-label="Filter metrics by name"
              placeholder="Filter metrics"
              value={query.get("metric") ?? ""}
              onInput={(event) => refine(page, { metric: event.currentTarget.value })}
            />
            <ChartSettings page={page} options={options} metrics={metrics} />
            <Choice
              label="Colour"
              value={colourBy}
              options={[["", "each Run"], ...Object.keys(comparison.parameters).map((name) => [name, name] as const)]}
              onChoose={(colour) => refine(page, { colour })}
            />
            {colourBy !== "" && <Check label="mean and band" on={band} onChange={(on) => refine(page, { band: on ? "1" : null })} />}
          </div>
          <ChartGrid
            names={curves}
            chart={(name) => <CompareChart source={source} comparison={comparison} name={name} options={options} looks={colours} band={band && colourBy !== ""} />}
          />
        </section>
        {comparison.runs.length > 1 && (
          <div class="two">
            <Parallel
              comparison={comparison}
              colours={colours.colours}
              axes={axes}
              looks={looks}
              inside={inside}
              onLook={(name, look) => refine(page, { axes: looksText({ ...looks, [name]: look }) })}
            />
            <Scatter page={page} comparison={comparison} colours={colours.colours} metric={mainMetric} query={query} inside={inside} />
          </div>
        )}
      </div>
    </>
  );
}

/** The metric that the person chose, or the main one of a Run, or the first. */
function mainOf(comparison: Comparison, asked: string | null, metrics: readonly string[]): string {
  const wanted = [asked, ...comparison.runs.map((row) => row.metric?.name)];
  return wanted.find((name) => name && metrics.includes(name)) ?? metrics[0] ?? "";
}

interface Looks {
  colours: string[];
  groups: string[];
}

/** A colour for each Run, or for each value of a parameter. */
function looksOf(comparison: Comparison, parameter: string): Looks {
  const values = comparison.parameters[parameter];
  if (!values) return { colours: comparison.runs.map((_, at) => colourOf(at)), groups: comparison.runs.map((row) => row.title) };
  const texts = values.map(plain);
  const known = [...new Set(texts)].sort();
  return {
    colours: texts.map((text) => colourOf(known.indexOf(text))),
    groups: texts.map((text) => `${parameter} = ${text}`),
  };
}

interface CompareChartProps {
  source: CompareSource;
  comparison: Comparison;
  name: string;
  options: ChartOptions;
  looks: Looks;
  band: boolean;
}

function CompareChart({ source, comparison, name, options, looks, band }: CompareChartProps): JSX.Element {
  const [version, again] = useState(0);
  const otherName = options.axis.startsWith("metric:") ? options.axis.slice(7) : null;
  useEffect(() => {
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const changed = (): void => {
      // Curves of many Runs arrive one after the other: drawing each time would draw a hundred times.
      const loading = comparison.runs.some((_, at) => isLoading(source.curve(at, name)?.value));
      clearTimeout(waiting);
      waiting = setTimeout(() => again((count) => count + 1), loading ? WHILE_LOADING : 50);
    };
    const stops = comparison.runs.flatMap((_, at) =>
      [source.curve(at, name), otherName ? source.curve(at, otherName) : null].map((curve) => curve?.listen(changed)),
    );
    changed();
    return () => {
      clearTimeout(waiting);
      for (const stop of stops) stop?.();
    };
  }, [source, name, otherName]);
  const origins = useMemo(
    () =>
      comparison.runs.flatMap((_, at) => {
        const from = comparison.metrics[name]?.[at] ? source.source(at) : null;
        return from ? [{ source: from, name, other: otherName, at }] : [];
      }),
    [comparison, source, name, otherName],
  );
  const closer = useCloser(origins, options.axis);
  const lines = useMemo(() => {
    const found: Line[] = [];
    comparison.runs.forEach((row, at) => {
      const series = source.curve(at, name)?.value.series;
      if (!series || !comparison.metrics[name]?.[at]) return;
      const place = origins.findIndex((one) => one.at === at);
      const along = otherName ? (source.curve(at, otherName)?.value.series ?? undefined) : undefined;
      const other = along && otherName ? closer.of(place, otherName, along) : undefined;
      const line: Line = { label: row.title, colour: looks.colours[at] ?? "", series: closer.of(place, name, series), other };
      found.push(band ? { ...line, group: looks.groups[at] ?? "" } : line);
    });
    return found;
  }, [version, origins, closer.found, looks, band]);
  return <Chart title={name} lines={lines} shades={NONE} options={options} link={`compare ${options.axis}`} problem={null} legend onRange={closer.look} />;
}

const NONE: readonly never[] = [];
const WHILE_LOADING = 400;

function isLoading(curve: Curve | undefined): boolean {
  return curve !== undefined && curve.series === null && curve.problem === null;
}

interface TablesProps {
  page: Page;
  comparison: Comparison;
  colours: readonly string[];
  mainMetric: string;
  /** What the names of the metrics have to hold. */
  words: string;
}

const SHOWN_METRICS = 60;

/** A column for each Run; parameters that differ are marked, and so is the best by a metric. */
function Tables({ page, comparison, colours, mainMetric, words }: TablesProps): JSX.Element {
  const [all, setAll] = useState(false);
  const { runs, parameters, metrics } = comparison;
  const names = Object.keys(metrics).sort();
  const chosen = names.filter((name) => name !== mainMetric && name.toLowerCase().includes(words));
  const rows = mainMetric ? [mainMetric, ...chosen] : chosen;
  const wanted = lessIsBetter(mainMetric) ? "least" : "greatest";
  const winner = best(comparison, mainMetric, wanted);
  const listed = Object.entries(parameters).filter(([, values]) => all || runs.length === 1 || differs(values));
  const hidden = Object.keys(parameters).length - listed.length;
  return (
    <section class="card" aria-label="Tables">
      <div class="settings">
        <Choice label="Best by" value={mainMetric} options={names} onChoose={(by) => refine(page, { by })} />
        <span class="muted">{winner < 0 ? "" : `${wanted} last value: ${runs[winner]?.title ?? ""}`}</span>
        <Check label={`all parameters${hidden > 0 ? ` (${hidden} alike are hidden)` : ""}`} on={all} onChange={setAll} />
      </div>
      <div class="wide" tabIndex={0} role="region" aria-label="Table of Runs, parameters and metrics">
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              {runs.map((row, at) => (
                <th key={row.uid} scope="col" class={at === winner ? "best" : ""}>
                  <i class="swatch" style={{ background: colours[at] ?? "" }} />
                  <a href={runAddress(row.namespace, row.name)}>{row.title}</a>
                  {at === winner && <small class="badge">best</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">state</th>
              {runs.map((row) => (
                <td key={row.uid}>
                  <StateMark state={row.state} />
                </td>
              ))}
            </tr>
            {listed.map(([name, values]) => (
              <tr key={`p ${name}`} class={runs.length > 1 && differs(values) ? "differs" : ""}>
                <th scope="row">{name}</th>
                {values.map((value, at) => (
                  <td key={runs[at]?.uid ?? at}>{plain(value)}</td>
                ))}
              </tr>
            ))}
            {rows.slice(0, SHOWN_METRICS).map((name) => (
              <tr key={`m ${name}`} class="metric">
                <th scope="row">
                  {name} <small>last (min … max)</small>
                </th>
                {(metrics[name] ?? []).map((one, at) => (
                  <td key={runs[at]?.uid ?? at}>
                    {one ? (
                      <>
                        <b>{number(one.last)}</b>{" "}
                        <small>
                          {number(one.min)} … {number(one.max)}
                        </small>
                      </>
                    ) : (
                      "–"
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > SHOWN_METRICS && <p class="hint">{rows.length - SHOWN_METRICS} more metrics: filter them by name below; all are in the CSV file.</p>}
    </section>
  );
}

function tableOf(comparison: Comparison): Cell[][] {
  const { runs, parameters, metrics } = comparison;
  const cells = (value: unknown): Cell => (typeof value === "number" ? value : value === null || value === undefined ? "" : plain(value));
  const rows: Cell[][] = [
    ["", ...runs.map((row) => row.title)],
    ["run", ...runs.map((row) => `${row.namespace}/${row.name}`)],
    ["state", ...runs.map((row) => row.state)],
  ];
  for (const [name, values] of Object.entries(parameters)) rows.push([name, ...values.map(cells)]);
  for (const [name, values] of Object.entries(metrics)) {
    for (const what of ["last", "min", "max"] as const) rows.push([`${name} ${what}`, ...values.map((one) => one?.[what] ?? "")]);
  }
  return rows;
}
