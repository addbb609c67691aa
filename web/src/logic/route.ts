/** Where the person is: `#/runs?q=…`, `#/runs/NS/NAME?tab=…`, `#/compare?run=NS/NAME&run=…`. Every view has its address. */
export type Place =
  | { view: "list"; query: URLSearchParams }
  | { view: "run"; namespace: string; name: string; query: URLSearchParams }
  | { view: "compare"; runs: string[]; query: URLSearchParams }
  | { view: "unknown"; query: URLSearchParams };

export function parsePlace(hash: string): Place {
  const [path = "", search = ""] = split(hash.replace(/^#/, ""), "?");
  const query = new URLSearchParams(search);
  const parts = path.split("/").filter(Boolean).map(decoded);
  if (parts.length === 0) return { view: "list", query };
  if (parts[0] === "runs" && parts.length === 1) return { view: "list", query };
  if (parts[0] === "runs" && parts.length === 3) {
    return { view: "run", namespace: parts[1] ?? "", name: parts[2] ?? "", query };
  }
  if (parts[0] === "compare" && parts.length === 1) return { view: "compare", runs: query.getAll("run"), query };
  return { view: "unknown", query };
}

export function listAddress(query: URLSearchParams | Record<string, string> = {}): string {
  return address("#/runs", query);
}

export function runAddress(namespace: string, name: string, query: URLSearchParams | Record<string, string> = {}): string {
  return address(`#/runs/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, query);
}

export function compareAddress(runs: readonly string[]): string {
  const query = new URLSearchParams();
  for (const run of runs) query.append("run", run);
  return address("#/compare", query);
}

function address(path: string, query: URLSearchParams | Record<string, string>): string {
  const kept = new URLSearchParams();
  for (const [key, value] of new URLSearchParams(query)) if (value) kept.append(key, value);
  const text = kept.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text ? `${path}?${text}` : path;
}

function split(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
