import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { csv } from "../logic/csv";
import { axesOf, looksText, parseLooks, within } from "../logic/dimensions";
import { listAddress } from "../logic/route";
import { BackToList } from "../parts/small_parts";
import { optionsOf } from "../parts/chart_settings";
import { download } from "../parts/files";
import { type Page, refine } from "../parts/page";
import { useStore } from "../parts/store";
import { CompareSource } from "../server/compare_source";
import type { Comparison } from "../server/types";
import { Curves, spreadOf, useLineStyles } from "./compare_charts";
import { Tables, tableOf } from "./compare_tables";
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
  const options = useMemo(() => ({ ...optionsOf(query), ...spreadOf(query) }), [query]);
  const styles = useLineStyles(comparison, query);
  const words = query.get("metric")?.toLowerCase() ?? "";
  const shown = useMemo(() => metrics.filter((name) => name.toLowerCase().includes(words)), [metrics, words]);
  const mainMetric = mainOf(comparison, query.get("by"), metrics);
  const ranges = useMemo(() => parseLooks(query.get("axes")), [query]);
  const axes = useMemo(() => axesOf(comparison, mainMetric, ranges), [comparison, mainMetric, ranges]);
  const inside = useMemo(() => within(axes, ranges, comparison.runs.length), [axes, ranges, comparison]);
  const curves = useMemo(() => {
    const found = shown.filter((name) => (comparison.metrics[name] ?? []).some(Boolean));
    return [...found.filter((name) => name === mainMetric), ...found.filter((name) => name !== mainMetric)];
  }, [shown, comparison, mainMetric]);
  return (
    <>
      <header class="run-head">
        <div class="run-title">
          <BackToList page={page} />
          <h1>{comparison.runs.length} Runs compared</h1>
          <div class="buttons">
            <button type="button" class="button" onClick={() => download("comparison.csv", csv(tableOf(comparison)), "text/csv")}>
              Save CSV
            </button>
          </div>
        </div>
      </header>
      <div class="panel">
        {(comparison.lost ?? []).map(({ run, message }) => (
          <p key={run} class="problem" role="status">
            {run} is not among them: {message}.
          </p>
        ))}
        <Tables page={page} comparison={comparison} colours={styles.colours} mainMetric={mainMetric} words={words} all={query.has("all")} />
        <Curves page={page} source={source} comparison={comparison} query={query} options={options} styles={styles} metrics={curves} />
        {comparison.runs.length > 1 && (
          <div class="two">
            <Parallel
              comparison={comparison}
              colours={styles.colours}
              axes={axes}
              looks={ranges}
              inside={inside}
              onLook={(name, look) => refine(page, { axes: looksText({ ...ranges, [name]: look }) })}
            />
            <Scatter page={page} comparison={comparison} colours={styles.colours} metric={mainMetric} query={query} inside={inside} />
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

