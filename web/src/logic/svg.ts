import { number } from "./format";
import { between, part } from "./scale";

type Values = readonly (number | null | undefined)[];

export interface DrawnLine {
  label: string;
  colour: string;
  y: Values;
  dash?: readonly number[];
  /** Behind a smoothed line: without a place in the legend. */
  pale?: boolean;
}

/** A chart as an SVG file: what the canvas shows, in a form that papers and slides can scale. */
export interface Drawing {
  title: string;
  xLabel: string;
  x: readonly number[];
  lines: readonly DrawnLine[];
  bands?: readonly { colour: string; high: Values; low: Values }[];
  xRange: readonly [number, number];
  yRange: readonly [number, number];
  logX?: boolean;
  logY?: boolean;
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [800, 450, 64, 32, 16, 44];

export function svg(drawing: Drawing): string {
  const toX = scale(drawing.xRange, LEFT, WIDTH - RIGHT, drawing.logX ?? false);
  const toY = scale(drawing.yRange, HEIGHT - BOTTOM, TOP, drawing.logY ?? false);
  const legend = drawing.lines.filter((line) => !line.pale).length * 16;
  const [wide, high] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT + legend}" viewBox="0 0 ${WIDTH} ${HEIGHT + legend}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="14" font-weight="600">${escaped(drawing.title)}</text>`,
    ...ticks(drawing, toX, toY),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle" fill="#555">${escaped(drawing.xLabel)}</text>`,
  ];
  parts.push(`<clipPath id="inside"><rect x="${LEFT}" y="${TOP}" width="${wide}" height="${high}"/></clipPath>`, `<g clip-path="url(#inside)" fill="none">`);
  for (const band of drawing.bands ?? []) {
    parts.push(`<path d="${area(drawing.x, band, toX, toY)}" fill="${escaped(band.colour)}" fill-opacity="0.16"/>`);
  }
  for (const line of drawing.lines) {
    const dash = line.dash?.length ? ` stroke-dasharray="${line.dash.join(" ")}"` : "";
    const [width, pale] = line.pale ? [1, ' stroke-opacity="0.3"'] : [1.5, ""];
    parts.push(`<path d="${path(drawing.x, line.y, toX, toY)}" stroke="${escaped(line.colour)}" stroke-width="${width}"${pale}${dash}/>`);
  }
  parts.push("</g>");
  drawing.lines
    .filter((line) => !line.pale)
    .forEach((line, at) => {
      const y = HEIGHT + at * 16 + 6;
      parts.push(`<rect x="${LEFT}" y="${y - 8}" width="12" height="4" fill="${escaped(line.colour)}"/>`);
      parts.push(`<text x="${LEFT + 18}" y="${y}">${escaped(line.label)}</text>`);
    });
  return [...parts, "</svg>", ""].join("\n");
}

function ticks(drawing: Drawing, toX: (v: number) => number, toY: (v: number) => number): string[] {
  const found: string[] = [];
  for (let at = 0; at <= 5; at += 1) {
    const x = along(drawing.xRange, at / 5, drawing.logX ?? false);
    const y = along(drawing.yRange, at / 5, drawing.logY ?? false);
    const [px, py] = [round(toX(x)), round(toY(y))];
    found.push(`<path d="M${LEFT} ${py}H${WIDTH - RIGHT}" stroke="#ddd"/>`);
    found.push(`<text x="${LEFT - 6}" y="${py + 4}" text-anchor="end" fill="#555">${number(y)}</text>`);
    found.push(`<text x="${px}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#555">${number(x)}</text>`);
  }
  return found;
}

function path(
  x: readonly number[],
  y: readonly (number | null | undefined)[],
  toX: (v: number) => number,
  toY: (v: number) => number,
): string {
  const parts: string[] = [];
  let pen = false;
  x.forEach((value, at) => {
    const height = y[at];
    if (height === undefined) return; // no point of this line
    if (height === null) {
      pen = false;
      return;
    }
    const [px, py] = [toX(value), toY(height)];
    if (!Number.isFinite(px) || !Number.isFinite(py)) return;
    parts.push(`${pen ? "L" : "M"}${round(px)} ${round(py)}`);
    pen = true;
  });
  return parts.join("");
}

/** Between two lines: along one and back along the other, for each part without a gap. */
function area(x: readonly number[], { high, low }: { high: Values; low: Values }, toX: (v: number) => number, toY: (v: number) => number): string {
  let [text, upper, lower] = ["", [] as string[], [] as string[]];
  const close = (): void => {
    if (upper.length > 1) text += `M${[...upper, ...lower.reverse()].join("L")}Z`;
    [upper, lower] = [[], []];
  };
  x.forEach((value, at) => {
    const [above, below] = [high[at], low[at]];
    if (above === undefined && below === undefined) return;
    const [px, top, bottom] = [toX(value), toY(above ?? NaN), toY(below ?? NaN)];
    if (![px, top, bottom].every(Number.isFinite)) {
      close();
      return;
    }
    upper.push(`${round(px)} ${round(top)}`);
    lower.push(`${round(px)} ${round(bottom)}`);
  });
  close();
  return text;
}

function scale(range: readonly [number, number], from: number, to: number, log: boolean): (value: number) => number {
  const of = (value: number): number => (log ? Math.log10(value) : value);
  const [low, high] = [of(range[0]), of(range[1])];
  return (value) => (high === low ? from : from + part(of(value), low, high) * (to - from));
}

function along([low, high]: readonly [number, number], at: number, log: boolean): number {
  return log ? low * (high / low) ** at : between(low, high, at);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
