import type { JSX } from "preact";
import { moment, span } from "../logic/format";
import { lanes } from "../logic/timeline";
import { useScroller } from "../parts/scroller";
import { useNow } from "../parts/store";
import { StateMark } from "../parts/small_parts";
import type { Attempt } from "../server/types";

const PHASES = ["queued", "pending", "running", "stopping"];

/** Each attempt on a line of its own: how long it waited, ran and stopped, how it ended, and by whom. */
export function Timeline({ attempts }: { attempts: readonly Attempt[] }): JSX.Element {
  const live = attempts.some((attempt) => !attempt.ended);
  const now = useNow(live ? 1000 : 60_000);
  const picture = lanes(attempts, now);
  return (
    <section class="card timeline">
      <h2>Attempts</h2>
      {attempts.length === 0 && <p class="hint">No attempt yet.</p>}
      <ol>
        {[...picture.lanes].reverse().map(({ attempt, segments }) => (
          <li key={attempt.number}>
            <span class="lane-name">
              <b>#{attempt.number}</b> <StateMark state={attempt.state} />
            </span>
            <span class="lane" aria-hidden="true">
              {picture.pauses.map(([from, to]) => (
                <i key={from} class="pause" style={{ left: percent(from), width: percent(to - from) }} />
              ))}
              {segments.map((segment) => (
                <i
                  key={segment.phase + segment.from}
                  class={`phase phase-${PHASES.includes(segment.phase) ? segment.phase : "pending"}`}
                  style={{ left: percent(segment.from), width: percent(segment.to - segment.from) }}
                  title={`${segment.phase} ${span(segment.milliseconds)}`}
                />
              ))}
            </span>
            <span class="lane-text">
              {segments.map((segment, index) => (
                <span key={segment.phase + segment.from}>{`${segment.phase} ${span(segment.milliseconds)}${index < segments.length - 1 ? "," : ""}`}</span>
              ))}
              {segments.length === 0 && "not started"}
              {attempt.exitCode !== null && <b class={attempt.state === "failed" ? "bad" : ""}> exit {attempt.exitCode}</b>}
            </span>
            <Ending attempt={attempt} />
          </li>
        ))}
      </ol>
      <p class="key" aria-hidden="true">
        {PHASES.map((phase) => (
          <span key={phase}>
            <i class={`phase-${phase}`} /> {phase}
          </span>
        ))}
      </p>
    </section>
  );
}

function Ending({ attempt }: { attempt: Attempt }): JSX.Element {
  const parts: string[] = [];
  if (attempt.interruptedBy) parts.push(`interrupted by ${attempt.interruptedBy}`);
  const words = [attempt.reason, attempt.message].filter(Boolean).join(": ");
  if (words) parts.push(words);
  if (attempt.pod) parts.push(`pod ${attempt.pod}`);
  if (attempt.started) parts.push(`from ${moment(attempt.started)}`);
  return (
    <span class="lane-end" ref={useScroller()}>
      {parts.join(" · ")}
    </span>
  );
}

function percent(part: number): string {
  return `${(part * 100).toFixed(2)}%`;
}
