import assert from "node:assert/strict";
import { test } from "node:test";
import { BATCHES_KEPT, Batches, Run, ofTotal } from "../../actors/worker/viewer/page/run.js";

/** @param {Run} run @param {number} number @param {Record<string, number>} values */
const end = (run, number, values, time = 10 * (number + 1)) =>
  run.endEpoch(number, new Map(Object.entries(values)), time);

test("the best epoch is the one with the lowest validation loss", () => {
  const run = new Run(1, 0, 10);
  [0.5, NaN, 0.25, 0.3, Infinity].forEach((loss, number) => end(run, number, { "val/loss": loss }));
  assert.deepEqual(run.best, { number: 2, value: 0.25 });
  assert.equal(run.sinceBest, 2);
  assert.ok(Number.isNaN(run.validation(1)));
  assert.equal(run.validation(7), null);
});

test("training metrics that the first epoch lacks are those of the epoch before", () => {
  const run = new Run(1, 0, null);
  end(run, 0, { "val/loss": 1 });
  end(run, 1, { "val/loss": 2, "train/loss": 10 });
  end(run, 2, { "val/loss": 3, "train/loss": 20 });
  assert.equal(run.training(0), 10);
  assert.equal(run.training(1), 20);
  assert.equal(run.training(2), null);
});

test("where the first epoch was not heard, training metrics are those of the epoch before too", () => {
  const joined = new Run(1, 0, null);
  joined.fillIn(6, { train: null, val: 4 }, 60);
  joined.beginEpoch(7, 70);
  const values = { "train/loss": 10, "train/confmaps/head": 3, "val/loss": 2 };
  end(joined, 7, values);
  assert.deepEqual(
    [6, 7].map((n) => joined.training(n)),
    [10, null],
  );
  assert.equal(joined.value("train/confmaps/head", 7), 3);
  const heard = new Run(1, 0, null);
  heard.isHeard = true;
  heard.beginEpoch(7, 70);
  end(heard, 7, values);
  assert.equal(heard.training(7), 10);
});

test("without a training loss the mean of the batches is one, if all were seen", () => {
  const run = new Run(1, 0, null);
  for (const [batch, loss] of [0.5, 1.5].entries()) run.endBatch(0, batch, loss);
  assert.equal(run.training(0), null);
  end(run, 0, {});
  assert.equal(run.training(0), 1);
  run.endBatch(1, 1, 3);
  end(run, 1, {});
  assert.equal(run.training(1), null);
});

test("a run that goes on at epoch 100 begins there", () => {
  const run = new Run(1, 0, 200);
  run.beginEpoch(100, 5);
  assert.equal(run.first, 100);
  end(run, 100, { "val/loss": 1 });
  assert.deepEqual(run.numbers, [100]);
  assert.equal(ofTotal(run, 100), "101 of 200");
  assert.equal(ofTotal(run, 200), "201");
});

test("epochs stand in their order, however they come", () => {
  const run = new Run(1, 0, null);
  for (const number of [3, 1, 2, 7, 0]) run.epochAt(number);
  assert.deepEqual(run.numbers, [0, 1, 2, 3, 7]);
});

test("the time that is left is reckoned from the last epochs", () => {
  const run = new Run(1, 0, 10);
  assert.equal(run.left(0), null);
  run.beginEpoch(0, 0);
  end(run, 0, {}, 10);
  end(run, 1, {}, 20);
  assert.equal(run.perEpoch, 10);
  assert.equal(run.left(25), 75);
  assert.equal(run.left(500), 70);
  run.ended = 30;
  assert.equal(run.left(30), null);
});

test("another attempt takes the place of what it trains again", () => {
  const run = new Run(1, 0, 10);
  for (let number = 0; number < 5; number++) {
    run.endBatch(number, 0, number);
    end(run, number, { "val/loss": [5, 4, 3, 1, 2][number] });
  }
  assert.equal(run.best?.number, 3);
  run.goOn(2, 1000);
  assert.deepEqual(run.numbers, [0, 1]);
  assert.deepEqual(run.breaks, [{ number: 2, attempt: 2 }]);
  assert.deepEqual(run.best, { number: 1, value: 4 });
  assert.equal(run.batches.added, 2);
  assert.equal(run.value("val/loss", 3), null);
  run.beginEpoch(2, 1000);
  end(run, 2, { "val/loss": 2.5 }, 1010);
  assert.equal(run.epochs.get(2)?.duration, 10, "the pause is no part of it");
  run.goOn(0, 2000);
  assert.deepEqual(run.breaks, [], "nothing is left before it");
  assert.equal(run.attempts, 3);
});

test("the newest batches take the place of the oldest", () => {
  const batches = new Batches();
  for (let i = 0; i < BATCHES_KEPT + 5; i++) batches.add(0, i, i);
  assert.equal(batches.first, 5);
  assert.equal(batches.losses.length, BATCHES_KEPT);
  assert.equal(batches.losses[(BATCHES_KEPT + 4) % BATCHES_KEPT], BATCHES_KEPT + 4);
});

test("there is room for thousands of metrics, and what has none is named", () => {
  const run = new Run(1, 0, null);
  const values = Object.fromEntries(Array.from({ length: 10_002 }, (_, i) => [`m${i}`, i]));
  assert.deepEqual(end(run, 0, values), ["m10000", "m10001"]);
  assert.equal(run.value("m9999", 0), 9999);
  assert.equal(run.keepTable("t", 0, [[1]]), true);
});
