import { AnsiReader, type Piece, lastWritten, withoutAnsi } from "./ansi";

export interface LogLine {
  pieces: Piece[];
  text: string;
}

const MOST_LINES = 100_000;
const LONGEST_LINE = 10_000;

/** Lines of a log as its pieces come. It keeps the last hundred thousand, and counts what it dropped. */
export class LogLines {
  readonly lines: LogLine[] = [];
  dropped = 0;
  private rest = "";
  private readonly ansi = new AnsiReader();

  read(piece: string): void {
    const parts = (this.rest + piece).split("\n");
    this.rest = parts.pop() ?? "";
    if (this.rest.length > LONGEST_LINE * 10) {
      this.add(this.rest);
      this.rest = "";
    }
    for (const part of parts) this.add(part);
    if (this.lines.length > MOST_LINES) {
      const over = this.lines.length - MOST_LINES;
      this.lines.splice(0, over);
      this.dropped += over;
    }
  }

  /** The log ends here: a last line without its end counts too. */
  end(): void {
    if (this.rest) this.add(this.rest);
    this.rest = "";
  }

  private add(line: string): void {
    let shown = lastWritten(line);
    if (shown.length > LONGEST_LINE) shown = `${shown.slice(0, LONGEST_LINE)} … (${shown.length} characters)`;
    const pieces = this.ansi.line(shown);
    this.lines.push({ pieces, text: withoutAnsi(shown) });
  }
}

/** Places of the lines that hold the text, whatever its case. */
export function found(lines: readonly LogLine[], text: string): number[] {
  const wanted = text.toLowerCase();
  if (!wanted) return [];
  const places: number[] = [];
  lines.forEach((line, at) => {
    if (line.text.toLowerCase().includes(wanted)) places.push(at);
  });
  return places;
}

/** Cuts pieces where the text begins and ends, so that it can be marked. */
export function marked(pieces: readonly Piece[], text: string): (Piece & { hit: boolean })[] {
  const whole = pieces.map((piece) => piece.text).join("");
  const hits: [number, number][] = [];
  const wanted = text.toLowerCase();
  const lower = whole.toLowerCase();
  if (wanted && lower.length === whole.length) {
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + wanted.length)) {
      hits.push([at, at + wanted.length]);
    }
  }
  const cuts = new Set(hits.flat());
  const result: (Piece & { hit: boolean })[] = [];
  let at = 0;
  for (const piece of pieces) {
    let from = 0;
    for (let place = 1; place <= piece.text.length; place += 1) {
      if (place < piece.text.length && !cuts.has(at + place)) continue;
      const start = at + from;
      result.push({ ...piece, text: piece.text.slice(from, place), hit: hits.some(([a, b]) => start >= a && start < b) });
      from = place;
    }
    at += piece.text.length;
  }
  return result;
}
