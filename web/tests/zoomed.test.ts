import assert from "node:assert/strict";
import { test } from "node:test";
import { overlapping, parseZoom, zoomText } from "../src/logic/zoomed";
import { generator } from "./samples";

test("the part that is seen comes back from the address, whatever it is and whatever the axis is called", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = generator(seed);
    const low = (random() - 0.5) * 10 ** Math.floor(random() * 12);
    const high = low + Math.abs(low) * random() + 1e-3;
    for (const axis of ["step", "wall", "metric:a,b=c&d", "metric:"]) {
      const back = parseZoom(zoomText([low, high], axis), axis);
      assert.ok(back && Math.abs(back[0] - low) <= 1e-9 * Math.abs(low) && Math.abs(back[1] - high) <= 1e-9 * Math.abs(high), `${seed} ${axis}`);
    }
  }
  assert.equal(zoomText(null, "step"), null);
});

test("a part of another axis and a text of somebody else are no part", () => {
  assert.deepEqual(parseZoom("1:2:step", "step"), [1, 2]);
  for (const text of [null, "", "1:2", "1:2:wall", "2:1:step", "1:1:step", ":2:step", "NaN:2:step", "1:Infinity:step", "a:b:step"]) {
    assert.equal(parseZoom(text, "step"), null, String(text));
  }
});

test("a part beside the curve is not shown", () => {
  assert.deepEqual(overlapping([5, 9], [0, 6, 12]), [5, 9]);
  assert.deepEqual(overlapping([12, 90], [0, 6, 12]), [12, 90]);
  for (const range of [null, [13, 20], [-9, -1]] as const) assert.equal(overlapping(range && [...range], [0, 6, 12]), null);
  assert.equal(overlapping([1, 2], []), null);
});
