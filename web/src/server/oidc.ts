import type { Oidc } from "./types";

/** Signing in with the cluster's OpenID provider: the code flow with PKCE (RFC 7636), without a secret. */

const KEPT = "run-operator.sign-in";

interface Kept {
  verifier: string;
  state: string;
  place: string;
}

/** Goes to the provider. The verifier waits in this tab's storage; no token is ever kept there. */
export async function goToProvider(oidc: Oidc): Promise<void> {
  const place = oidc.authorizationEndpoint;
  if (!place) return;
  const kept: Kept = { verifier: random(), state: random(), place: location.hash };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: oidc.clientId,
    redirect_uri: returnAddress(),
    scope: oidc.scopes.join(" ") || "openid",
    state: kept.state,
    code_challenge: await challenge(kept.verifier),
    code_challenge_method: "S256",
  });
  location.assign(`${place}${place.includes("?") ? "&" : "?"}${query}`);
}

/** True when the provider has just sent the person back. */
export function isBack(): boolean {
  const query = new URLSearchParams(location.search);
  return query.has("state") && (query.has("code") || query.has("error"));
}

/** The token for the code in the address, which is taken out of the address first. */
export async function tokenOfCode(oidc: Oidc): Promise<string> {
  const query = new URLSearchParams(location.search);
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Kept | null;
  sessionStorage.removeItem(KEPT);
  history.replaceState(null, "", location.pathname + (kept?.place ?? ""));
  const refusal = query.get("error_description") ?? query.get("error");
  if (refusal) throw new Error(`The provider refused to sign you in: ${refusal}.`);
  if (!kept || query.get("state") !== kept.state) throw new Error("This answer of the provider is not for this page. Sign in again.");
  if (!oidc.tokenEndpoint) throw new Error("The provider cannot be asked for a token: its address is not known.");
  const response = await fetch(oidc.tokenEndpoint, {
    method: "POST",
    credentials: "omit",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: oidc.clientId,
      code: query.get("code") ?? "",
      redirect_uri: returnAddress(),
      code_verifier: kept.verifier,
    }),
  });
  if (!response.ok) throw new Error(`The provider sent no token: it answered with status ${response.status}.`);
  const answer = (await response.json()) as { id_token?: unknown };
  if (typeof answer.id_token !== "string") throw new Error("The provider's answer has no id_token.");
  return answer.id_token;
}

function returnAddress(): string {
  return location.origin + location.pathname;
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challenge(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
