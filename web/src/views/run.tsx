import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { age, functionName, moment, span } from "../logic/format";
import { duration } from "../logic/order";
import { listAddress } from "../logic/route";
import { Action, BackToList, Facts, SafeLink, StateMark } from "../parts/small_parts";
import { useKeys } from "../parts/keys";
import { type Page, refine } from "../parts/page";
import { useScroller } from "../parts/scroller";
import { useNow, useStore } from "../parts/store";
import { Refused, sentence } from "../server/client";
import { RunSource } from "../server/run_source";
import type { Detail, Row, Verb } from "../server/types";
import { ChartsTab } from "./charts";
import { CommandsDialog } from "./commands";
import { DeleteDialog } from "./delete";
import { LogTab } from "./log";
import { Overview } from "./overview";
import { DocumentTab } from "./document";

const TABS = ["overview", "metrics", "log", "document"] as const;
type Tab = (typeof TABS)[number];

/** One Run: what it is, what is wrong with it, and everything that is known of it. */
export function RunView({ page, namespace, name, query }: { page: Page; namespace: string; name: string; query: URLSearchParams }): JSX.Element {
  const source = useMemo(() => new RunSource(page, namespace, name), [page, namespace, name]);
  useEffect(() => source.open(), [source]);
  const detail = useStore(source.detail);
  const problem = useStore(source.problem);
  const gone = useStore(source.gone);
  const tab = TABS.find((one) => one === query.get("tab")) ?? "overview";
  const go = (next: Tab): void => refine(page, { tab: next === "overview" ? null : next });
  useKeys({ "1": () => go("overview"), "2": () => go("metrics"), "3": () => go("log"), "4": () => go("document") });

  return (
    <article class="run-view" data-scrolls aria-label={`Run ${name}`}>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {gone && (
        <p class="problem" role="status">
          {detail ? "This Run has been deleted. The page shows its last state." : "There is no such Run, or it has been deleted."}
        </p>
      )}
      {detail === null && problem === null && !gone && <p class="empty">Loading …</p>}
      {detail === null && gone && <a href={listAddress()}>Back to the list</a>}
      {detail !== null && (
        <>
          <Head page={page} source={source} detail={detail} gone={gone} />
          <nav class="tabs" role="tablist" aria-label="Parts of the Run">
            {TABS.map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                id={`tab-${one}`}
                aria-selected={tab === one}
                aria-controls="panel"
                tabIndex={tab === one ? 0 : -1}
                onClick={() => go(one)}
                onKeyDown={(event) => turn(event, one, go)}
              >
                {tabText(one, detail)}
              </button>
            ))}
          </nav>
          <div role="tabpanel" id="panel" aria-labelledby={`tab-${tab}`} tabIndex={-1} class="panel">
            {tab === "overview" && <Overview page={page} source={source} detail={detail} query={query} />}
            {tab === "metrics" && <ChartsTab page={page} source={source} detail={detail} query={query} />}
            {tab === "log" && <LogTab page={page} detail={detail} query={query} />}
            {tab === "document" && <DocumentTab page={page} detail={detail} query={query} />}
          </div>
        </>
      )}
    </article>
  );
}

function tabText(tab: Tab, detail: Detail): string {
  if (tab === "metrics") return detail.metrics.length ? `Metrics ${detail.metrics.length}` : "Metrics";
  return { overview: "Overview", log: "Log", document: "Document" }[tab];
}

function turn(event: KeyboardEvent, from: Tab, go: (tab: Tab) => void): void {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const next = TABS[(TABS.indexOf(from) + by + TABS.length) % TABS.length] as Tab;
  go(next);
  document.getElementById(`tab-${next}`)?.focus();
}

interface HeadProps {
  page: Page;
  source: RunSource;
  detail: Detail;
  gone: boolean;
}

function Head({ page, source, detail, gone }: HeadProps): JSX.Element {
  const { row } = detail;
  const now = useNow(1000);
  return (
    <header class="run-head">
      <div class="run-title">
        <BackToList page={page} />
        <h1 class="clamp" title={row.title}>
          {row.title}
        </h1>
        <StateMark state={row.state} />
        <Buttons page={page} source={source} detail={detail} gone={gone} />
      </div>
      <Verdict detail={detail} />
      <Facts facts={factsOf(row, detail, now)} />
    </header>
  );
}

/** One sentence about what is wrong with the Run, or about its state. */
function Verdict({ detail }: { detail: Detail }): JSX.Element | null {
  const { row } = detail;
  const scroller = useScroller();
  if (!row.reason && !row.message) return null;
  const kind = row.state === "ERROR" ? "bad" : row.reason && row.state !== "COMPLETED" ? "warn" : "calm";
  return (
    <p class={`verdict ${kind}`} ref={scroller}>
      {row.reason && <b>{row.reason}</b>} {row.message}
    </p>
  );
}

function factsOf(row: Row, detail: Detail, now: number): (readonly [string, JSX.Element | string])[] {
  const last = detail.attempts[detail.attempts.length - 1];
  const facts: (readonly [string, JSX.Element | string])[] = [
    ["Name", <code key="name">{`${row.namespace}/${row.name}`}</code>],
    ["Kind", row.kind],
    ["Function", <span key="function" title={row.function ?? ""}>{functionName(row.function)}</span>],
    ["Project", row.project],
    ["Attempt", row.attempt ? String(row.attempt) : "–"],
    ["Duration", span(duration(row, now))],
    ["Created", `${moment(row.created)} (${age(row.created, now)} ago)`],
  ];
  if (row.user) facts.push(["By", row.user]);
  if (last?.exitCode !== null && last?.exitCode !== undefined) facts.push(["Exit code", String(last.exitCode)]);
  const url = detail.service?.url ?? row.url;
  if (url) facts.push(["Service", <SafeLink key="url" to={url} />]);
  return facts;
}

function Buttons({ page, source, detail, gone }: HeadProps): JSX.Element {
  const [dialog, setDialog] = useState<"delete" | "commands" | null>(null);
  const { row } = detail;
  const act = async (verb: "stop" | "resume"): Promise<void> => {
    try {
      await page.client[verb](row.namespace, row.name);
      page.notice.set({ text: verb === "stop" ? `${row.title} was asked to stop.` : `${row.title} was asked to resume.`, bad: false });
    } catch (error) {
      if (error instanceof Refused && error.problem.missing) source.lose(verb, error.problem.missing);
      page.notice.set({ text: sentence(error), bad: true });
    }
  };
  const stopped = row.suspended || row.state === "STOPPED";
  return (
    <div class="buttons">
      {stopped ? (
        <Action kind="main" label="Resume" refused={refusal(detail, "resume", gone)} onAct={() => void act("resume")} />
      ) : (
        <Action label="Stop" refused={refusal(detail, "stop", gone)} onAct={() => void act("stop")} />
      )}
      <Action label="Copy as …" refused={null} onAct={() => setDialog("commands")} />
      <Action kind="bad" label="Delete …" refused={refusal(detail, "delete", gone)} onAct={() => setDialog("delete")} />
      {dialog === "commands" && <CommandsDialog page={page} commands={detail.commands} onClose={() => setDialog(null)} />}
      {dialog === "delete" && <DeleteDialog page={page} row={row} onClose={() => setDialog(null)} />}
    </div>
  );
}

/** Why a button does nothing: the right that is missing, or the state of the Run. */
function refusal(detail: Detail, verb: Verb, gone: boolean): string | null {
  if (gone) return "the Run is deleted";
  const missing = detail.rights[verb];
  if (missing) return `you may not ${missing}`;
  const ended = detail.row.state === "COMPLETED" || detail.row.state === "ERROR";
  if ((verb === "stop" || verb === "resume") && ended) return "the Run has ended";
  return null;
}

