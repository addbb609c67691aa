import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { choices, matcher } from "../logic/filter";
import { age, functionName, number, span, stateWord } from "../logic/format";
import { type Column, type Line, duration, formatOrder, lines, ordered, parseOrder } from "../logic/order";
import { compareAddress, runAddress } from "../logic/route";
import { Choice, Spark, StateMark } from "../parts/small_parts";
import { useKeys } from "../parts/keys";
import { type Page, refine } from "../parts/page";
import { useVisibleLines } from "../parts/visible_lines";
import { useMedia, useNow, useStore } from "../parts/store";
import type { RunsSource } from "../server/runs_source";
import type { Row } from "../server/types";

const MOST_COMPARED = 100;

/** All Runs of a namespace, live. */
export function ListView({ page, source, query }: { page: Page; source: RunsSource; query: URLSearchParams }): JSX.Element {
  const rows = useStore(source.rows);
  const problem = useStore(source.problem);
  const now = useNow(1000);
  const order = useMemo(() => parseOrder(query.get("sort")), [query]);
  const grouped = query.get("group") === "function";
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const chosen = useStore(page.chosen);
  const section = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    if (section.current) section.current.scrollTop = page.scrolled;
  }, []);
  useEffect(() => source.open(), [source]);
  // A link shows another person the Runs of the same namespace, whatever that person's own is.
  useEffect(() => {
    if (!query.has("ns")) refine(page, { ns: source.namespace || "*" });
  }, [page, source, query]);

  const all = useMemo(() => [...rows.byUid.values()], [rows]);
  // Durations of running Runs grow: only that order, and a query for a time, depend on the time.
  const timed = order.column === "duration" || /duration|age/i.test(query.get("q") ?? "");
  const instant = timed ? Math.floor(now / 5000) : 0;
  const shown = useMemo(() => {
    const get = (key: string): string => query.get(key) ?? "";
    const wanted = { text: get("q"), project: get("project"), kind: get("kind"), state: get("state"), label: get("label") };
    return ordered(all.filter(matcher(wanted, Date.now())), order, Date.now());
  }, [all, query, order, instant]);
  const list = useMemo(() => lines(shown, grouped, closed), [shown, grouped, closed]);
  const compare = (): void => {
    const runs = all.filter((row) => chosen.has(row.uid)).map((row) => `${row.namespace}/${row.name}`);
    if (runs.length > MOST_COMPARED) {
      page.notice.set({ text: `${runs.length} Runs are selected. Only the first ${MOST_COMPARED} are compared.`, bad: true });
    }
    if (runs.length > 0) location.hash = compareAddress(runs.slice(0, MOST_COMPARED));
  };

  return (
    <section ref={section} class="list-view" data-scrolls aria-label="Runs" onScroll={(event) => (page.scrolled = event.currentTarget.scrollTop)}>
      <h1 class="unseen">Runs</h1>
      <div class="bar">
        <Filters page={page} rows={all} query={query} onEnter={() => firstOfLine(section.current, "[data-at]")?.focus()} />
        <span class="count" role="status">
          {countText(shown.length, all.length, rows.synced)}
        </span>
        <button type="button" class="button main" aria-disabled={chosen.size === 0} onClick={compare}>
          Compare {chosen.size || ""}
        </button>
      </div>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <Table
        page={page}
        list={list}
        order={order}
        now={now}
        chosen={chosen}
        closed={closed}
        onChoose={(uid) => page.chosen.set(toggled(chosen, uid))}
        onClose={(name) => setClosed(toggled(closed, name))}
        onCompare={compare}
      />
      {list.length === 0 && problem === null && <p class="empty">{emptyText(all.length, rows.synced)}</p>}
    </section>
  );
}

function countText(shown: number, all: number, synced: boolean): string {
  const text = shown === all ? `${all} Run${all === 1 ? "" : "s"}` : `${shown} of ${all} Runs`;
  return synced ? text : `${text}, loading …`;
}

function emptyText(all: number, synced: boolean): string {
  if (!synced) return "Loading …";
  return all === 0 ? "There are no Runs here yet. kubectl apply, the SDK or runctl apply starts one." : "No Run matches the filter.";
}

function toggled<T>(set: ReadonlySet<T>, one: T): Set<T> {
  const next = new Set(set);
  if (!next.delete(one)) next.add(one);
  return next;
}

interface FiltersProps {
  page: Page;
  rows: readonly Row[];
  query: URLSearchParams;
  /** Goes from the query to the Runs that it has found. */
  onEnter: () => void;
}

function Filters({ page, rows, query, onEnter }: FiltersProps): JSX.Element {
  const set = (key: string) => (value: string) => refine(page, { [key]: value });
  const menu = (label: string, key: "project" | "kind" | "state"): JSX.Element => {
    const options = choices(rows, (row) => row[key]);
    return (
      <Choice
        bare
        label={label}
        value={query.get(key) ?? ""}
        options={[["", `${label}: all`], ...options.map((one) => [one, key === "state" ? stateWord(one) : one] as const)]}
        onChoose={set(key)}
      />
    );
  };
  const sort = formatOrder(parseOrder(query.get("sort")));
  return (
    <search class="filters">
      <input
        type="search"
        id="filter"
        aria-label="Filter by text"
        placeholder="Words, -without, loss<0.3"
        title="Words to find in a Run; -word excludes Runs; state:error,stopped searches one field; loss<0.3, attempt>1, duration>2h, age<1d compare"
        value={query.get("q") ?? ""}
        onInput={(event) => refine(page, { q: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.isComposing) onEnter();
        }}
      />
      {menu("State", "state")}
      {menu("Project", "project")}
      {menu("Kind", "kind")}
      <input
        type="text"
        class="label-filter"
        aria-label="Filter by label"
        placeholder="label=value"
        value={query.get("label") ?? ""}
        onInput={(event) => refine(page, { label: event.currentTarget.value })}
      />
      <Choice
        bare
        label="Group"
        value={query.get("group") ?? ""}
        options={[["", "No groups"], ["function", "By function"]]}
        onChoose={set("group")}
      />
      <span class="only-narrow">
        <Choice
          bare
          label="Sort"
          value={sort}
          options={[["-created", "Newest"], ["state", "State"], ["title", "Name"], ["metric", "Metric"], ["-duration", "Longest"]]}
          onChoose={set("sort")}
        />
      </span>
    </search>
  );
}

const HEADS: readonly (readonly [Column, string])[] = [
  ["state", "State"],
  ["title", "Run"],
  ["function", "Function"],
  ["project", "Project"],
  ["kind", "Kind"],
  ["metric", "Metric"],
  ["attempt", "Attempt"],
  ["duration", "Duration"],
  ["created", "Age"],
];

interface TableProps {
  page: Page;
  list: readonly Line[];
  order: ReturnType<typeof parseOrder>;
  now: number;
  chosen: ReadonlySet<string>;
  closed: ReadonlySet<string>;
  onChoose: (uid: string) => void;
  onClose: (group: string) => void;
  onCompare: () => void;
}

function Table(props: TableProps): JSX.Element {
  const { page, list, order, now, chosen, closed, onChoose, onClose } = props;
  const narrow = useMedia("(max-width: 47rem)");
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const height = Math.round((narrow ? 4 : 2.75) * rem);
  const [body, setBody] = useState<HTMLElement | null>(null);
  const view = useVisibleLines(body, list.length, height);
  const place = useListPlace(body);
  useListKeys({ ...props, height, body, place });

  const sortBy = (column: Column): void => {
    const descending = order.column === column ? !order.descending : column === "created" || column === "duration";
    refine(page, { sort: formatOrder({ column, descending }) });
  };
  return (
    <div class="table" role="table" aria-label="Runs" aria-rowcount={list.length + 1}>
      <div class="row head" role="row" aria-rowindex={1}>
        <span role="columnheader" class="c-check">
          <span class="unseen">Compare</span>
        </span>
        {HEADS.map(([column, text]) => (
          <span key={column} role="columnheader" class={`c-${column}`} aria-sort={sortWord(order, column)}>
            <button type="button" onClick={() => sortBy(column)}>
              {text}
              {order.column === column && <i aria-hidden="true">{order.descending ? " ↓" : " ↑"}</i>}
            </button>
          </span>
        ))}
      </div>
      <div role="rowgroup" ref={setBody} style={{ height: `${list.length * height}px` }} class="body">
        <div role="presentation" style={{ transform: `translateY(${view.before}px)` }}>
          {list.slice(view.first, view.last).map((line, index) => {
            const place = view.first + index;
            return line.type === "group" ? (
              <GroupLine key={`group ${line.name}`} line={line} at={place} height={height} open={!closed.has(line.name)} onClose={onClose} />
            ) : (
              <RunLine key={line.row.uid} row={line.row} at={place} height={height} now={now} chosen={chosen.has(line.row.uid)} onChoose={onChoose} />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function sortWord(order: ReturnType<typeof parseOrder>, column: Column): "ascending" | "descending" | "none" {
  if (order.column !== column) return "none";
  return order.descending ? "descending" : "ascending";
}

interface GroupProps {
  line: Extract<Line, { type: "group" }>;
  at: number;
  height: number;
  open: boolean;
  onClose: (group: string) => void;
}

function GroupLine({ line, at, height, open, onClose }: GroupProps): JSX.Element {
  return (
    <div class="row group" role="row" aria-rowindex={at + 2} data-at={at} style={{ height: `${height}px` }}>
      <span role="cell">
        <button type="button" aria-expanded={open} onClick={() => onClose(line.name)}>
          <i aria-hidden="true">{open ? "▾" : "▸"}</i> {line.name ? functionName(line.name) : "without a function"}
        </button>
        <span class="muted">
          {" "}
          {line.count} ·{" "}
          {Object.entries(line.states)
            .map(([state, count]) => `${count} ${stateWord(state)}`)
            .join(", ")}
        </span>
      </span>
    </div>
  );
}

interface RunLineProps {
  row: Row;
  at: number;
  height: number;
  now: number;
  chosen: boolean;
  onChoose: (uid: string) => void;
}

function RunLine({ row, at, height, now, chosen, onChoose }: RunLineProps): JSX.Element {
  const words = [row.reason, row.message].filter(Boolean).join(": ");
  return (
    <div class={`row${chosen ? " chosen" : ""}`} role="row" aria-rowindex={at + 2} data-at={at} style={{ height: `${height}px` }}>
      <span role="cell" class="c-check">
        <input type="checkbox" aria-label={`Compare ${row.title}`} checked={chosen} onChange={() => onChoose(row.uid)} />
      </span>
      <span role="cell" class="c-state">
        <StateMark state={row.state} />
      </span>
      <span role="cell" class="c-title">
        <a href={runAddress(row.namespace, row.name)}>{row.title}</a>
        <small class={row.state === "ERROR" ? "bad" : ""} title={words}>
          {words || (row.title === row.name ? row.namespace : `${row.namespace}/${row.name}`)}
        </small>
      </span>
      <span role="cell" class="c-function" title={row.function ?? ""}>
        {functionName(row.function)}
      </span>
      <span role="cell" class="c-project">{row.project}</span>
      <span role="cell" class="c-kind">{row.kind}</span>
      <span role="cell" class="c-metric">
        <Spark row={row} />
        {row.metric && (
          <span title={row.metric.name}>
            <b>{number(row.metric.last)}</b> <small>{row.metric.name}</small>
          </span>
        )}
      </span>
      <span role="cell" class="c-attempt">{row.attempt || "–"}</span>
      <span role="cell" class="c-duration">{span(duration(row, now))}</span>
      <span role="cell" class="c-created">{age(row.created, now)}</span>
    </div>
  );
}

interface ListPlace {
  /** The line with the focus, or the one that gets it next; -1: none yet. */
  here: () => number;
  goTo: (at: number) => void;
}

/** The line that keys are about. The focus decides, because lines move while Runs come and go. */
function useListPlace(body: HTMLElement | null): ListPlace {
  const [, render] = useState(0);
  const last = useRef(-1);
  const focusLater = useRef(false);
  useEffect(() => {
    if (!focusLater.current) return;
    const line = firstOfLine(body, `[data-at="${last.current}"]`);
    if (!line) return; // it is mounted with the next look at what is seen
    focusLater.current = false;
    line.focus({ preventScroll: true });
  });
  return {
    here: () => {
      const line = focusLater.current ? null : document.activeElement?.closest<HTMLElement>("[data-at]");
      return line && body?.contains(line) ? Number(line.dataset["at"]) : last.current;
    },
    goTo: (at) => {
      last.current = at;
      focusLater.current = true;
      render((count) => count + 1);
    },
  };
}

/** The link of a Run, or the button of a group. */
function firstOfLine(body: HTMLElement | null, line: string): HTMLElement | null {
  return body?.querySelector<HTMLElement>(`${line} a, ${line} button`) ?? null;
}

interface KeysProps extends TableProps {
  height: number;
  body: HTMLElement | null;
  place: ListPlace;
}

/** j and k or the arrows go from line to line, Enter opens (it is a link), x chooses, c compares, / filters. */
function useListKeys({ list, height, body, place, onChoose, onClose, onCompare }: KeysProps): void {
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(list.length - 1, place.here() + by));
    const scroller = body?.closest<HTMLElement>("[data-scrolls]");
    if (scroller && body && list.length > 0) {
      const top = body.offsetTop + next * height;
      const rim = height * 2;
      if (top - rim < scroller.scrollTop) scroller.scrollTop = top - rim;
      if (top + rim > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + rim - scroller.clientHeight;
    }
    if (list.length > 0) place.goTo(next);
  };
  useKeys({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    x: () => {
      const line = list[place.here()];
      if (line?.type === "row") onChoose(line.row.uid);
      if (line?.type === "group") onClose(line.name);
    },
    c: onCompare,
    "/": () => document.getElementById("filter")?.focus(),
  });
}
