import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Page } from "../parts/page";
import { useStore } from "../parts/store";
import { sentence } from "../server/client";
import { goToProvider } from "../server/oidc";
import type { Oidc } from "../server/types";

/** The sign-in of a person without a token: with the cluster's provider, or with a token of Kubernetes. */
export function SignIn({ page, onToken }: { page: Page; onToken: (token: string) => Promise<void> }): JSX.Element {
  const session = useStore(page.session);
  const why = useStore(page.signedOut);
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const local = session?.mode === "loopback";
  const enter = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await onToken(token.trim());
    } catch (error) {
      setProblem(sentence(error));
    }
  };
  return (
    <main class="sign-in">
      <h1>Runs</h1>
      {(problem ?? why) && (
        <p class="problem" role="alert">
          {problem ?? why}
        </p>
      )}
      {local && (
        <p>
          This page belongs to <code>runctl ui</code>. Open it by the address that runctl has printed: that one holds the token.
        </p>
      )}
      {!local && session?.oidc && <Provider oidc={session.oidc} />}
      {!local && session?.oidcProblem && (
        <p class="problem calm" role="status">
          There is no sign-in with the cluster's provider now: {session.oidcProblem}. A token works meanwhile; a reload of the page tries again.
        </p>
      )}
      {!local && (
        <form onSubmit={(event) => void enter(event)}>
          <label for="token">A Kubernetes token</label>
          <input
            id="token"
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <p class="hint">
            <code>kubectl create token NAME</code> makes one for a service account. The page keeps it in memory only: a reload forgets it.
          </p>
          <button type="submit" class="button main" disabled={token.trim() === ""}>
            Sign in
          </button>
        </form>
      )}
    </main>
  );
}

function Provider({ oidc }: { oidc: Oidc }): JSX.Element {
  return (
    <p>
      <button type="button" class="button main" onClick={() => void goToProvider(oidc)}>
        Sign in with {hostOf(oidc.issuer)}
      </button>
    </p>
  );
}

function hostOf(issuer: string): string {
  try {
    return new URL(issuer).host;
  } catch {
    return "the provider";
  }
}
