import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { LogLines, found, marked } from "../logic/log_lines";
import { Check, Choice } from "../parts/small_parts";
import { download } from "../parts/files";
import { useKeys } from "../parts/keys";
import { type Page, refine } from "../parts/page";
import { useVisibleLines } from "../parts/visible_lines";
import { Refused, runPath, sentence } from "../server/client";
import type { Detail } from "../server/types";

const LINE = 18;
const TAIL = 20_000;
const AGAIN = 2_000;

interface Log {
  lines: LogLines;
  /** Counts up with each change, since the lines are one growing list. */
  version: number;
  note: string | null;
  problem: string | null;
  reading: boolean;
}

/** The log of one attempt: live while it runs, kept ones afterwards. */
export function LogTab({ page, detail, query }: { page: Page; detail: Detail; query: URLSearchParams }): JSX.Element {
  const { row } = detail;
  const numbers = detail.attempts.map((attempt) => attempt.number);
  const attempt = Number(query.get("attempt")) || (numbers[numbers.length - 1] ?? 1);
  const container = query.get("container") ?? "main";
  const open = detail.attempts.find((one) => one.number === attempt)?.ended === null;
  const missing = detail.rights.logs ?? null;
  const log = useLog(page, row.namespace, row.name, attempt, container, open);
  const [text, setText] = useState(query.get("find") ?? "");
  const only = query.has("only");
  const [follow, setFollow] = useState(true);
  const hits = useMemo(() => found(log.lines.lines, text), [log, text]);
  const save = async (): Promise<void> => {
    try {
      const path = logPath(row.namespace, row.name, attempt, container, "follow=0");
      const response = await page.client.open(path, AbortSignal.timeout(120_000));
      download(`${row.name}-attempt-${attempt}.log`, await response.blob());
    } catch (error) {
      page.notice.set({ text: sentence(error), bad: true });
    }
  };
  useKeys({ "/": () => document.getElementById("log-search")?.focus() });
  return (
    <section aria-label="Log" class="log-view">
      <div class="settings">
        <Choice
          label="Attempt"
          value={String(attempt)}
          options={(numbers.length ? numbers : [attempt]).map((one) => [String(one), `#${one}`] as const)}
          onChoose={(one) => refine(page, { attempt: one })}
        />
        <input
          type="search"
          id="log-search"
          aria-label="Search in the log"
          placeholder="Search in the log"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onChange={() => refine(page, { find: text })}
        />
        {text !== "" && (
          <span role="status" class="count">
            {hits.length} line{hits.length === 1 ? "" : "s"}
          </span>
        )}
        <Check label="only matches" on={only} onChange={(on) => refine(page, { only: on ? "1" : null })} />
        <Check label="follow" on={follow} onChange={setFollow} />
        <button type="button" class="button" onClick={() => void save()}>
          Download
        </button>
        <span class="muted">{log.reading ? (open ? "live" : "reading …") : ""}</span>
      </div>
      {log.problem !== null && (
        <p class="problem" role="alert">
          {log.problem}
        </p>
      )}
      {missing !== null && <p class="hint">Of pods that run you may see no lines: {missing} is missing.</p>}
      {log.note !== null && <p class="hint">{log.note}</p>}
      {log.lines.dropped > 0 && <p class="hint">The first {log.lines.dropped} lines that were read are no longer here: the page holds the last 100,000.</p>}
      <LogText log={log} text={text} places={only && text !== "" ? hits : null} hits={hits} follow={follow} onFollow={setFollow} />
    </section>
  );
}

function logPath(namespace: string, name: string, attempt: number, container: string, rest: string): string {
  return `${runPath(namespace, name)}/logs?attempt=${attempt}&container=${encodeURIComponent(container)}&${rest}`;
}

/** Reads the log; that of a running attempt without end. After a lost connection it begins again. */
function useLog(page: Page, namespace: string, name: string, attempt: number, container: string, open: boolean): Log {
  const [log, set] = useState<Log>(() => ({ lines: new LogLines(), version: 0, note: null, problem: null, reading: true }));
  useEffect(() => {
    const closing = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let frame = 0;
    const change = (more: Partial<Log>): void => {
      if (!closing.signal.aborted) set((old) => ({ ...old, version: old.version + 1, ...more }));
    };
    const begin = async (): Promise<void> => {
      // The lines that were read before stay until there are new ones, so that a lost connection does not empty the screen.
      const lines = new LogLines();
      change({ problem: null, reading: true });
      try {
        const path = logPath(namespace, name, attempt, container, `follow=${open ? 1 : 0}&tail=${TAIL}`);
        const response = await page.client.open(path, closing.signal);
        change({ note: response.headers.get("X-Log-Note") });
        const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const piece = await reader?.read();
          if (!piece || piece.done) break;
          lines.read(piece.value);
          frame ||= requestAnimationFrame(() => {
            frame = 0;
            change({ lines });
          });
        }
        lines.end();
        change({ lines, reading: open });
        if (open) timer = setTimeout(() => void begin(), AGAIN);
      } catch (error) {
        if (closing.signal.aborted) return;
        change({ problem: sentence(error), reading: false });
        if (error instanceof Refused && error.status === 403) return;
        timer = setTimeout(() => void begin(), AGAIN);
      }
    };
    change({ lines: new LogLines(), note: null });
    void begin();
    return () => {
      closing.abort();
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, [page, namespace, name, attempt, container, open]);
  return log;
}

interface TextProps {
  log: Log;
  text: string;
  /** The lines that are shown; null: all. */
  places: readonly number[] | null;
  hits: readonly number[];
  follow: boolean;
  onFollow: (follow: boolean) => void;
}

function LogText({ log, text, places, hits, follow, onFollow }: TextProps): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const [body, setBody] = useState<HTMLElement | null>(null);
  const all = log.lines.lines;
  const count = places ? places.length : all.length;
  const view = useVisibleLines(body, count, LINE, 20);
  useEffect(() => {
    if (follow && text === "" && scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [log, follow, text]);
  useEffect(() => {
    const first = hits[0];
    if (text !== "" && !places && first !== undefined && scroller.current) {
      scroller.current.scrollTop = Math.max(0, first * LINE - 60);
    }
  }, [text, places === null]);
  const wheel = (event: WheelEvent): void => {
    if (event.deltaY < 0) onFollow(false);
  };
  const key = (event: KeyboardEvent): void => {
    if (["ArrowUp", "PageUp", "Home"].includes(event.key)) onFollow(false);
  };
  const rows = [];
  for (let at = view.first; at < view.last; at += 1) {
    const place = places ? (places[at] as number) : at;
    const line = all[place];
    if (!line) continue;
    rows.push(
      <div key={place} class="log-line">
        <span class="log-number" aria-hidden="true">
          {place + 1 + log.lines.dropped}
        </span>
        <span>
          {marked(line.pieces, text).map((piece, index) =>
            piece.hit ? (
              <mark key={index}>{piece.text}</mark>
            ) : piece.classes ? (
              <span key={index} class={piece.classes}>
                {piece.text}
              </span>
            ) : (
              piece.text
            ),
          )}
        </span>
      </div>,
    );
  }
  return (
    <div ref={scroller} class="log" data-scrolls tabIndex={0} role="log" aria-live="off" aria-label="Lines of the log" onWheel={wheel} onKeyDown={key}>
      <div ref={setBody} style={{ height: `${count * LINE}px` }}>
        <div style={{ transform: `translateY(${view.before}px)` }}>{rows}</div>
      </div>
      {count === 0 && !log.reading && log.problem === null && <p class="hint">{all.length ? "No line has this text." : "The log is empty."}</p>}
    </div>
  );
}
