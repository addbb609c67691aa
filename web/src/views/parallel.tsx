import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { type AxisLook, type AxisLooks, type Dimension, brushed, turned } from "../logic/dimensions";
import { compareAddress, runAddress } from "../logic/route";
import { Check } from "../parts/small_parts";
import { useRoving } from "../parts/roving";
import { useSize } from "../parts/store";
import type { Comparison } from "../server/types";

const HEIGHT = 260;
const [TOP, BOTTOM, SIDE] = [34, 14, 40];
const LENGTH = HEIGHT - TOP - BOTTOM;
const REACH = 12;
const FIRST = [0.25, 0.75] as const;

interface ParallelProps {
  comparison: Comparison;
  colours: readonly string[];
  axes: readonly Dimension[];
  looks: AxisLooks;
  /** Whether each Run is within all drawn ranges. */
  inside: readonly boolean[];
  onLook: (name: string, look: AxisLook) => void;
}

/** Parallel coordinates: an axis for each parameter that differs and for the metric, a line for each Run. */
export function Parallel({ comparison, colours, axes, looks, inside, onLook }: ParallelProps): JSX.Element {
  const [box, setBox] = useState<HTMLElement | null>(null);
  const [over, setOver] = useState(-1);
  const { width } = useSize(box);
  const roving = useRoving(comparison.runs.length);
  const x = (at: number): number => SIDE + (axes.length < 2 ? 0 : (at / (axes.length - 1)) * (width - 2 * SIDE));
  const path = (run: number): string => {
    let text = "";
    axes.forEach((axis, at) => {
      const part = axis.at[run];
      if (typeof part === "number") text += `${text ? "L" : "M"}${x(at).toFixed(1)} ${y(part).toFixed(1)}`;
    });
    return text;
  };
  const classOf = (at: number): string => `${inside[at] ? "" : "out "}${over === at ? "over" : over >= 0 ? "under" : ""}`;
  return (
    <figure class="card" aria-label="Parallel coordinates">
      <h2>Parallel coordinates</h2>
      {axes.length > 1 && <Said comparison={comparison} inside={inside} over={over} />}
      {axes.length < 2 && <p class="hint">No parameter differs.</p>}
      <div ref={setBox}>
        {axes.length > 1 && width > 0 && (
          <svg class="parallel" width={width} height={HEIGHT} role="group" aria-label={`${comparison.runs.length} Runs on ${axes.length} axes: ${axes.map((axis) => axis.name).join(", ")}`}>
            {comparison.runs.map((row, at) => (
              <a
                key={row.uid}
                href={runAddress(row.namespace, row.name)}
                aria-label={`${row.title}${inside[at] ? "" : ", outside of the ranges"}`}
                {...roving(at)}
                onFocus={() => setOver(at)}
                onBlur={() => setOver(-1)}
                onPointerEnter={() => setOver(at)}
                onPointerLeave={() => setOver(-1)}
              >
                <path d={path(at)} stroke={colours[at] ?? ""} class={classOf(at)} />
              </a>
            ))}
            {axes.map((axis, at) => (
              <Axis key={axis.name} axis={axis} x={x(at)} room={((width - 2 * SIDE) / (axes.length - 1) - 16) / 6.5 / (at < axes.length - 2 ? 1 : 2)} side={at === 0 ? "first" : at === axes.length - 1 ? "last" : "middle"} look={looks[axis.name] ?? {}} onLook={(look) => onLook(axis.name, look)} />
            ))}
          </svg>
        )}
      </div>
      {axes.length > 1 && (
        <div class="axis-looks">
          {axes.map((axis) => (
            <span key={axis.name} role="group" aria-label={`axis ${axis.name}`}>
              <b title={axis.name}>{short(axis.name, 24)}</b>
              {axis.loggable && <Check label="log" on={looks[axis.name]?.log ?? false} onChange={() => onLook(axis.name, turned(looks[axis.name] ?? {}, "log"))} />}
              <Check label="flip" on={looks[axis.name]?.flip ?? false} onChange={() => onLook(axis.name, turned(looks[axis.name] ?? {}, "flip"))} />
            </span>
          ))}
        </div>
      )}
    </figure>
  );
}

function y(part: number): number {
  return HEIGHT - BOTTOM - part * LENGTH;
}

/** The name of the Run under the pointer, or the number of those inside the ranges. */
function Said({ comparison, inside, over }: { comparison: Comparison; inside: readonly boolean[]; over: number }): JSX.Element {
  const row = comparison.runs[over];
  if (row) return <p class="hint">{row.title}</p>;
  const chosen = comparison.runs.filter((_, at) => inside[at]);
  if (chosen.length === comparison.runs.length) return <p class="hint">Point at a line to see its Run. Drag along an axis to select a range.</p>;
  return (
    <p class="hint" role="status">
      {chosen.length} of {comparison.runs.length} Runs are within the ranges.{" "}
      {chosen.length > 0 && <a href={compareAddress(chosen.map((one) => `${one.namespace}/${one.name}`))}>Compare only these</a>}
    </p>
  );
}

interface AxisProps {
  axis: Dimension;
  x: number;
  side: "first" | "middle" | "last";
  /** Letters beside the axis; the last two share their room. */
  room: number;
  look: AxisLook;
  onLook: (look: AxisLook) => void;
}

/** An axis with its range, which a person draws, or moves and widens with keys. */
function Axis({ axis, x, side, room, look, onLook }: AxisProps): JSX.Element {
  const from = useRef<number | null>(null);
  const { brush } = look;
  const set = (next: readonly [number, number] | null): void => {
    const { brush: _, ...rest } = look;
    onLook(next ? { ...rest, brush: next } : rest);
  };
  const placeOf = (event: PointerEvent & { currentTarget: SVGGElement }): number => {
    const top = (event.currentTarget.ownerSVGElement ?? event.currentTarget).getBoundingClientRect().top;
    return Math.min(1, Math.max(0, (HEIGHT - BOTTOM - (event.clientY - top)) / LENGTH));
  };
  const key = (event: KeyboardEvent): void => {
    const act = keyed(event.key, brush ?? null);
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    set(act);
  };
  return (
    <g
      class="axis"
      tabindex={0}
      role="slider"
      aria-orientation="vertical"
      aria-label={`range of ${axis.name}; arrows move it, plus and minus change its width, Delete removes it`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={brush ? Math.round((brush[0] + brush[1]) * 50) : 50}
      aria-valuetext={brush ? `from ${Math.round(brush[0] * 100)} to ${Math.round(brush[1] * 100)} % of the axis` : "all"}
      onKeyDown={key}
      onPointerDown={(event) => {
        from.current = placeOf(event);
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (from.current === null) return;
        const to = placeOf(event);
        const [low, high] = [Math.min(from.current, to), Math.max(from.current, to)];
        // Each change is a new address, of which browsers take a few a second.
        const moved = !brush || Math.abs(brush[0] - low) + Math.abs(brush[1] - high) > 0.02;
        if (high - low > 0.02 && moved) set([low, high]);
      }}
      onPointerUp={(event) => {
        if (from.current !== null && Math.abs(placeOf(event) - from.current) <= 0.02) set(null);
        from.current = null;
      }}
      onPointerCancel={() => (from.current = null)}
    >
      <rect class="reach" x={x - REACH} y={TOP - 6} width={2 * REACH} height={LENGTH + 12} />
      <line x1={x} x2={x} y1={TOP} y2={HEIGHT - BOTTOM} />
      {brush && <rect class="brush" x={x - 6} y={y(brush[1])} width={12} height={Math.max(2, (brush[1] - brush[0]) * LENGTH)} />}
      <text x={x} y={14} text-anchor={side === "first" ? "start" : side === "last" ? "end" : "middle"} class="axis-name">
        {short(axis.name, Math.min(16, Math.max(5, Math.floor(room * (side === "middle" ? 1 : 1.5)))))}
        <title>{axis.name}</title>
      </text>
      {axis.ticks.map((tick) => (
        <text key={tick.text} x={x + (side === "last" ? -8 : 8)} y={y(tick.at) + 4} text-anchor={side === "last" ? "end" : "start"}>
          {short(tick.text, Math.min(16, Math.max(3, Math.floor(room))))}
        </text>
      ))}
    </g>
  );
}

const STEP = 0.05;

/** The next range; null: none; undefined: the key does nothing. */
function keyed(key: string, brush: readonly [number, number] | null): readonly [number, number] | null | undefined {
  if (key === "Delete" || key === "Backspace") return null;
  const [move, widen] = { ArrowUp: [STEP, 0], ArrowDown: [-STEP, 0], "+": [0, STEP / 2], "=": [0, STEP / 2], "-": [0, -STEP / 2] }[key] ?? [];
  if (move === undefined || widen === undefined) return undefined;
  return brush ? brushed(brush, move, widen) : FIRST;
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
