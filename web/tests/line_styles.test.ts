import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSpread } from "../src/logic/bands";
import { colourOf } from "../src/logic/chart_data";
import { dashOf, lineStylesOf } from "../src/logic/line_styles";
import { row } from "./samples";

const comparison = { runs: [row(), row(), row()], parameters: { lr: [2, 1, 2], opt: ["a", "a", "b"] }, metrics: {} };
const NOTHING = { colour: "", dash: "", chart: "" };

test("Runs are told apart by colour, stroke and chart", () => {
  const looks = lineStylesOf(comparison, { colour: "lr", dash: "opt", chart: "opt" });
  assert.deepEqual(looks.colours, [1, 0, 1].map(colourOf));
  assert.deepEqual(looks.dashes, [0, 0, 1]);
  assert.deepEqual(looks.groups, ["lr = 2, opt = a", "lr = 1, opt = a", "lr = 2, opt = b"]);
  assert.deepEqual(looks.charts, ["opt = a", "opt = a", "opt = b"]);
  assert.deepEqual(looks.key.map((one) => one.text), ["lr = 1", "lr = 2", "opt = a", "opt = b"]);
});

test("without a parameter each Run has its colour, and all are one group", () => {
  const looks = lineStylesOf(comparison, { ...NOTHING, colour: "none of theirs" });
  assert.deepEqual(looks.colours, [0, 1, 2].map(colourOf));
  assert.deepEqual([looks.groups, looks.charts, looks.key], [Array(3).fill("all Runs"), ["", "", ""], []]);
});

test("patterns of strokes begin with the plain one", () => {
  assert.deepEqual(dashOf(0), []);
  assert.equal(new Set([0, 1, 2, 3, 4, 5].map((at) => dashOf(at).join())).size, 6);
});

test("the address of an older page names a band too", () => {
  assert.deepEqual(["1", "sd", "nonsense", null].map(parseSpread), ["range", "sd", null, null]);
});
