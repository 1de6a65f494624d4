import assert from "node:assert/strict";
import { test } from "node:test";
import { Curves, groups, isLoss, split } from "../../actors/worker/viewer/page/curves.js";
import { Told } from "./support.js";

const points = ({ from, to, x, y }) =>
  Array.from({ length: to - from }, (_, i) => [x(from + i), y(from + i)]);

function trained(first = 0) {
  const told = new Told();
  told.begin();
  for (let number = first; number < first + 3; number++) {
    told.epoch(number, { "train/loss": 3 - number / 100, "val/loss": 2, "val/oks": 0.5, lr: 1 });
  }
  return told;
}

test("metrics of both sides are one group", () => {
  assert.deepEqual(split("val/oks/nose"), { group: "oks/nose", side: "val" });
  assert.deepEqual(split("train_acc"), { group: "acc", side: "train" });
  assert.deepEqual(split("lr"), { group: "lr", side: "" });
  const { run } = trained().training;
  assert.ok(run);
  assert.deepEqual(Object.fromEntries(groups(run)), {
    loss: ["train/loss", "val/loss"],
    lr: ["lr"],
    oks: ["val/oks"],
  });
  assert.ok(isLoss("confmap_loss_bg") && !isLoss("oks"));
});

test("the loss has its batches, both curves and the best epoch", () => {
  const { run } = trained(100).training;
  assert.ok(run);
  const picture = new Curves().picture(run, "loss", ["train/loss", "val/loss"], 0);
  assert.deepEqual([picture.start, picture.end], [100, 103], "the axis begins where the run does");
  const names = picture.series.map(({ name }) => name);
  assert.deepEqual(names, ["batches", "training", "validation"]);
  assert.deepEqual(points(picture.series[0]).slice(0, 2), [
    [100.5, 1],
    [101, 0.5],
  ]);
  assert.deepEqual(points(picture.series[2]), [
    [101, 2],
    [102, 2],
    [103, 2],
  ]);
  assert.deepEqual(picture.best, { x: 101, y: 2, text: "best: epoch 101" });
  assert.match(picture.series[0].words(1), /epoch 101, batch 2: loss 0.5000/);
});

test("smoothed batches are a line of their own, that grows", () => {
  const told = trained();
  const { run } = told.training;
  assert.ok(run);
  const curves = new Curves();
  const smooth = () => curves.picture(run, "loss", [], 0.5).series[1];
  assert.equal(smooth().name, "batches, smoothed");
  assert.equal(points(smooth()).length, 6);
  told.epoch(3, {});
  assert.equal(points(smooth()).length, 8);
  assert.ok(points(smooth()).every(([, y]) => y >= 0.5 && y <= 1));
});

test("a break has its place and its name", () => {
  const told = trained();
  told.begin();
  told.epoch(2, { "val/loss": 1 });
  const { run } = told.training;
  assert.ok(run);
  assert.deepEqual(new Curves().picture(run, "loss", [], 0).marks, [{ x: 2, text: "attempt 2" }]);
});
