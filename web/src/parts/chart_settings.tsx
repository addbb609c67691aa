import type { JSX } from "preact";
import { parseAxis } from "../logic/axes";
import type { ChartOptions } from "../logic/chart_data";
import { Check, Choice } from "./small_parts";
import { type Page, refine } from "./page";

/** How the charts of this view are drawn; it is in the address, so that a link shows the same picture. */
export function optionsOf(query: URLSearchParams): ChartOptions {
  const smoothing = Number(query.get("smooth") ?? "0");
  return {
    axis: parseAxis(query.get("x")),
    smoothing: smoothing >= 0 && smoothing < 1 ? smoothing : 0,
    logX: query.has("logx"),
    logY: query.has("logy"),
    clip: query.has("clip"),
  };
}

interface SettingsProps {
  page: Page;
  options: ChartOptions;
  /** Metrics that can be x. */
  metrics: readonly string[];
}

export function ChartSettings({ page, options, metrics }: SettingsProps): JSX.Element {
  const axes: (readonly [string, string])[] = [
    ["step", "step"],
    ["relative", "time since start"],
    ["wall", "wall time"],
    ["active", "active time"],
    ...metrics.slice(0, 200).map((name) => [`metric:${name}`, `metric ${name}`] as const),
  ];
  return (
    <div class="settings" role="group" aria-label="How charts are drawn">
      <Choice label="x" value={options.axis} options={axes} onChoose={(x) => refine(page, { x: x === "step" ? null : x })} />
      <label class="slider">
        Smoothing
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value={options.smoothing}
          onInput={(event) => refine(page, { smooth: event.currentTarget.value === "0" ? null : event.currentTarget.value })}
        />
        <output>{options.smoothing.toFixed(2)}</output>
      </label>
      <Check label="log x" on={options.logX} onChange={(on) => refine(page, { logx: on ? "1" : null })} />
      <Check label="log y" on={options.logY} onChange={(on) => refine(page, { logy: on ? "1" : null })} />
      <Check label="clip outliers" on={options.clip} onChange={(on) => refine(page, { clip: on ? "1" : null })} />
    </div>
  );
}

/** The field that chooses metrics by a part of their name. */
export function MetricFilter({ page, query }: { page: Page; query: URLSearchParams }): JSX.Element {
  return (
    <input
      type="search"
      aria-label="Filter metrics by name"
      placeholder="Filter metrics"
      value={query.get("metric") ?? ""}
      onInput={(event) => refine(page, { metric: event.currentTarget.value })}
    />
  );
}
