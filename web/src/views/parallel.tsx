import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { differs, dimension } from "../logic/compare";
import { useSize } from "../parts/store";
import type { Comparison } from "../server/types";

const HEIGHT = 260;
const [TOP, BOTTOM, SIDE] = [34, 14, 40];
const MOST_AXES = 10;

/** Parallel coordinates: an axis for each parameter that differs and for the metric, a line for each Run. */
export function Parallel({ comparison, colours, metric }: { comparison: Comparison; colours: readonly string[]; metric: string }): JSX.Element {
  const [box, setBox] = useState<HTMLElement | null>(null);
  const [over, setOver] = useState(-1);
  const { width } = useSize(box);
  const names = Object.keys(comparison.parameters).filter((name) => differs(comparison.parameters[name] ?? []));
  const axes = names.slice(0, MOST_AXES - 1).map((name) => dimension(name, comparison.parameters[name] ?? []));
  if (comparison.metrics[metric]) axes.push(dimension(metric, comparison.metrics[metric].map((one) => one?.last ?? null)));
  const x = (at: number): number => SIDE + (axes.length < 2 ? 0 : (at / (axes.length - 1)) * (width - 2 * SIDE));
  const y = (part: number): number => HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
  const path = (run: number): string => {
    let text = "";
    axes.forEach((axis, at) => {
      const part = axis.at[run];
      if (typeof part === "number") text += `${text ? "L" : "M"}${x(at).toFixed(1)} ${y(part).toFixed(1)}`;
    });
    return text;
  };
  return (
    <figure class="card" aria-label="Parallel coordinates">
      <h2>Parallel coordinates</h2>
      <p class="hint">{over >= 0 ? comparison.runs[over]?.title : axes.length < 2 ? "No parameter differs." : "Point at a line to see its Run."}</p>
      <div ref={setBox}>
        {axes.length > 1 && width > 0 && (
          <svg class="parallel" width={width} height={HEIGHT} role="img" aria-label={`${comparison.runs.length} Runs on ${axes.length} axes: ${axes.map((axis) => axis.name).join(", ")}`}>
            {comparison.runs.map((row, at) => (
              <path
                key={row.uid}
                d={path(at)}
                stroke={colours[at] ?? ""}
                class={over === at ? "over" : over >= 0 ? "under" : ""}
                onPointerEnter={() => setOver(at)}
                onPointerLeave={() => setOver(-1)}
              />
            ))}
            {axes.map((axis, at) => (
              <g key={axis.name} class="axis">
                <line x1={x(at)} x2={x(at)} y1={TOP} y2={HEIGHT - BOTTOM} />
                <text x={x(at)} y={14} text-anchor={at === 0 ? "start" : at === axes.length - 1 ? "end" : "middle"} class="axis-name">
                  {short(axis.name)}
                </text>
                {axis.ticks.map((tick) => (
                  <text key={tick.text} x={x(at) + (at === axes.length - 1 ? -5 : 5)} y={y(tick.at) + 4} text-anchor={at === axes.length - 1 ? "end" : "start"}>
                    {short(tick.text)}
                  </text>
                ))}
              </g>
            ))}
          </svg>
        )}
      </div>
    </figure>
  );
}

function short(text: string): string {
  return text.length > 16 ? `${text.slice(0, 15)}…` : text;
}
