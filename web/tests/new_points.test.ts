import assert from "node:assert/strict";
import { test } from "node:test";
import { appended, grown } from "../src/logic/new_points";
import { paused } from "./samples";

const NEWS = { step: [19, 20], wall: [1119, 1120], active: [19, 20], value: [1, null] };

test("new points go behind the known ones, once", () => {
  const joined = appended(paused().points, NEWS);
  assert.deepEqual([joined.step.length, joined.value[20], joined.wall[20]], [21, null, 1120]);
});

test("a thinned series that grows keeps the peaks that are not in its new points", () => {
  const { points } = paused();
  const buckets = { ...points, min: [...points.value], max: [...points.value] };
  const joined = appended(buckets, { ...NEWS, value: [1, 8], min: 0.5, max: 20 });
  assert.deepEqual([joined.min?.[20], joined.max?.[20]], [0.5, 8]);
  assert.equal(Math.max(...(joined.max as number[])), 20);
  const none = appended(buckets, { step: [], wall: [], active: [], value: [], min: 1, max: 99 });
  assert.deepEqual([none.step.length, none.max?.[19]], [20, 99]);
});

test("what is no number is marked at once", () => {
  const series = grown(paused(), { ...NEWS, count: 21, special: [{ step: 20, value: "NaN" }] });
  assert.deepEqual([series.count, series.special], [21, [{ step: 20, value: "NaN" }]]);
});
