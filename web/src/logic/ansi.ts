/** A piece of a log line in one style; `classes` are ours, never text of the program. */
export interface Piece {
  text: string;
  classes: string;
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

interface Style {
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  colour: string;
  ground: string;
}

const PLAIN: Style = { bold: false, dim: false, italic: false, underline: false, colour: "", ground: "" };
/* CSI sequences, OSC sequences up to their end, two-character escapes, and the other control characters. */
const SEQUENCE = /\x1b\[([0-9;:]*)([ -/]*[@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Cuts a line into pieces. Colours and weights stay, every other sequence (cursor, title, link) is dropped. */
export class AnsiReader {
  private style: Style = PLAIN;

  line(text: string): Piece[] {
    const pieces: Piece[] = [];
    let from = 0;
    for (const match of text.matchAll(SEQUENCE)) {
      push(pieces, text.slice(from, match.index), this.style);
      from = match.index + match[0].length;
      if (match[2] === "m") this.style = changed(this.style, match[1] ?? "");
    }
    push(pieces, text.slice(from), this.style);
    return pieces;
  }
}

/** The text alone. */
export function withoutAnsi(text: string): string {
  return text.replace(SEQUENCE, "");
}

/** The text that a terminal shows of a line that a progress bar wrote several times: that after the last carriage return. */
export function lastWritten(text: string): string {
  const line = text.replace(/\r+$/, "");
  return line.slice(line.lastIndexOf("\r") + 1);
}

function push(pieces: Piece[], text: string, style: Style): void {
  if (text) pieces.push({ text, classes: classesOf(style) });
}

function classesOf(style: Style): string {
  const found = (["bold", "dim", "italic", "underline"] as const).filter((one) => style[one]).map((one) => `ansi-${one}`);
  if (style.colour) found.push(`ansi-${style.colour}`);
  if (style.ground) found.push(`ansi-on-${style.ground}`);
  return found.join(" ");
}

function changed(style: Style, parameters: string): Style {
  const codes = parameters === "" ? [0] : parameters.split(/[;:]/).map((one) => Number(one || "0"));
  let now = style;
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] as number;
    if (code === 38 || code === 48) {
      const { colour, used } = extended(codes, at + 1);
      now = code === 38 ? { ...now, colour } : { ...now, ground: colour };
      at += used;
    } else now = basic(now, code);
  }
  return now;
}

function basic(style: Style, code: number): Style {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 3) return { ...style, italic: true };
  if (code === 4) return { ...style, underline: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 23) return { ...style, italic: false };
  if (code === 24) return { ...style, underline: false };
  if (code === 39) return { ...style, colour: "" };
  if (code === 49) return { ...style, ground: "" };
  if (code >= 30 && code <= 37) return { ...style, colour: COLOURS[code - 30] as string };
  if (code >= 90 && code <= 97) return { ...style, colour: COLOURS[code - 90] as string };
  if (code >= 40 && code <= 47) return { ...style, ground: COLOURS[code - 40] as string };
  if (code >= 100 && code <= 107) return { ...style, ground: COLOURS[code - 100] as string };
  return style;
}

/** 256 colours and true colours become the nearest of eight, which are readable on light and on dark. */
function extended(codes: readonly number[], at: number): { colour: string; used: number } {
  if (codes[at] === 5) return { colour: ofPalette(codes[at + 1] ?? 7), used: 2 };
  if (codes[at] === 2) return { colour: nearest(codes[at + 1] ?? 0, codes[at + 2] ?? 0, codes[at + 3] ?? 0), used: 4 };
  return { colour: "", used: 1 };
}

function ofPalette(index: number): string {
  if (index < 16) return COLOURS[index % 8] as string;
  if (index >= 232) return index < 244 ? "black" : "white";
  const [r, g, b] = [Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6];
  return nearest(r * 51, g * 51, b * 51);
}

function nearest(red: number, green: number, blue: number): string {
  const half = Math.max(red, green, blue) / 2;
  if (half < 32) return "black";
  return COLOURS[(red > half ? 1 : 0) + (green > half ? 2 : 0) + (blue > half ? 4 : 0)] as string;
}
