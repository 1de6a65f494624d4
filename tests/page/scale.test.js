import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Smoothed,
  limits,
  linearTicks,
  logTicks,
  lowerBound,
  roundStep,
  thin,
  tickText,
  trace,
} from "../../actors/worker/viewer/page/scale.js";

test("thinning keeps the peaks, an even sample, and about as many as are asked for", () => {
  const value = (i) => (i === 54_321 ? 99 : i === 54_322 ? -99 : Math.sin(i));
  const range = { from: 0, to: 100_000, left: 0, right: 100_000, most: 2000 };
  const kept = thin((i) => i, value, range);
  assert.ok(kept.length <= 2000 && kept.length > 1000, String(kept.length));
  assert.ok(kept.includes(54_321) && kept.includes(54_322));
  assert.deepEqual(
    kept,
    [...kept].sort((a, b) => a - b),
  );
  const few = thin(
    (i) => i,
    (i) => (i % 2 ? i : NaN),
    { ...range, to: 10 },
  );
  assert.deepEqual(few, [1, 3, 5, 7, 9], "gaps are left out");
});

test("a line is drawn through its extremes, and its gaps stay", () => {
  const value = (i) => (i === 5000 ? NaN : i === 7000 ? 99 : Math.sin(i));
  const range = { from: 0, to: 10_000, left: 0, right: 10_000, buckets: 100 };
  const kept = trace((i) => i, value, range);
  assert.ok(kept.length <= 500);
  assert.ok(kept.includes(5000) && kept.includes(7000) && kept.includes(0) && kept.includes(9999));
  const part = trace((i) => i, value, { ...range, left: 100, right: 110 });
  assert.deepEqual([part[0], part[part.length - 1]], [99, 110], "it runs on beyond the edges");
  assert.equal(
    lowerBound((i) => i * 2, 0, 10, 7),
    4,
  );
});

test("ticks are round and inside", () => {
  assert.deepEqual(linearTicks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(linearTicks(100, 104, 10, 1), [100, 101, 102, 103, 104]);
  assert.deepEqual(linearTicks(0.1, 0.3, 3), [0.1, 0.2, 0.3]);
  assert.deepEqual(linearTicks(3, 3, 5), [3]);
  assert.deepEqual(linearTicks(0.915, 0.985, 3), [0.92, 0.94, 0.96, 0.98]);
  assert.equal(roundStep(0.03), 0.05);
});

test("a logarithmic axis has ticks only at what is there", () => {
  assert.deepEqual(logTicks(0.002, 0.05, 8), [0.002, 0.005, 0.01, 0.02, 0.05]);
  assert.deepEqual(logTicks(0.00095, 0.11, 4), [0.001, 0.01, 0.1]);
  assert.deepEqual(logTicks(0.31, 0.39, 5), [0.32, 0.34, 0.36, 0.38]);
  const many = logTicks(1e-30, 1e30, 6);
  assert.ok(many.length <= 7 && many.length > 3, String(many));
  for (const [low, high] of [
    [1e-9, 3e-9],
    [0.5, 700],
    [2e5, 3e7],
  ]) {
    for (const tick of logTicks(low, high, 6))
      assert.ok(tick >= low * 0.999 && tick <= high * 1.001);
  }
});

test("numbers on an axis are short", () => {
  const texts = [0, 0.1, 1000, -5, 1e-5, 2e7, 0.30000000000000004].map(tickText);
  assert.deepEqual(texts, ["0", "0.1", "1000", "−5", "1e−5", "2e7", "0.3"]);
});

test("limits have some room, and know what a logarithm lacks", () => {
  assert.equal(limits([NaN, Infinity], false), null);
  assert.equal(limits([0, -1], true), null);
  assert.deepEqual(limits([0, 10], false), [-0.5, 10.5]);
  const [low, high] = limits([5, 5], false) ?? [0, 0];
  assert.ok(low < 5 && high > 5);
  const [least, most] = limits([-1, 0.01, 1], true) ?? [0, 0];
  assert.ok(least < 0.01 && least > 0.005 && most > 1 && most < 2);
});

test("smoothing is TensorBoard's", () => {
  // Of its debiased average: v = w v + (1 - w) x, shown as v / (1 - w^n).
  const values = [1, 2, NaN, 4];
  const smoothed = new Smoothed(0.6);
  smoothed.extend((i) => values[i], 0, 2, 10);
  smoothed.extend((i) => values[i], 0, 4, 10);
  const two = (0.6 * 0.4 + 0.4 * 2) / (1 - 0.6 ** 2);
  const three = (0.6 * (0.6 * 0.4 + 0.4 * 2) + 0.4 * 4) / (1 - 0.6 ** 3);
  assert.equal(smoothed.values[0], 1);
  assert.ok(Math.abs(smoothed.values[1] - two) < 1e-12);
  assert.ok(Number.isNaN(smoothed.values[2]));
  assert.ok(Math.abs(smoothed.values[3] - three) < 1e-12);
});
