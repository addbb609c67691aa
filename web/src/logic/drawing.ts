import { number } from "./format";

/** A chart as an SVG file: what the canvas shows, in a form that papers and slides can scale. */
export interface Drawing {
  title: string;
  xLabel: string;
  x: readonly number[];
  lines: readonly { label: string; colour: string; y: readonly (number | null | undefined)[] }[];
  xRange: readonly [number, number];
  yRange: readonly [number, number];
  logX?: boolean;
  logY?: boolean;
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [800, 450, 64, 32, 16, 44];

export function svg(drawing: Drawing): string {
  const toX = scale(drawing.xRange, LEFT, WIDTH - RIGHT, drawing.logX ?? false);
  const toY = scale(drawing.yRange, HEIGHT - BOTTOM, TOP, drawing.logY ?? false);
  const legend = drawing.lines.length * 16;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT + legend}" viewBox="0 0 ${WIDTH} ${HEIGHT + legend}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="14" font-weight="600">${escaped(drawing.title)}</text>`,
    ...ticks(drawing, toX, toY),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle" fill="#555">${escaped(drawing.xLabel)}</text>`,
  ];
  drawing.lines.forEach((line, at) => {
    parts.push(`<path d="${path(drawing.x, line.y, toX, toY)}" fill="none" stroke="${escaped(line.colour)}" stroke-width="1.5"/>`);
    const y = HEIGHT + at * 16 + 6;
    parts.push(`<rect x="${LEFT}" y="${y - 8}" width="12" height="4" fill="${escaped(line.colour)}"/>`);
    parts.push(`<text x="${LEFT + 18}" y="${y}">${escaped(line.label)}</text>`);
  });
  return [...parts, "</svg>", ""].join("\n");
}

function ticks(drawing: Drawing, toX: (v: number) => number, toY: (v: number) => number): string[] {
  const found: string[] = [];
  for (let at = 0; at <= 5; at += 1) {
    const x = between(drawing.xRange, at / 5, drawing.logX ?? false);
    const y = between(drawing.yRange, at / 5, drawing.logY ?? false);
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

function scale(range: readonly [number, number], from: number, to: number, log: boolean): (value: number) => number {
  const of = (value: number): number => (log ? Math.log10(value) : value);
  const [low, high] = [of(range[0]), of(range[1])];
  const width = high - low || 1;
  return (value) => from + ((of(value) - low) / width) * (to - from);
}

function between(range: readonly [number, number], part: number, log: boolean): number {
  if (log) return range[0] * (range[1] / range[0]) ** part;
  return range[0] + (range[1] - range[0]) * part;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
