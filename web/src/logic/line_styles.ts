import type { Comparison } from "../server/types";
import { colourOf } from "./chart_data";
import { plain } from "./format";

/** Parameters whose values distinguish Runs; an empty text means none. */
export interface GroupBy {
  colour: string;
  dash: string;
  chart: string;
}

/** How the line of each Run looks, in the order of the Runs. */
export interface LineStyles {
  colours: string[];
  dashes: number[];
  /** The values that Runs of one group share. */
  groups: string[];
  /** The chart of a metric that a Run is in; an empty text is the only one. */
  charts: string[];
  /** The meaning of each colour and each pattern. */
  key: { text: string; colour: string | null; dash: number }[];
}

export function lineStylesOf(comparison: Comparison, by: GroupBy): LineStyles {
  const [colour, dash, chart] = [valuesOf(comparison, by.colour), valuesOf(comparison, by.dash), valuesOf(comparison, by.chart)];
  const said = (name: string, values: Values | null, at: number): string[] => (values ? [`${name} = ${values.texts[at] ?? ""}`] : []);
  return {
    colours: comparison.runs.map((_, at) => colourOf(colour ? colour.place(at) : at)),
    dashes: comparison.runs.map((_, at) => dash?.place(at) ?? 0),
    groups: comparison.runs.map((_, at) => [...said(by.colour, colour, at), ...said(by.dash, dash, at)].join(", ") || "all Runs"),
    charts: comparison.runs.map((_, at) => said(by.chart, chart, at).join("")),
    key: [
      ...(colour?.known ?? []).map((text, at) => ({ text: `${by.colour} = ${text}`, colour: colourOf(at), dash: 0 })),
      ...(dash?.known ?? []).map((text, at) => ({ text: `${by.dash} = ${text}`, colour: null, dash: at })),
    ],
  };
}

interface Values {
  texts: string[];
  known: string[];
  place: (at: number) => number;
}

function valuesOf(comparison: Comparison, name: string): Values | null {
  const values = comparison.parameters[name];
  if (!values) return null;
  const texts = values.map(plain);
  const known = [...new Set(texts)].sort();
  const places = new Map(known.map((text, at) => [text, at]));
  return { texts, known, place: (at) => places.get(texts[at] ?? "") ?? 0 };
}

/** Patterns of strokes, in pixels: line, gap, line, gap. */
const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 5], [4, 2, 1, 2]];

export function dashOf(at: number): readonly number[] {
  return DASHES[at % DASHES.length] ?? [];
}
