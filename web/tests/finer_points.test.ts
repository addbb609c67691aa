import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChartOptions, chartData, colourOf } from "../src/logic/chart_data";
import { depth, spanOf, spliced, timesOf } from "../src/logic/finer_points";
import type { Series } from "../src/server/types";
import { generator, paused } from "./samples";

const PLAIN: ChartOptions = { axis: "step", smoothing: 0, logX: false, logY: false, clip: false };

/** What the server answers: so many values of a part joined into a point. */
function answer(values: readonly number[], size: number, from = 0, to = values.length - 1): Series {
  const series = { ...paused(), attempts: [], buckets: size > 1, joined: size, stride: 1, count: values.length };
  series.points = { step: [], wall: [], active: [], value: [], ...(size > 1 ? { min: [], max: [] } : {}) };
  for (let at = from; at <= to; at += size) {
    const part = values.slice(at, Math.min(at + size, to + 1));
    const last = at + part.length - 1;
    series.points.step.push(last);
    series.points.wall.push(1000 + last);
    series.points.active.push(last);
    series.points.value.push(part[part.length - 1] as number);
    series.points.min?.push(Math.min(...part));
    series.points.max?.push(Math.max(...part));
  }
  return series;
}

test("wherever a person zooms in, each stored step is drawn once and no peak is lost", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = generator(seed);
    const values = [...Array(200 + Math.floor(random() * 200))].map(() => random() ** 9 * 1000 - random() ** 9 * 1000);
    const size = 3 + Math.floor(random() * 30);
    const coarse = answer(values, size);
    const low = random() * values.length;
    const span = spanOf(coarse, "step", [low, low + random() * 80]);
    if (!span) continue;
    const finer = answer(values, 1 + Math.floor(random() * 3), span.from, span.to);
    const { points } = spliced(coarse, finer);
    assert.deepEqual(points.step, [...new Set(points.step)].sort((a, b) => a - b));
    const inside = points.step.map((step, at) => [step, at] as const).filter(([step]) => step >= span.from && step <= span.to);
    const drawn = inside.map(([, at]) => points.max?.[at] as number);
    assert.equal(Math.max(...drawn), Math.max(...values.slice(span.from, span.to + 1)));
    assert.deepEqual(inside.map(([step]) => step), finer.points.step);
    const data = chartData([{ label: "a", colour: colourOf(0), series: spliced(coarse, finer) }], PLAIN);
    assert.deepEqual(data.yRange, [Math.min(...values), Math.max(...values)]);
    assert.equal(new Set(Object.values(points).map((column) => column.length)).size, 1);
  }
});

test("the steps to read are whole points and both neighbours, by any axis", () => {
  const coarse = answer([...Array(100).keys()], 10);
  assert.deepEqual(spanOf(coarse, "step", [35, 55]), { from: 20, to: 59 });
  assert.deepEqual(spanOf(coarse, "wall", [1035, 1055]), { from: 20, to: 59 });
  assert.deepEqual(spanOf(coarse, "step", [0, 1000]), { from: 0, to: 99 });
  assert.deepEqual(spanOf(coarse, "step", [41, 42]), { from: 30, to: 49 });
  assert.equal(spanOf(coarse, "step", [200, 300]), null);
});

test("finer points of a series that was thinned meanwhile are left out", () => {
  const coarse = answer([1, 2, 3, 4], 2);
  assert.equal(spliced(coarse, { ...answer([1, 2, 3, 4], 1), stride: 2 }), coarse);
  assert.equal(spliced(coarse, undefined), coarse);
});

test("a value that is no number is marked once", () => {
  const special = (step: number) => ({ step, value: "NaN" });
  const coarse = { ...answer([...Array(40).keys()], 10), special: [special(5), special(35)] };
  const finer = { ...answer([...Array(40).keys()], 1, 0, 19), special: [special(5)] };
  assert.deepEqual(spliced(coarse, finer).special, [special(35), special(5)]);
});

test("a chart says whether there is more than is drawn", () => {
  const [joined, kept] = [answer([1, 2, 3, 4], 2), answer([1, 2], 1)];
  assert.ok(/Zoom in/.test(depth([kept, joined], false)));
  assert.equal(depth([kept], false), "");
  assert.ok(/^Every value is drawn/.test(depth([kept], true)));
  assert.ok(/every 4th value .* nothing finer/.test(depth([{ ...kept, stride: 4 }], true)));
});

test("a chart by time says whose times are estimated", () => {
  const series = answer([1, 2, 3, 4], 1);
  assert.ok(/^Times are estimated/.test(timesOf([series])));
  assert.ok(/^Times are estimated/.test(timesOf([{ ...series, estimated: 4 }, { ...series, estimated: 0 }])));
  assert.ok(/arrived.$/.test(timesOf([{ ...series, estimated: 0 }])));
  assert.ok(/first 2 values/.test(timesOf([{ ...series, estimated: 2 }, { ...series, estimated: 0 }])));
});
