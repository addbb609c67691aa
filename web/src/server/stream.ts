import { EventReader, type Message } from "../logic/sse";
import { type Client, Refused } from "./client";

export interface Handlers {
  /** A new stream begins: it will tell everything from the start. */
  onOpen: () => void;
  onMessage: (message: Message) => void;
  /** False: the stream is lost and is tried again. True: it is back. */
  onLink: (online: boolean) => void;
  /** The server refuses this stream; it is not tried again. */
  onRefused: (error: Refused) => void;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8_000;
/** The server sends something every 15 s; a stream that is silent for longer is dead. */
const SILENCE = 40_000;

/** Answers that another try may change: too many requests, and a list that has changed meanwhile. */
const AGAIN = new Set([410, 429]);

/** Keeps a stream of events open until it is closed. */
export function follow(client: Client, path: string, handlers: Handlers): () => void {
  const closing = new AbortController();
  void keepOpen(client, path, handlers, closing.signal);
  return () => closing.abort();
}

async function keepOpen(client: Client, path: string, handlers: Handlers, closed: AbortSignal): Promise<void> {
  let pause = FIRST_PAUSE;
  while (!closed.aborted) {
    try {
      const heard = await readOnce(client, path, handlers, closed);
      if (heard) pause = FIRST_PAUSE;
    } catch (error) {
      if (closed.aborted) return;
      if (error instanceof Refused && !AGAIN.has(error.status) && error.status < 500) {
        handlers.onRefused(error);
        return;
      }
      handlers.onLink(false);
    }
    if (closed.aborted) return;
    await sleep(pause * (0.75 + Math.random() / 2), closed);
    pause = Math.min(LONGEST_PAUSE, pause * 2);
  }
}

/** Reads until the stream ends. True: it has brought something. */
async function readOnce(client: Client, path: string, handlers: Handlers, closed: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE);
  const signal = AbortSignal.any([closed, silence.signal]);
  try {
    const response = await client.open(path, signal);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (!reader) return false;
    handlers.onOpen();
    handlers.onLink(true);
    const events = new EventReader();
    let heard = false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
      for (const message of events.read(value)) {
        if (message.event === "expired") return true;
        heard = true;
        handlers.onMessage(message);
      }
    }
    handlers.onLink(false);
    return heard;
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function sleep(milliseconds: number, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      closed.removeEventListener("abort", done);
      resolve();
    }
    closed.addEventListener("abort", done);
  });
}
