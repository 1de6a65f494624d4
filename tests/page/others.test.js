import assert from "node:assert/strict";
import { test } from "node:test";
import { Curves } from "../../actors/worker/viewer/page/curves.js";
import { counterpart, listedOf, runsOf } from "../../actors/worker/viewer/page/others.js";
import { Run } from "../../actors/worker/viewer/page/run.js";
import { Told, WIRE } from "./support.js";

/** What the worker tells of an earlier run: its epochs, without batches. */
const digestOf = (told) => ({
  position: told.position,
  entries: told.entries.filter(([, message]) => !message.includes("batch_end")),
  models: [],
});

function earlier(losses, name = "") {
  const told = new Told();
  told.clock();
  told.state("starting", { models: name ? [name] : [] });
  told.begin();
  losses.forEach((loss, epoch) => told.epoch(epoch, { "val/loss": loss }));
  return runsOf(digestOf(told), WIRE);
}

test("a run is told as its epochs", () => {
  const [run] = earlier([3, 2, 1]);
  assert.deepEqual(run.numbers, [0, 1, 2]);
  assert.equal(run.validation(2), 1);
  assert.deepEqual(runsOf({ position: 0, entries: [], models: [] }, WIRE), []);
  assert.deepEqual(runsOf("no digest", WIRE), []);
});

test("a model is compared with its namesake, or with the one at its place", () => {
  const [one, two] = [new Run(1, 0, null), new Run(2, 0, null)];
  const other = new Run(2, 0, null);
  other.name = "centroid";
  one.name = "centroid";
  assert.equal(counterpart(one, [new Run(1, 0, null), other]), other);
  assert.equal(counterpart(two, [other]), other);
  assert.equal(counterpart(new Run(3, 0, null), [other]), null);
});

test("earlier runs are faint curves behind this one, by epoch", () => {
  const [run] = earlier([5, 4]);
  const others = [
    { label: "yesterday", colour: "other-1", runs: earlier([3, 2, 1, 0.5]) },
    { label: "an empty one", colour: "other-2", runs: [] },
  ];
  const { series, end } = new Curves().picture(run, "loss", ["val/loss"], 0, others);
  assert.equal(end, 4);
  const [faint] = series;
  assert.equal(faint.faint, true);
  assert.deepEqual([0, 1, 2, 3].map(faint.x), [1, 2, 3, 4]);
  assert.deepEqual([0, 1, 2, 3].map(faint.y), [3, 2, 1, 0.5]);
  assert.match(faint.words(3), /epoch 4, yesterday: 0.5/);
  assert.equal(series.filter((item) => item.faint).length, 1);
  const other = new Curves().picture(run, "dice", ["val/dice"], 0, others);
  assert.equal(other.series.filter((item) => item.faint).length, 0, "it has none");
});

test("a list of runs is read, whatever is in it", () => {
  const fields = { name: "a", began: 1, title: "t", host: "h", outcome: "finished", epochs: 2 };
  assert.deepEqual(listedOf([{ ...fields, best_loss: null }, 5, {}, null]), [
    { ...fields, best: null },
  ]);
  assert.deepEqual(listedOf("no list"), []);
});
