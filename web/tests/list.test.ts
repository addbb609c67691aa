import assert from "node:assert/strict";
import { test } from "node:test";
import { type Wanted, choices, matcher as matcherAt } from "../src/logic/filter";
import { NEWEST_FIRST, formatOrder, lines, ordered, parseOrder } from "../src/logic/order";
import { NO_ROWS, onlyRows, withRows, withoutRows } from "../src/logic/rows";
import { seen } from "../src/logic/window";
import { row } from "./samples";

const NOW = Date.parse("2026-01-01T03:00:00Z");
const matcher = (wanted: Wanted) => matcherAt(wanted, NOW);
const NOTHING = { text: "", project: "", kind: "", state: "", label: "" };

test("every word has to be in a row, and a refused one must not", () => {
  const one = row({ title: "Train-A", message: "Out of memory", labels: { team: "x" } });
  assert.ok(matcher({ ...NOTHING, text: "train MEMORY" })(one));
  assert.ok(!matcher({ ...NOTHING, text: "train disk" })(one));
  assert.ok(!matcher({ ...NOTHING, text: "train -memory" })(one));
  assert.ok(matcher({ ...NOTHING, text: "team=x" })(one));
});

test("a query names fields, compares numbers and times, and turns each around", () => {
  const one = row({
    title: "Train-A",
    state: "ERROR",
    attempt: 2,
    reason: "OOMKilled",
    message: "too much memory",
    started: "2026-01-01T01:00:00Z",
    metric: { name: "loss", last: 0.25, spark: [] },
  });
  const fits = (text: string): boolean => matcher({ ...NOTHING, text })(one);
  for (const text of ["state:error", "state:stopped,error", "name:train reason:oom", "loss<0.3", "loss<=.25 metric>2e-1", "attempt>=2"]) assert.ok(fits(text), text);
  for (const text of ["state:running", "-state:error", "loss>0.3", "accuracy<1", "attempt>2", "project:train", "duration<1h"]) assert.ok(!fits(text), text);
  assert.ok(fits("duration>=2h age>179min age<1d -loss>1"));
  assert.ok(fits('"much memory"') && !fits('"memory much"') && fits('message:"much memory"'));
  assert.ok(fits("python://churn") && !fits("constructor:x") && !fits("a<b"));
});

test("a Run that stops is found by the word that the page shows, and by that of kubectl", () => {
  const one = row({ state: "STOP" });
  assert.ok(["state:stop", "state:stopping"].every((text) => matcher({ ...NOTHING, text })(one)));
  assert.ok(!matcher({ ...NOTHING, text: "state:stopped" })(one));
});

test("menus and labels are conditions of their own", () => {
  const one = row({ project: "p", kind: "k", state: "ERROR", labels: { team: "x", empty: "" } });
  assert.ok(matcher({ ...NOTHING, project: "p", kind: "k", state: "ERROR" })(one));
  assert.ok(!matcher({ ...NOTHING, state: "RUNNING" })(one));
  assert.ok(matcher({ ...NOTHING, label: "team=x, empty" })(one));
  assert.ok(!matcher({ ...NOTHING, label: "team=y" })(one));
  assert.ok(!matcher({ ...NOTHING, label: "toString" })(one));
});

test("a menu has each value once, in order", () => {
  assert.deepEqual(choices([row({ kind: "b" }), row({ kind: "a" }), row({ kind: "b" })], (one) => one.kind), ["a", "b"]);
});

test("rows without a value come last in both directions", () => {
  const rows = [
    row({ uid: "none" }),
    row({ uid: "low", metric: { name: "m", last: 1, spark: [] } }),
    row({ uid: "high", metric: { name: "m", last: 2, spark: [] } }),
  ];
  const uids = (text: string): string[] => ordered(rows, parseOrder(text), 0).map((one) => one.uid);
  assert.deepEqual(uids("metric"), ["low", "high", "none"]);
  assert.deepEqual(uids("-metric"), ["high", "low", "none"]);
});

test("a Run that runs has a duration that grows", () => {
  const rows = [
    row({ uid: "ended", started: "2026-01-01T00:00:00Z", ended: "2026-01-01T01:00:00Z" }),
    row({ uid: "runs", started: "2026-01-01T00:00:00Z" }),
  ];
  assert.equal(ordered(rows, parseOrder("-duration"), Date.parse("2026-01-01T02:00:00Z"))[0]?.uid, "runs");
  assert.equal(ordered(rows, parseOrder("-duration"), Date.parse("2026-01-01T00:30:00Z"))[0]?.uid, "ended");
});

test("an order survives its text, and nonsense is the default", () => {
  assert.equal(formatOrder(parseOrder("-title")), "-title");
  assert.deepEqual(parseOrder("-nonsense"), NEWEST_FIRST);
  assert.deepEqual(parseOrder(null), NEWEST_FIRST);
});

test("a closed group shows its heading alone", () => {
  const rows = [row({ uid: "1", function: "f" }), row({ uid: "2", function: "g" }), row({ uid: "3", function: "f", state: "ERROR" })];
  const shown = lines(rows, true, new Set(["f"]));
  assert.deepEqual(shown.map((line) => (line.type === "group" ? `${line.name} ${line.count}` : line.row.uid)), ["f 2", "g 1", "2"]);
});

test("the stream's news change the rows, and a new stream drops what it does not name", () => {
  let rows = withRows(NO_ROWS, [row({ uid: "a" }), row({ uid: "b" })]);
  rows = withRows(rows, [row({ uid: "a", state: "STOPPED" })]);
  assert.equal(rows.byUid.get("a")?.state, "STOPPED");
  assert.deepEqual([...withoutRows(rows, ["a"]).byUid.keys()], ["b"]);
  const synced = onlyRows(rows, new Set(["a"]));
  assert.deepEqual([[...synced.byUid.keys()], synced.synced], [["a"], true]);
});

test("only what is seen is mounted, and the rest keeps its room", () => {
  const view = seen(10_000, 44, 4400, 880, 5);
  assert.deepEqual([view.first, view.last], [95, 125]);
  assert.equal(view.before + (view.last - view.first) * 44 + view.after, 10_000 * 44);
  assert.deepEqual(seen(3, 44, 9999, 880, 5).last, 3);
});
