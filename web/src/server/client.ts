import type { Span } from "../logic/finer_points";
import type { Comparison, Detail, Problem, Row, Series, Session } from "./types";

/** The server refused; `message` is a sentence, `missing` the right that the person lacks. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.missing ? `${problem.message} The missing right: ${problem.missing}.` : problem.message);
  }
}

/** The server did not answer. */
export class Unreachable extends Error {}

export type Listener = (online: boolean) => void;

const DEADLINE = 20_000;

/** Calls of the server, with the person's token. The token lives here and in no storage, unless the server is on this machine. */
export class Client {
  private token: string | null = null;
  onSignedOut: (why: string) => void = () => undefined;

  get signedIn(): boolean {
    return this.token !== null;
  }

  signIn(token: string): void {
    this.token = token;
  }

  signOut(): void {
    this.token = null;
  }

  session(): Promise<Session> {
    return this.json("api/session");
  }

  namespaces(): Promise<{ items: string[]; all: boolean }> {
    return this.json("api/namespaces");
  }

  detail(namespace: string, name: string, signal?: AbortSignal): Promise<Detail> {
    return this.json(runPath(namespace, name), signal ? { signal } : {});
  }

  /** Series in at most so many points each; `span`: only these steps, with points as fine as they are kept. */
  async metrics(
    namespace: string,
    name: string,
    metrics: readonly string[],
    { points, span, signal }: { points: number; span?: Span; signal?: AbortSignal },
  ): Promise<Series[]> {
    const names = metrics.map((one) => `name=${encodeURIComponent(one)}`).join("&");
    const query = `${names}&points=${points}${span ? `&from=${span.from}&to=${span.to}` : ""}`;
    const answer = await this.json<{ series: Series[] }>(
      `${runPath(namespace, name)}/metrics?${query}`,
      signal ? { signal } : {},
    );
    return answer.series;
  }

  async compare(runs: readonly string[], signal?: AbortSignal): Promise<Comparison> {
    const query = runs.map((one) => `run=${encodeURIComponent(one)}`).join("&");
    const found = await this.json<Comparison>(`api/compare?${query}`, signal ? { signal } : {});
    // An address may ask for any name, such as `constructor`, and finds what the Runs have or nothing.
    return { ...found, parameters: bare(found.parameters), metrics: bare(found.metrics) };
  }

  stop(namespace: string, name: string): Promise<Row> {
    return this.json(`${runPath(namespace, name)}/stop`, { method: "POST" });
  }

  resume(namespace: string, name: string): Promise<Row> {
    return this.json(`${runPath(namespace, name)}/resume`, { method: "POST" });
  }

  remove(namespace: string, name: string): Promise<Row> {
    return this.json(runPath(namespace, name), { method: "DELETE" });
  }

  /** A stream of text or events; the caller reads its body. */
  async open(path: string, signal: AbortSignal): Promise<Response> {
    return this.checked(await this.send(path, { signal }));
  }

  private async json<T>(path: string, request: RequestInit = {}): Promise<T> {
    const deadline = AbortSignal.timeout(DEADLINE);
    const signal = request.signal ? AbortSignal.any([request.signal, deadline]) : deadline;
    const response = await this.checked(await this.send(path, { ...request, signal }));
    return (await response.json()) as T;
  }

  private async send(path: string, request: RequestInit): Promise<Response> {
    const headers = new Headers({ Accept: "application/json, text/event-stream, text/plain" });
    if (this.token !== null) headers.set("Authorization", `Bearer ${this.token}`);
    try {
      return await fetch(path, { ...request, headers, cache: "no-store", credentials: "omit", redirect: "error" });
    } catch (error) {
      if (request.signal?.aborted && (request.signal.reason as Error | undefined)?.name !== "TimeoutError") throw error;
      throw new Unreachable("The server does not answer.");
    }
  }

  private async checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401 && this.token !== null) {
      this.token = null;
      this.onSignedOut(problem.message);
    }
    if (response.status === 502 || response.status === 504) throw new Unreachable(problem.message);
    throw new Refused(response.status, problem);
  }
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as { error?: Partial<Problem> };
    if (typeof body.error?.message === "string") {
      return { reason: body.error.reason ?? "", message: body.error.message, missing: body.error.missing ?? null };
    }
  } catch {
    // Not JSON: a proxy answered.
  }
  return { reason: response.statusText, message: `The server answered with status ${response.status}.`, missing: null };
}

/** Without the names that every object has. */
function bare<T>(record: Record<string, T>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, record);
}

export function runPath(namespace: string, name: string): string {
  return `api/namespaces/${encodeURIComponent(namespace)}/runs/${encodeURIComponent(name)}`;
}

/** An error as a sentence for the person. */
export function sentence(error: unknown): string {
  return error instanceof Error && error.message ? error.message : "Something went wrong in the page.";
}
