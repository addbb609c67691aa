/** The token that `runctl ui` puts into the address. It leaves the address at once; a reload of this tab finds it again. */

const KEPT = "run-operator.token";

export function tokenOfAddress(): string | null {
  const match = /(?:^#|[?&])token=([^&]+)/.exec(location.hash);
  if (!match?.[1]) return null;
  const rest = location.hash.replace(/([?&])token=[^&]+&?/, "$1").replace(/[?&]$/, "");
  history.replaceState(null, "", location.pathname + location.search + (rest.startsWith("#token=") ? "" : rest));
  return decodeURIComponent(match[1]);
}

export function keepForTab(token: string): void {
  sessionStorage.setItem(KEPT, token);
}

export function keptForTab(): string | null {
  return sessionStorage.getItem(KEPT);
}

export function forgetForTab(): void {
  sessionStorage.removeItem(KEPT);
}
