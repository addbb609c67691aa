import assert from "node:assert/strict";
import { test } from "node:test";
import { pausesAfter, shades, sortedByX, xValues } from "../src/logic/axes";
import { type Spread, band, student } from "../src/logic/bands";
import { type ChartOptions, chartData, colourOf } from "../src/logic/chart_data";
import { dimension } from "../src/logic/dimensions";
import { quantile, shownRange } from "../src/logic/outliers";
import { smooth } from "../src/logic/smoothing";
import type { Series } from "../src/server/types";
import { generator, paused } from "./samples";

const PLAIN: ChartOptions = { axis: "step", smoothing: 0, logX: false, logY: false, clip: false };
const line = (series: Series, group?: string) => ({ label: "a", colour: colourOf(0), series, ...(group === undefined ? {} : { group }) });

test("smoothing keeps a constant, keeps gaps, and begins with the first value", () => {
  assert.deepEqual(smooth([3, 3, null, 3], 0.9).map((value) => value && Math.round(value * 1e9) / 1e9), [3, 3, null, 3]);
  assert.equal(smooth([5, 1], 0.5)[0], 5);
  assert.deepEqual(smooth([1, 2], 0), [1, 2]);
});

test("a smoothed line lies between the least and the greatest raw value", () => {
  const raw = [...Array(200).keys()].map((at) => Math.sin(at * 12.9898) * 43.5);
  const soft = smooth(raw, 0.8) as number[];
  assert.ok(Math.max(...soft) < Math.max(...raw) && Math.min(...soft) > Math.min(...raw));
});

test("active time skips the pause, relative and wall time do not", () => {
  const series = paused();
  assert.equal(xValues(series, "active")[10], 10);
  assert.equal(xValues(series, "relative")[10], 110);
  assert.equal(xValues(series, "wall")[10], 1110);
  assert.deepEqual(shades(series, "active").map((one) => [one.from, one.to]), [[0, 10], [10, 19]]);
  assert.deepEqual(shades(series, "wall").map((one) => [one.from, one.to]), [[1000, 1010], [1110, 1119]]);
});

test("no line is drawn across a pause", () => {
  assert.deepEqual([...pausesAfter(paused(), "wall")], [9]);
  assert.deepEqual([...pausesAfter(paused(), "step")], []);
  const data = chartData([line(paused())], { ...PLAIN, axis: "wall" });
  assert.equal(data.x.length, 21);
  assert.equal(data.y[0]?.[10], null);
  assert.equal(data.y[0]?.[11], 10);
});

test("another metric can be x, also where it goes back", () => {
  const series = paused();
  const other: Series = { ...paused(), points: { ...paused().points, value: paused().points.step.map((one) => -one) } };
  const x = xValues(series, "metric:epoch", other);
  assert.equal(x[3], -3);
  const sorted = sortedByX(x);
  assert.deepEqual(sorted.x.slice(0, 2), [-19, -18]);
  assert.equal(sorted.order[0], 19);
  assert.deepEqual(sortedByX([null, 1, Number.NaN]), { x: [1], order: [1] });
});

test("the drawn greatest and least value of a thinned series are the stored ones", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = generator(seed);
    const value = [...Array(59 + (seed % 2))].map(() => random() * 10 - 5);
    const max = value.map((one) => one + random() ** 8 * 1000);
    const min = value.map((one) => one - random() ** 8 * 1000);
    const series = paused();
    const step = value.map((_, at) => at);
    series.points = { step, wall: step, active: step, value, min, max };
    series.buckets = true;
    series.attempts = [];
    const data = chartData([line(series)], { ...PLAIN, smoothing: seed % 2 ? 0.9 : 0 });
    const drawn = data.y.flat().filter((one): one is number => typeof one === "number");
    assert.equal(Math.max(...drawn), Math.max(...max));
    assert.equal(Math.min(...drawn), Math.min(...min));
    assert.deepEqual(data.yRange, [Math.min(...min), Math.max(...max)]);
    assert.equal(data.bands.length, 1);
    assert.ok(data.thinned);
    const many = chartData(Array(11).fill(line(series)), PLAIN);
    assert.deepEqual([many.bands.length, many.yRange], [0, [Math.min(...min), Math.max(...max)]]);
    const group = chartData([line(series, "g"), line(series, "g")], { ...PLAIN, smoothing: 0.5 });
    assert.deepEqual([group.bands.length, group.yRange], [1, [Math.min(...min), Math.max(...max)]]);
  }
});

test("with smoothing the raw line stays behind", () => {
  const data = chartData([line(paused())], { ...PLAIN, smoothing: 0.5 });
  assert.deepEqual(data.columns.map((column) => column.role), ["raw", "main"]);
  assert.deepEqual(data.y[0], paused().points.value);
});

test("a logarithmic axis leaves out what it cannot show", () => {
  const series = paused();
  series.points.value[0] = -1;
  assert.equal(chartData([line(series)], { ...PLAIN, logY: true }).y[0]?.[0], null);
  assert.equal(chartData([line(series)], { ...PLAIN, logX: true }).x[0], 1);
});

test("a value that is no number is a gap and a mark", () => {
  const series = paused();
  series.points.value[4] = null;
  series.special = [{ step: 4, value: "NaN" }];
  const data = chartData([line(series)], { ...PLAIN, axis: "active" });
  assert.equal(data.y[0]?.[4], null);
  assert.deepEqual(data.special.map((one) => [one.x, one.value]), [[4, "NaN"]]);
});

test("lines that do not share their x are drawn over one x", () => {
  const other = paused();
  other.points.step = other.points.step.map((step) => step + 0.5);
  const data = chartData([line(paused()), line(other)], PLAIN);
  assert.equal(data.x.length, 40);
  assert.equal(data.y[0]?.[1], undefined);
  assert.equal(data.y[1]?.[1], 20);
});

/** Lines without buckets. */
const group = (main: (number | null | undefined)[][]) => ({ main, min: main, max: main });
const rounded = (column: readonly (number | null)[]) => column.map((one) => one && Math.round(one * 1000) / 1000);

test("a group is its mean between its least and greatest line", () => {
  assert.deepEqual(band(group([[1, 3], [3, 5, 7]]), "range"), { middle: [2, 4, 7], low: [1, 3, 7], high: [3, 5, 7] });
  assert.deepEqual(band(group([[1, undefined, 3], [1, 1, 1]]), "range").middle, [1, 1, 2]);
  const low = paused();
  low.points.value = low.points.value.map(() => 0);
  const data = chartData([line(paused(), "g"), line(low, "g")], PLAIN);
  assert.deepEqual(data.columns.map((column) => column.role), ["edge", "edge", "main"]);
  assert.deepEqual([data.y[0]?.[0], data.y[1]?.[0], data.y[2]?.[0]], [20, 0, 10]);
});

test("the band is a standard deviation, an interval of the mean, or the middle half", () => {
  const lines = group([[2], [4], [4], [4], [5], [5], [7], [9]]);
  const edges = (spread: Spread) => [band(lines, spread)].map(({ low, middle, high }) => rounded([low, middle, high].flat()))[0];
  assert.deepEqual(edges("sd"), [2.862, 5, 7.138]);
  assert.deepEqual(edges("ci"), [3.212, 5, 6.788]); // 5 ± 2.365 · 2.138 / √8
  assert.deepEqual(edges("median"), [2, 4.5, 9]);
  assert.deepEqual(edges("quartiles"), [4, 4.5, 5.5]);
  assert.deepEqual(band(group([[3]]), "ci"), { middle: [3], low: [3], high: [3] });
  assert.deepEqual(band(group([[null]]), "sd"), { middle: [null], low: [null], high: [null] });
});

test("Student's t goes on beyond its table without a step", () => {
  assert.equal(student(0), 0);
  assert.deepEqual([31, 60, 120, 1e9].map((one) => Math.round(student(one) * 100) / 100), [2.04, 2, 1.98, 1.96]);
});

test("the greatest numbers there are have a mean, a band, and a place in a picture", () => {
  const huge = Number.MAX_VALUE;
  assert.deepEqual(band(group([[huge], [huge]]), "sd"), { middle: [huge], low: [huge], high: [huge] });
  assert.deepEqual(band(group([[huge], [-huge]]), "range"), { middle: [0], low: [-huge], high: [huge] });
  assert.equal(quantile([-huge, huge], 0.5), 0);
  assert.deepEqual(dimension("m", [huge, 0, -huge]).at, [1, 0.5, 0]);
});

test("a lower edge below 0 goes down to what a logarithmic axis can show", () => {
  const flat = (value: number): Series => ({ ...paused(), points: { ...paused().points, value: paused().points.step.map(() => value) } });
  const data = chartData([line(flat(1), "g"), line(flat(100), "g")], { ...PLAIN, logY: true, spread: "sd" });
  assert.deepEqual([data.y[1]?.[0], data.y[2]?.[0], data.peaks], [50.5, 50.5, "hidden"]);
});

test("far values do not decide the range when they are clipped", () => {
  const values = [...Array(100)].map((_, at) => at / 100);
  values[50] = 1e6;
  assert.deepEqual(shownRange([values], false), [0, 1e6]);
  assert.deepEqual(shownRange([values], true), [0, 0.99]);
  assert.equal(shownRange([[null]], true), null);
});
