import { type Place, parsePlace } from "../logic/route";
import { Client } from "../server/client";
import type { Session } from "../server/types";
import { writeAddress } from "./address";
import { Store } from "./store";

/** The state that all views share: the connection, the session, and where the person is. */
export interface Page {
  client: Client;
  session: Store<Session | null>;
  /** Why nobody is signed in; null: somebody is. */
  signedOut: Store<string | null>;
  place: Store<Place>;
  /** The namespace whose Runs are listed; an empty text is all namespaces. */
  namespace: Store<string>;
  /** The list as the person left it: its address, the Runs to compare, and how far it is scrolled. */
  list: Store<string>;
  chosen: Store<ReadonlySet<string>>;
  scrolled: number;
  namespaces: Store<{ items: string[]; all: boolean }>;
  /** Streams that are lost, by name. */
  lost: Store<ReadonlySet<string>>;
  notice: Store<Notice | null>;
}

export interface Notice {
  text: string;
  bad: boolean;
}

export function makePage(): Page {
  const page: Page = {
    client: new Client(),
    session: new Store<Session | null>(null),
    signedOut: new Store<string | null>(""),
    place: new Store(parsePlace(location.hash)),
    namespace: new Store(""),
    list: new Store("#/runs"),
    chosen: new Store<ReadonlySet<string>>(new Set<string>()),
    scrolled: 0,
    namespaces: new Store<{ items: string[]; all: boolean }>({ items: [], all: false }),
    lost: new Store<ReadonlySet<string>>(new Set<string>()),
    notice: new Store<Notice | null>(null),
  };
  page.client.onSignedOut = (why) => page.signedOut.set(why);
  addEventListener("hashchange", () => {
    const place = parsePlace(location.hash);
    const asked = place.view === "list" ? place.query.get("ns") : null;
    if (asked !== null) page.namespace.set(asked === "*" ? "" : asked);
    show(page, location.hash);
  });
  show(page, location.hash);
  return page;
}

/** The view of this address. The list is remembered as the person left it. */
export function show(page: Page, hash: string): void {
  const place = parsePlace(hash);
  if (place.view === "list") page.list.set(hash || "#/runs");
  page.place.set(place);
}

/** Notes that the stream is lost or back. */
export function setLink(page: Page, name: string, online: boolean): void {
  if (page.lost.value.has(name) !== online) return;
  const lost = new Set(page.lost.value);
  if (online) lost.delete(name);
  else lost.add(name);
  page.lost.set(lost);
}

/** Changes the query of the address without a new entry in the history. */
export function refine(page: Page, changes: Record<string, string | null>): void {
  const [path = ""] = location.hash.split("?");
  const query = new URLSearchParams(page.place.value.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value) query.set(key, value);
    else query.delete(key);
  }
  const text = query.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  const hash = (path || "#/runs") + (text ? `?${text}` : "");
  writeAddress(hash);
  show(page, hash);
}
