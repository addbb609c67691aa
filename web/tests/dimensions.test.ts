import assert from "node:assert/strict";
import { test } from "node:test";
import { axesOf, brushed, dimension, looksText, parseLooks, turned, within } from "../src/logic/dimensions";
import { row } from "./samples";

test("an axis is by number where all are numbers, else by text", () => {
  assert.deepEqual(dimension("n", [1, 3, null, 2]).at, [0, 1, null, 0.5]);
  assert.deepEqual(dimension("t", ["b", "a", 1]).at, [1, 0.5, 0]);
  assert.deepEqual([dimension("n", [1, 2]).loggable, dimension("n", [-1, 0]).loggable, dimension("t", ["a"]).loggable], [true, false, false]);
});

test("a logarithmic axis has equal steps for equal factors, and leaves out what it cannot show", () => {
  const found = dimension("rate", [0.01, 1, 0.1, 0, -5], { log: true });
  assert.deepEqual(found.at.map((at) => at && Math.round(at * 1e9) / 1e9), [0, 1, 0.5, null, null]);
  assert.deepEqual(found.ticks.map(({ text }) => text), ["0.01", "0.1", "1"]);
  assert.deepEqual(dimension("n", [-2, -1], { log: true }).at, [0, 1]);
});

test("a flipped axis is upside down, its texts too", () => {
  const found = dimension("n", [1, 3, null], { flip: true });
  assert.deepEqual(found.at, [1, 0, null]);
  assert.deepEqual(found.ticks[0], { at: 1, text: "1" });
});

const COMPARISON = {
  runs: [row(), row(), row()],
  parameters: { same: [1, 1, 1], rate: [1, 2, 3], name: ["a", null, "b"] },
  metrics: { loss: [{ last: 3, min: 0, max: 9 }, null, { last: 1, min: 0, max: 9 }] },
};

test("parameters that differ and the metric are axes", () => {
  assert.deepEqual(axesOf(COMPARISON, "loss", {}).map((axis) => axis.name), ["rate", "name", "loss"]);
  assert.deepEqual(axesOf(COMPARISON, "none", {}).map((axis) => axis.name), ["rate", "name"]);
});

test("Runs are inside where they are within every range", () => {
  const inside = (looks: Parameters<typeof within>[1]) => within(axesOf(COMPARISON, "loss", looks), looks, 3);
  assert.deepEqual(inside({}), [true, true, true]);
  assert.deepEqual(inside({ rate: { brush: [0.4, 1] } }), [false, true, true]);
  assert.deepEqual(inside({ rate: { brush: [0.4, 1] }, loss: { brush: [0, 1] } }), [false, false, true]);
});

test("what is inside a range stays inside when the axis is flipped", () => {
  const look = { brush: [0.4, 1] as const };
  const looks = { rate: turned(look, "flip") };
  assert.deepEqual(within(axesOf(COMPARISON, "loss", looks), looks, 3), [false, true, true]);
  assert.deepEqual(turned({ ...look, flip: true }, "log"), { log: true, flip: true });
});

test("a range moves and widens within its axis", () => {
  assert.deepEqual(brushed([0.2, 0.4], 0.1, 0), [0.3, 0.5]);
  assert.deepEqual(brushed([0.8, 1], 0.3, 0), [0.8, 1]);
  assert.deepEqual(brushed([0.4, 0.6], 0, -9), [0.49, 0.51]);
  assert.deepEqual(brushed([0.1, 0.2], 0, 9), [0, 1]);
});

test("the looks are in the address, and nonsense there is none", () => {
  const looks = { "a.b": { log: true, flip: false }, c: { log: false, flip: true, brush: [0.25, 0.5] as const }, d: {} };
  assert.deepEqual({ ...parseLooks(looksText(looks)) }, { "a.b": { log: true, flip: false }, c: { log: false, flip: true, brush: [0.25, 0.5] } });
  assert.equal(looksText({ d: {} }), null);
  for (const text of [null, "{", "3", "null", '{"a":1}', '["x"]']) assert.deepEqual({ ...parseLooks(text) }, {});
});
