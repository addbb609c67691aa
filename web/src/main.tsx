import { render } from "preact";
import { type Page, makePage, setLink, show } from "./parts/page";
import { forgetForTab, keepForTab, keptForTab, tokenOfAddress } from "./server/tab_token";
import { Unreachable, sentence } from "./server/client";
import { isBack, tokenOfCode } from "./server/oidc";
import { App } from "./views/app";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/views.css";
import "./style/charts.css";

const AGAIN = 2_000;

/** Begins: who is the server, who is the person, then the view of the address. */
async function begin(page: Page, arrived: string | null): Promise<void> {
  const session = await untilAnswered(page, () => page.client.session());
  page.session.set(session);
  if (session.mode === "loopback") {
    const token = arrived ?? keptForTab();
    if (!token) return;
    keepForTab(token);
    await tried(page, token);
  } else if (session.oidc && isBack()) {
    try {
      const token = await tokenOfCode(session.oidc);
      show(page, location.hash);
      await signIn(page, token);
    } catch (error) {
      page.signedOut.set(sentence(error));
    }
  }
}

async function tried(page: Page, token: string): Promise<void> {
  try {
    await signIn(page, token);
  } catch (error) {
    forgetForTab();
    page.signedOut.set(sentence(error));
  }
}

/** Takes the token if the server knows whose it is. Throws a sentence if not. */
async function signIn(page: Page, token: string): Promise<void> {
  page.client.signIn(token);
  const session = await untilAnswered(page, () => page.client.session());
  if (!session.user) {
    page.client.signOut();
    throw new Error("The server does not know this token. It may have expired.");
  }
  const namespaces = await untilAnswered(page, () => page.client.namespaces());
  page.session.set(session);
  page.namespaces.set(namespaces);
  const asked = page.place.value.query.get("ns");
  const usual = session.namespace ?? (namespaces.all ? "" : (namespaces.items[0] ?? "default"));
  page.namespace.set(asked === null ? usual : asked === "*" ? "" : asked);
  page.signedOut.set(null);
}

/** Asks until the server answers; says meanwhile that it does not. */
async function untilAnswered<T>(page: Page, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      const answer = await ask();
      setLink(page, "start", true);
      return answer;
    } catch (error) {
      if (!(error instanceof Unreachable)) {
        setLink(page, "start", true);
        throw error;
      }
      setLink(page, "start", false);
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }
}

// The token leaves the address before anything reads it.
const arrived = tokenOfAddress();
const page = makePage();
const root = document.getElementById("app");
if (root) {
  const signOut = (): void => {
    page.client.signOut();
    page.signedOut.set("You have signed out.");
  };
  render(<App page={page} onToken={(token) => signIn(page, token)} onSignOut={signOut} />, root);
  begin(page, arrived).catch((error: unknown) => page.signedOut.set(sentence(error)));
}
