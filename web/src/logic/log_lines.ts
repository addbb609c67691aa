import { AnsiReader, type Piece, lastWritten, withoutAnsi } from "./ansi";

export interface LogLine {
  pieces: Piece[];
  text: string;
}

const MOST_LINES = 100_000;
const LONGEST_LINE = 10_000;
/** A line in which each letter has a colour of its own would be thousands of elements: the rest of it is plain. */
const MOST_PIECES = 200;
const MOST_MARKS = 200;

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
    this.lines.push({ pieces: few(this.ansi.line(shown)), text: withoutAnsi(shown) });
  }
}

function few(pieces: Piece[]): Piece[] {
  if (pieces.length <= MOST_PIECES) return pieces;
  const rest = pieces.slice(MOST_PIECES).map((piece) => piece.text).join("");
  return [...pieces.slice(0, MOST_PIECES), { text: rest, classes: "" }];
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

/** Cuts pieces where the text begins and ends, so that it can be marked; of very many places the first are. */
export function marked(pieces: readonly Piece[], text: string): (Piece & { hit: boolean })[] {
  const hits = placesOf(pieces.map((piece) => piece.text).join(""), text);
  const result: (Piece & { hit: boolean })[] = [];
  let [at, next] = [0, 0];
  for (const piece of pieces) {
    const end = at + piece.text.length;
    let from = at;
    while (from < end) {
      const [begin, stop] = hits[next] ?? [Infinity, Infinity];
      const hit = from >= begin;
      const to = Math.min(end, hit ? stop : begin);
      result.push({ ...piece, text: piece.text.slice(from - at, to - at), hit });
      if (to === stop) next += 1;
      from = to;
    }
    at = end;
  }
  return result;
}

function placesOf(whole: string, text: string): [number, number][] {
  const [lower, wanted] = [whole.toLowerCase(), text.toLowerCase()];
  const places: [number, number][] = [];
  // A few letters are longer as small letters: then the places do not fit the whole text.
  if (!wanted || lower.length !== whole.length) return places;
  for (let at = lower.indexOf(wanted); at >= 0 && places.length < MOST_MARKS; at = lower.indexOf(wanted, at + wanted.length)) {
    places.push([at, at + wanted.length]);
  }
  return places;
}
