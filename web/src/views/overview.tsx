import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { age, moment, number, plain } from "../logic/format";
import type { Page } from "../parts/page";
import { useScroller } from "../parts/scroller";
import { useNow } from "../parts/store";
import type { RunSource } from "../server/run_source";
import type { Condition, Detail, RunEvent } from "../server/types";
import { RunChart } from "./charts";
import { Timeline } from "./timeline";
import { optionsOf } from "../parts/chart_settings";

const CURVES = 2;

/** The first screen: attempts, then what is known beside them. */
export function Overview({ page, source, detail, query }: { page: Page; source: RunSource; detail: Detail; query: URLSearchParams }): JSX.Element {
  const options = useMemo(() => optionsOf(new URLSearchParams()), []);
  const curves = detail.metrics.filter((metric) => metric.type === "series").slice(0, CURVES);
  return (
    <div class="overview">
      <Timeline attempts={detail.attempts} />
      {curves.length > 0 && (
        <section class="card" aria-label="First metrics">
          <h2>Metrics</h2>
          <div class="two">
            {curves.map((metric) => (
              <RunChart key={metric.name} page={page} query={query} source={source} name={metric.name} options={options} />
            ))}
          </div>
        </section>
      )}
      <div class="columns">
        <section class="card">
          <h2>Events</h2>
          {detail.notes?.map((note) => (
            <p key={note} class="hint">
              {note}
            </p>
          ))}
          <Events events={detail.events} />
        </section>
        <section class="card">
          <h2>Conditions</h2>
          <Conditions conditions={detail.conditions} />
        </section>
        <Values title="Numbers" values={singles(detail)} />
        <Values title="Parameters" values={detail.parameters} />
        <Values title="Inputs" values={detail.inputs} />
        <Values title="Outputs" values={detail.outputs} />
        <Values title="Results" values={detail.results} />
        {detail.service && (
          <section class="card">
            <h2>Service</h2>
            <pre class="code small" tabIndex={0}>
              {detail.service.invoke}
            </pre>
          </section>
        )}
        <Values title="Labels" values={detail.row.labels} />
      </div>
    </div>
  );
}

function singles(detail: Detail): Record<string, unknown> {
  const found = detail.metrics.filter((metric) => metric.type === "single");
  return Object.fromEntries(found.slice(0, 200).map((metric) => [metric.name, number(metric.last)]));
}

/** A document may hold as many parameters as the API server takes, each as long as it likes. */
const SHOWN_VALUES = 200;
const SHOWN_LETTERS = 2_000;

function Values({ title, values }: { title: string; values: Record<string, unknown> }): JSX.Element | null {
  const entries = Object.entries(values);
  const scroller = useScroller();
  if (entries.length === 0) return null;
  return (
    <section class="card">
      <h2>{title}</h2>
      <dl class="values" ref={scroller}>
        {entries.slice(0, SHOWN_VALUES).map(([name, value]) => (
          <div key={name}>
            <dt>{shortened(name)}</dt>
            <dd>{shortened(plain(value))}</dd>
          </div>
        ))}
      </dl>
      {entries.length > SHOWN_VALUES && <p class="hint">And {entries.length - SHOWN_VALUES} more.</p>}
    </section>
  );
}

function shortened(text: string): string {
  return text.length > SHOWN_LETTERS ? `${text.slice(0, SHOWN_LETTERS)} … (${text.length} characters)` : text;
}

const SHOWN_EVENTS = 50;

function Events({ events }: { events: readonly RunEvent[] }): JSX.Element {
  const now = useNow(5000);
  const scroller = useScroller();
  if (events.length === 0) return <p class="hint">No Events. Kubernetes keeps them for an hour.</p>;
  const newest = [...events].sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1)).slice(0, SHOWN_EVENTS);
  return (
    <ol class="events" ref={scroller}>
      {newest.map((event, at) => (
        <li key={`${at} ${event.time}`} class={event.type === "Warning" ? "warn" : ""}>
          <time dateTime={event.time ?? ""} title={moment(event.time)}>
            {age(event.time, now)}
          </time>
          <span>
            <b>{event.reason}</b>
            {event.count > 1 && <small> ×{event.count}</small>} {event.message}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Conditions({ conditions }: { conditions: readonly Condition[] }): JSX.Element {
  const now = useNow(5000);
  const scroller = useScroller();
  if (conditions.length === 0) return <p class="hint">No conditions yet.</p>;
  return (
    <ol class="events conditions" ref={scroller}>
      {conditions.map((one) => (
        <li key={one.type}>
          <time dateTime={one.time ?? ""} title={moment(one.time ?? null)}>
            {age(one.time ?? null, now)}
          </time>
          <span>
            <b>{one.type}</b> <span class={`truth ${one.status.toLowerCase()}`}>{one.status}</span> {one.reason}
            {one.message && <small> {one.message}</small>}
          </span>
        </li>
      ))}
    </ol>
  );
}
