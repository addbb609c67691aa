import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { metricLabel } from "../logic/compare";
import { dimension } from "../logic/dimensions";
import { plain } from "../logic/format";
import { runAddress } from "../logic/route";
import { Check, Choice } from "../parts/small_parts";
import { type Page, refine } from "../parts/page";
import { useRoving } from "../parts/roving";
import { useSize } from "../parts/store";
import type { Comparison } from "../server/types";

const HEIGHT = 250;
const [TOP, BOTTOM, LEFT, RIGHT] = [10, 24, 56, 16];

interface ScatterProps {
  page: Page;
  comparison: Comparison;
  colours: readonly string[];
  metric: string;
  query: URLSearchParams;
  /** Whether each Run is within the ranges of the parallel coordinates. */
  inside: readonly boolean[];
}

/** A point for each Run: one value against another, parameters and last values alike. */
export function Scatter({ page, comparison, colours, metric, query, inside }: ScatterProps): JSX.Element {
  const [box, setBox] = useState<HTMLElement | null>(null);
  const { width } = useSize(box);
  const names = [...Object.keys(comparison.parameters), ...Object.keys(comparison.metrics).map((name) => metricLabel(comparison, name))];
  const [xName, yName] = [query.get("sx") ?? names[0] ?? "", query.get("sy") ?? metricLabel(comparison, metric)];
  const [xValues, yValues] = [valuesOf(comparison, xName), valuesOf(comparison, yName)];
  const [logX, logY] = [query.has("slx"), query.has("sly")];
  const [xAxis, yAxis] = [dimension(xName, xValues, { log: logX }), dimension(yName, yValues, { log: logY })];
  const known = comparison.runs.flatMap((_, at) => (typeof xAxis.at[at] === "number" && typeof yAxis.at[at] === "number" ? [at] : []));
  const order = known.sort((a, b) => (xAxis.at[a] as number) - (xAxis.at[b] as number));
  const roving = useRoving(comparison.runs.length, order);
  const x = (part: number): number => LEFT + 8 + part * (width - LEFT - RIGHT - 16);
  const y = (part: number): number => HEIGHT - BOTTOM - 8 - part * (HEIGHT - TOP - BOTTOM - 16);
  return (
    <figure class="card" aria-label="Scatter">
      <h2>Scatter</h2>
      <div class="settings">
        <Choice label="x" value={xName} options={names} onChoose={(sx) => refine(page, { sx })} />
        <Choice label="y" value={yName} options={names} onChoose={(sy) => refine(page, { sy })} />
        {xAxis.loggable && <Check label="log x" on={logX} onChange={(on) => refine(page, { slx: on ? "1" : null })} />}
        {yAxis.loggable && <Check label="log y" on={logY} onChange={(on) => refine(page, { sly: on ? "1" : null })} />}
        {order.length < comparison.runs.length && <span class="muted">{comparison.runs.length - order.length} Runs have no value here.</span>}
      </div>
      <div ref={setBox}>
        {width > 0 && (
          <svg class="scatter" width={width} height={HEIGHT} role="group" aria-label={`${yName} against ${xName}`}>
            <path class="frame" d={`M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${width - RIGHT}`} />
            {xAxis.ticks.map((tick) => (
              <text key={tick.text} x={x(tick.at)} y={HEIGHT - 6} text-anchor="middle">
                {tick.text.slice(0, 14)}
              </text>
            ))}
            {yAxis.ticks.map((tick) => (
              <text key={tick.text} x={LEFT - 6} y={y(tick.at) + 4} text-anchor="end">
                {tick.text.slice(0, 8)}
              </text>
            ))}
            {comparison.runs.map((row, at) => {
              const [px, py] = [xAxis.at[at], yAxis.at[at]];
              if (typeof px !== "number" || typeof py !== "number") return null;
              const words = `${row.title}: ${xName} ${plain(xValues[at])}, ${yName} ${plain(yValues[at])}`;
              return (
                <a key={row.uid} href={runAddress(row.namespace, row.name)} aria-label={words} {...roving(at)} class={inside[at] ? "" : "out"}>
                  <circle cx={x(px)} cy={y(py)} r="5" fill={colours[at] ?? ""}>
                    <title>{words}</title>
                  </circle>
                </a>
              );
            })}
          </svg>
        )}
      </div>
    </figure>
  );
}

function valuesOf(comparison: Comparison, name: string): unknown[] {
  const metric = Object.keys(comparison.metrics).find((one) => metricLabel(comparison, one) === name) ?? "";
  return comparison.parameters[name] ?? comparison.metrics[metric]?.map((one) => one?.last ?? null) ?? comparison.runs.map(() => null);
}
