export interface Message {
  event: string;
  data: string;
}

const LONGEST = 32 * 1024 * 1024;

/** Reads Server-Sent Events from pieces of text. `fetch` reads them, so that the call can carry a header. */
export class EventReader {
  private rest = "";
  private event = "";
  private data: string[] = [];

  /** The messages that this piece completes. */
  read(piece: string): Message[] {
    this.rest += piece;
    if (this.rest.length > LONGEST) throw new Error("The server sent a line that is too long.");
    const found: Message[] = [];
    let from = 0;
    for (;;) {
      const end = this.rest.indexOf("\n", from);
      if (end < 0) break;
      const message = this.line(this.rest.slice(from, this.rest[end - 1] === "\r" ? end - 1 : end));
      if (message) found.push(message);
      from = end + 1;
    }
    this.rest = this.rest.slice(from);
    return found;
  }

  private line(line: string): Message | null {
    if (line === "") {
      const message = { event: this.event || "message", data: this.data.join("\n") };
      const complete = this.event !== "" || this.data.length > 0;
      this.event = "";
      this.data = [];
      return complete ? message : null;
    }
    if (line.startsWith(":")) return null;
    const at = line.indexOf(":");
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + (line[at + 1] === " " ? 2 : 1));
    if (field === "event") this.event = value;
    if (field === "data") this.data.push(value);
    return null;
  }
}
