import assert from "node:assert/strict";
import { test } from "node:test";
import { AnsiReader, lastWritten, withoutAnsi } from "../src/logic/ansi";
import { best, differs, lessIsBetter } from "../src/logic/compare";
import { csv } from "../src/logic/csv";
import { svg } from "../src/logic/svg";
import { age, functionName, number, plain, span } from "../src/logic/format";
import { LogLines, found, marked } from "../src/logic/log_lines";
import { compareAddress, listAddress, parsePlace, runAddress } from "../src/logic/route";
import { EventReader } from "../src/logic/sse";
import { lanes } from "../src/logic/timeline";
import { attempt, row } from "./samples";

test("colours become classes of ours, and nothing else of a sequence is left", () => {
  const reader = new AnsiReader();
  assert.deepEqual(reader.line("a \x1b[1;31mred\x1b[0m b"), [
    { text: "a ", classes: "" },
    { text: "red", classes: "ansi-bold ansi-red" },
    { text: " b", classes: "" },
  ]);
  const hostile = "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07\x1b[2J\x1b[10;10H\x1bcrest\x00\x9b";
  assert.equal(withoutAnsi(hostile), "clickrest");
});

test("a colour holds until it is taken back, over lines", () => {
  const reader = new AnsiReader();
  reader.line("\x1b[38;5;196mred");
  assert.equal(reader.line("still")[0]?.classes, "ansi-red");
  assert.equal(reader.line("\x1b[38;2;0;0;255mblue")[0]?.classes, "ansi-blue");
  assert.equal(reader.line("\x1b[39mplain")[0]?.classes, "");
});

test("a progress bar shows what it wrote last", () => {
  assert.equal(lastWritten("10%\r20%\r30%"), "30%");
  assert.equal(lastWritten("line\r"), "line");
});

test("lines come in pieces, and a last one without its end counts", () => {
  const log = new LogLines();
  log.read("one\ntw");
  log.read("o\nthree");
  assert.deepEqual(log.lines.map((line) => line.text), ["one", "two"]);
  log.end();
  assert.equal(log.lines[2]?.text, "three");
});

test("a very long log keeps its end and says how much is gone", () => {
  const log = new LogLines();
  log.read("x\n".repeat(100_010));
  assert.deepEqual([log.lines.length, log.dropped], [100_000, 10]);
});

test("what is searched is found across colours and marked", () => {
  const log = new LogLines();
  log.read("ab\x1b[31mcd\x1b[0mef\nnothing\n");
  assert.deepEqual(found(log.lines, "BCDE"), [0]);
  const pieces = marked(log.lines[0]?.pieces ?? [], "bcde");
  assert.equal(pieces.filter((piece) => piece.hit).map((piece) => piece.text).join(""), "bcde");
  assert.equal(pieces.map((piece) => piece.text).join(""), "abcdef");
});

test("a log bomb is few elements, and searched without delay", () => {
  const log = new LogLines();
  log.read(`${"\x1b[31ma\x1b[32ma".repeat(1000)}\n${"a".repeat(9_999)}\n`);
  const [coloured, long] = log.lines;
  assert.equal(coloured?.pieces.length, 201);
  assert.equal(coloured?.pieces.map((piece) => piece.text).join(""), coloured?.text);
  const pieces = marked(long?.pieces ?? [], "a");
  assert.equal(pieces.filter((piece) => piece.hit).length, 200);
  assert.equal(pieces.map((piece) => piece.text).join(""), long?.text);
});

test("a CSV file quotes what has to be, and no text becomes a formula", () => {
  assert.equal(csv([["a,b", 'say "x"', 1, null], ["=1+1", "-x", true, 0.5]]), '"a,b","say ""x""",1,\r\n\'=1+1,\'-x,true,0.5\r\n');
});

test("events come in any pieces", () => {
  const reader = new EventReader();
  assert.deepEqual(reader.read(": ping\n\nevent: rows\nda"), []);
  assert.deepEqual(reader.read("ta: [1]\ndata: 2\r\n\r\ndata: x\n\n"), [
    { event: "rows", data: "[1]\n2" },
    { event: "message", data: "x" },
  ]);
});

test("every view has its address, whatever the names hold", () => {
  const place = parsePlace(runAddress("ns", "a b/c%", { tab: "log" }));
  assert.ok(place.view === "run" && place.name === "a b/c%" && place.query.get("tab") === "log");
  const compared = parsePlace(compareAddress(["ns/a", "ns/b"]));
  assert.deepEqual(compared.view === "compare" && compared.runs, ["ns/a", "ns/b"]);
  assert.equal(parsePlace("").view, "list");
  assert.equal(parsePlace("#/else/where").view, "unknown");
  assert.equal(parsePlace("#/runs/%E0%A4%A/x").view, "run");
  assert.equal(listAddress({ q: "", state: "ERROR" }), "#/runs?state=ERROR");
});

test("numbers and times are short", () => {
  assert.deepEqual([0.123456, 1234567, 1e-9, 2.5e12, 3, null].map(number), ["0.12346", "1234567", "1e-9", "2.5e12", "3", "–"]);
  assert.deepEqual([400, 12_000, 184_000, 7_500_000, 274_000_000].map(span), ["400 ms", "12 s", "3 min 4 s", "2 h 5 min", "3 d 4 h"]);
  assert.equal(age("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:05:00Z")), "5 min");
  assert.equal(plain({ a: 1 }), '{"a":1}');
  assert.equal(functionName("python://churn/train:6f1d"), "train");
});

test("long pauses take little room, and attempts keep their proportions", () => {
  const day = 86_400;
  const { lanes: found, pauses } = lanes(
    [
      attempt(1, [["pending", 0, 10], ["running", 10, 100], ["stopped", 100, day]]),
      attempt(2, [["running", day, null]]),
    ],
    (day + 100) * 1000,
  );
  const [first, second] = found;
  const end = first?.segments[1]?.to ?? 0;
  assert.equal(first?.segments.length, 2);
  assert.ok(end > 0.4 && end < 0.5);
  assert.equal(second?.segments[0]?.to, 1);
  assert.ok((pauses[0]?.[1] ?? 1) - (pauses[0]?.[0] ?? 0) < 0.07);
});

test("the best Run is found by its last value", () => {
  const metric = (last: number | null) => ({ last, min: 0, max: 1 });
  const comparison = { runs: [row(), row(), row()], parameters: {}, metrics: { loss: [metric(2), null, metric(1)] } };
  assert.equal(best(comparison, "loss", "least"), 2);
  assert.equal(best(comparison, "loss", "greatest"), 0);
  assert.equal(best(comparison, "nothing", "least"), -1);
  assert.deepEqual(["val_loss", "accuracy"].map(lessIsBetter), [true, false]);
});

test("values differ by what they are, not by which object holds them", () => {
  assert.ok(differs([1, "1"]) && !differs([[1], [1]]));
});

test("a picture as SVG holds texts as texts, and gaps as gaps", () => {
  const text = svg({
    title: "<script>",
    xLabel: "step",
    x: [0, 1, 2, 3],
    lines: [{ label: '"&', colour: "#123456", y: [1, undefined, null, 2] }],
    bands: [{ colour: "#abcdef", high: [2, 2, null, 2, 2], low: [1, 1, 1, 1, 1] }],
    xRange: [0, 3],
    yRange: [1, 2],
  });
  assert.equal(/<path d="([^"]*)" fill="#abcdef"/.exec(text)?.[1]?.match(/Z/g)?.length, 1);
  assert.ok(text.includes("&lt;script&gt;") && !text.includes("<script>") && text.includes("&quot;&amp;"));
  assert.equal(text.match(/stroke="#123456"/g)?.length, 1);
  assert.equal(/<path d="(M[^"]*)" stroke="#123456"/.exec(text)?.[1]?.match(/M/g)?.length, 2);
});
