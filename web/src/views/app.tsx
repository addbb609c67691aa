import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { moment } from "../logic/format";
import { listAddress } from "../logic/route";
import { Choice, Dialog } from "../parts/small_parts";
import { Boundary } from "../parts/boundary";
import { SHORTCUTS, useKeys } from "../parts/keys";
import { type Page, refine } from "../parts/page";
import { useStore } from "../parts/store";
import { RunsSource } from "../server/runs_source";
import { CompareView } from "./compare";
import { ListView } from "./list";
import { RunView } from "./run";
import { SignIn } from "./sign_in";

/** The page: its bar, what is said across all views, and the view of the address. */
export function App({ page, onToken, onSignOut }: { page: Page; onToken: (token: string) => Promise<void>; onSignOut: () => void }): JSX.Element {
  const signedOut = useStore(page.signedOut);
  const [help, setHelp] = useState(false);
  useKeys({ "?": () => setHelp(true), g: () => (location.hash = listAddress()) });
  if (signedOut !== null) {
    return (
      <>
        <Lost page={page} />
        <SignIn page={page} onToken={onToken} />
      </>
    );
  }
  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>
        Skip to the content
      </a>
      <TopBar page={page} onHelp={() => setHelp(true)} onSignOut={onSignOut} />
      <Lost page={page} />
      <main id="main" tabIndex={-1}>
        <Shown page={page} />
      </main>
      <Notice page={page} />
      {help && (
        <Dialog title="Keyboard" onClose={() => setHelp(false)}>
          <dl class="shortcuts">
            {SHORTCUTS.map(([key, text]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      )}
    </>
  );
}

function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Shown({ page }: { page: Page }): JSX.Element {
  const place = useStore(page.place);
  return (
    <Boundary what="This view" again={place}>
      <View page={page} />
    </Boundary>
  );
}

function View({ page }: { page: Page }): JSX.Element {
  const place = useStore(page.place);
  const namespace = useStore(page.namespace);
  // The Runs stay known while the person looks at one of them, so that the list is there at once afterwards.
  const source = useMemo(() => new RunsSource(page, namespace), [page, namespace]);
  useEffect(() => {
    document.title = place.view === "run" ? `${place.name} · Runs` : place.view === "compare" ? "Comparison · Runs" : "Runs";
  }, [place]);
  const where = place.view === "run" ? `${place.namespace}/${place.name}` : place.view;
  const first = useRef(true);
  useEffect(() => {
    // A person who works by keyboard goes on in the new view.
    if (!first.current) document.getElementById("main")?.focus({ preventScroll: true });
    first.current = false;
  }, [where]);
  switch (place.view) {
    case "list":
      return <ListView key={namespace} page={page} source={source} query={place.query} />;
    case "run":
      return <RunView key={`${place.namespace}/${place.name}`} page={page} namespace={place.namespace} name={place.name} query={place.query} />;
    case "compare":
      return <CompareView page={page} runs={place.runs} query={place.query} />;
    default:
      return (
        <p class="empty">
          This address leads nowhere. <a href={listAddress()}>To the list of Runs</a>
        </p>
      );
  }
}

function TopBar({ page, onHelp, onSignOut }: { page: Page; onHelp: () => void; onSignOut: () => void }): JSX.Element {
  const session = useStore(page.session);
  return (
    <header class="top">
      <a class="brand" href={listAddress()}>
        <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
          <path d="M1 13 L5 8 L8 11 L12 4 L17 4" />
          <circle cx="12" cy="4" r="2" />
        </svg>
        Runs
      </a>
      <Namespaces page={page} />
      <span class="right">
        {session?.user && (
          <span class="user" title={session.user.groups.join("\n")}>
            {session.user.name}
          </span>
        )}
        <button type="button" class="button quiet" aria-label="Keyboard shortcuts" onClick={onHelp}>
          ?
        </button>
        {session?.mode === "gateway" && (
          <button type="button" class="button quiet" onClick={onSignOut}>
            Sign out
          </button>
        )}
      </span>
    </header>
  );
}

/** The choice of the namespace. A person who may not list namespaces writes its name. */
function Namespaces({ page }: { page: Page }): JSX.Element {
  const namespace = useStore(page.namespace);
  const known = useStore(page.namespaces);
  const choose = (next: string): void => {
    page.namespace.set(next);
    if (page.place.value.view === "list") refine(page, { ns: next || "*" });
    else location.hash = listAddress({ ns: next || "*" });
  };
  if (known.items.length === 0 && !known.all) {
    return (
      <label class="choice">
        <span>Namespace</span>
        <input type="text" value={namespace} onChange={(event) => choose(event.currentTarget.value.trim())} />
      </label>
    );
  }
  const all: (readonly [string, string])[] = known.all ? [["", "all"]] : [];
  return <Choice label="Namespace" value={namespace} options={[...all, ...known.items.map((one) => [one, one] as const)]} onChoose={choose} />;
}

/** Says that the server does not answer. The view keeps its last state, and the connection comes back by itself. */
function Lost({ page }: { page: Page }): JSX.Element | null {
  const lost = useStore(page.lost).size > 0;
  const [since, setSince] = useState<string | null>(null);
  useEffect(() => {
    if (!lost) {
      setSince(null);
      return undefined;
    }
    // A stream that is renewed is away for a moment: that is not worth a word.
    const timer = setTimeout(() => setSince(new Date().toISOString()), 1500);
    return () => clearTimeout(timer);
  }, [lost]);
  if (since === null) return null;
  return (
    <p class="lost" role="alert">
      The server has not answered since {moment(since).slice(11)}. The page shows the state of that time, and tries again by itself.
    </p>
  );
}

const NOTICE_TIME = 8_000;

function Notice({ page }: { page: Page }): JSX.Element {
  const notice = useStore(page.notice);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => page.notice.set(null), NOTICE_TIME);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <div class="notices" role="status" aria-live="polite">
      {notice && (
        <p class={notice.bad ? "notice bad" : "notice"}>
          {notice.text}
          <button type="button" class="button quiet" aria-label="Close" onClick={() => page.notice.set(null)}>
            ✕
          </button>
        </p>
      )}
    </div>
  );
}

