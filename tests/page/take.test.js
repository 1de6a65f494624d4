import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf, fileName } from "../../actors/worker/viewer/page/take.js";
import { Told } from "./support.js";

test("the values of all models are a table", () => {
  const told = new Told();
  told.clock();
  told.begin({ what: "centroid" });
  told.epoch(0, { "train/loss": 0.5, "val/loss": 0.25, "a,b": 1 }, { what: "centroid" });
  told.epoch(1, { "train/loss": NaN, "val/loss": 1e-7 }, { what: "centroid" });
  told.begin({ what: "=other()" });
  told.epoch(0, { "val/loss": -1 }, { what: "=other()" });
  told.report("epoch_begin", { epoch: 1, what: "=other()" });
  const [head, first, , third, ...rest] = csvOf(told.training.runs).split("\r\n");
  assert.equal(head, 'model,epoch,train/loss,val/loss,"a,b",seconds');
  assert.equal(first, "centroid,1,0.5,0.25,1,10.000");
  assert.match(third, /^'=other\(\),1,0\.75,-1,,/, "a spreadsheet runs nothing");
  assert.deepEqual(rest, [""], "an epoch that has not ended has no row");
});

test("a file is named after the run", () => {
  assert.equal(
    fileName("sleap-nn train --config a/b.yaml", "csv"),
    "sleap-nn-train---config-a-b.yaml.csv",
  );
  assert.equal(fileName("../../..", "png"), "training.png");
});
