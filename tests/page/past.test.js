import assert from "node:assert/strict";
import { test } from "node:test";
import { Curves } from "../../actors/worker/viewer/page/curves.js";
import { csvOf } from "../../actors/worker/viewer/page/take.js";
import { Told } from "./support.js";

const isBatch = ([, message]) => /"batch_(start|end)"/.test(message);

/** Whether it is the first report of a worker: when that came says what has waited. */
function isFirst(entries, i) {
  const before = entries.slice(0, i).map(([, message]) => JSON.parse(message));
  const began = before.findLastIndex(
    ({ event, state }) => event === "state" && state === "starting",
  );
  return began >= 0 && before.slice(began).every(({ what }) => what === "__meta__");
}

/** What a worker's digest has of `told`; every batch is of the model of the train_begin before it. */
function digestOf(told) {
  const models = [];
  let batches = 0;
  const first = told.position - told.entries.length + 1;
  for (const [i, [, message]] of told.entries.entries()) {
    const report = JSON.parse(message);
    if (report.event === "train_begin" || (isBatch([0, message]) && models.length === 0)) {
      models.push({
        position: report.event === "train_begin" ? first + i : 0,
        batches: { epochs: [], numbers: [], losses: [] },
        epochs: { numbers: [], seen: [], sums: [], highest: [] },
      });
    }
    if (report.event !== "batch_end") continue;
    batches += 1;
    const { batches: points, epochs } = models.at(-1);
    points.epochs.push(report.epoch);
    points.numbers.push(report.batch);
    points.losses.push(report.logs.loss);
    let at = epochs.numbers.indexOf(report.epoch);
    if (at < 0) {
      at = epochs.numbers.push(report.epoch) - 1;
      for (const column of [epochs.seen, epochs.sums]) column.push(0);
      epochs.highest.push(-1);
    }
    epochs.seen[at] += 1;
    epochs.sums[at] += report.logs.loss;
    epochs.highest[at] = Math.max(epochs.highest[at], report.batch);
  }
  const { position, time, reports } = told.training;
  return {
    position,
    time: time ?? told.time,
    heard: told.time,
    left_out: 0,
    reports,
    batches,
    entries: told.entries.filter((entry, i) => !isBatch(entry) || isFirst(told.entries, i)),
    models,
  };
}

/** All that a run has learnt. */
const known = (run) => ({
  ...run,
  revision: 0,
  epochs: [...run.epochs.values()].map((epoch) => ({ ...epoch })),
  current: run.current?.number,
  done: run.done?.number,
  batches: { ...run.batches },
});

/** Told all at once, it is the same as told one by one. */
function same(told) {
  const late = new Told();
  late.training.recall(JSON.parse(JSON.stringify(digestOf(told))));
  const [one, other] = [told.training, late.training];
  assert.deepEqual(other.runs.map(known), one.runs.map(known));
  for (const field of ["position", "entries", "reports", "batchCount", "epochCount", "modelCount"])
    assert.equal(other[field], one[field], field);
  for (const field of ["state", "title", "total", "began", "finishing", "heard", "ending"])
    assert.deepEqual(other[field], one[field], field);
  assert.deepEqual(
    [...other.notes.values()].map((note) => note.text),
    [...one.notes.values()].map((note) => note.text),
  );
  assert.deepEqual(other.answers, one.answers);
  return late;
}

test("a run that is told at once is the run that is told report by report", () => {
  const told = new Told();
  told.clock();
  told.state("waiting", { epochs: 3, models: ["centroid", "centered_instance"] });
  told.begin({ wandb_url: "https://wandb.ai/a/b" });
  for (let epoch = 0; epoch < 3; epoch++) told.epoch(epoch, { "val/loss": 1 / (epoch + 1) });
  told.report("train_end");
  told.begin();
  told.epoch(0, { "train/loss": 2, "val/loss": 1 }, { batches: 5 });
  told.report("epoch_begin", { epoch: 1 });
  told.report("batch_end", { epoch: 1, batch: 0, logs: { loss: 3 } });
  told.event("control", { command: "stop", by: "watch-client-1", text: "it is asked" });
  told.state("stopping");
  const late = same(told);
  // And it goes on as any other.
  for (const { training } of [told, late])
    training.take(
      JSON.stringify({
        first: told.position + 1,
        times: [told.time + 1],
        messages: [
          JSON.stringify({ what: "", event: "batch_end", epoch: 1, batch: 1, logs: { loss: 4 } }),
        ],
      }),
    );
  assert.deepEqual(known(late.training.run), known(told.training.run));
});

test("another attempt goes on where the one before was left", () => {
  const told = new Told();
  told.clock();
  told.state("starting");
  told.begin();
  for (let epoch = 0; epoch < 4; epoch++) told.epoch(epoch, { "val/loss": 1 });
  told.state("starting");
  told.begin();
  for (let epoch = 2; epoch < 5; epoch++) told.epoch(epoch, { "val/loss": 2 });
  const { training } = same(told);
  assert.equal(training.run.attempts, 2);
  assert.equal(training.run.batches.added, 10);
});

test("an attempt that the worker tells of is a break, also behind the end of the one before", () => {
  const told = new Told();
  told.clock();
  told.state("starting");
  told.begin();
  for (let epoch = 0; epoch < 4; epoch++) told.epoch(epoch, { "val/loss": 1 });
  told.report("train_end");
  told.event("ended", { outcome: "failed", text: "it has ended" });
  told.event("attempt", { number: 3, text: "attempt 3: the training is started again" });
  told.state("starting");
  told.begin();
  told.epoch(2, { "val/loss": 2 }, { seconds: 7 });
  const { training } = same(told);
  assert.equal(training.runs.length, 1);
  assert.deepEqual(training.run.breaks, [{ number: 2, attempt: 3 }]);
  assert.deepEqual(training.run.numbers, [0, 1, 2]);
  assert.equal(training.ending, null);
  assert.equal(training.run.epochs.get(2).duration, 7, "a new attempt's reports have not waited");
});

test("what a trainer has sent before anybody listened has no duration and gives no time left", () => {
  const told = new Told();
  told.clock();
  told.state("starting", { epochs: 30 });
  told.state("waiting", { epochs: 30, runs_already: true });
  for (const epoch of [16, 17, 18]) told.epoch(epoch, { "val/loss": 1 }, { seconds: 0.1 });
  const { training } = same(told);
  assert.equal(training.run.perEpoch, null);
  assert.equal(training.run.left(told.time), null);
  told.state("training", { epochs: 30 });
  for (const epoch of [19, 20]) told.epoch(epoch, { "val/loss": 1 }, { seconds: 5 });
  assert.equal(same(told).training.run.perEpoch, 5);
});

test("an epoch of the trainer's own log is marked, and gives way to a report", () => {
  const told = new Told();
  told.clock();
  told.state("starting");
  told.begin();
  told.epoch(0, { "train/loss": 0.9, "val/loss": 0.9 });
  told.state("starting");
  told.event("epoch", { epoch: 0, train_loss: 5, val_loss: 5 });
  told.event("epoch", { epoch: 1, train_loss: 0.8, val_loss: 0.1 });
  told.event("epoch", { epoch: 2, train_loss: 0.7, val_loss: null });
  const { run } = same(told).training;
  assert.deepEqual(
    [0, 1, 2].map((epoch) => run.training(epoch)),
    [0.9, 0.8, 0.7],
  );
  assert.deepEqual(
    [0, 1, 2].map((epoch) => run.validation(epoch)),
    [0.9, 0.1, null],
  );
  assert.deepEqual(
    [0, 1, 2].map((epoch) => run.epochs.get(epoch).read !== null),
    [false, true, true],
  );
  assert.equal(run.best.number, 1);
  assert.match(csvOf([run]), /^model 1,2,0.8,0.1,\r$/m);
  const { series } = new Curves().picture(run, "loss", ["val/loss"], 0);
  const line = series.find(({ name }) => name === "training");
  assert.deepEqual(
    [0, 1, 2].map((i) => line.hollow(i)),
    [false, true, true],
  );
  assert.match(line.words(1), /from the trainer's own log/);
  told.epoch(1, { "train/loss": 0.6, "val/loss": 0.5 });
  const late = same(told).training;
  assert.equal(late.run.epochs.get(1).read, null);
  assert.equal(late.run.training(1), 0.6);
  assert.equal(late.run.validation(1), 0.5);
  assert.equal(late.runs.length, 1);
});

test("reports that have waited have no duration and give no time left", () => {
  const told = new Told();
  told.clock();
  told.state("starting", { epochs: 20 });
  told.begin();
  told.epoch(0, { "val/loss": 1 });
  told.report("epoch_begin", { epoch: 1 });
  told.clock(told.time + 500); // nobody listens
  told.state("starting", { epochs: 20 });
  told.report("batch_end", { epoch: 1, batch: 5, logs: { loss: 1 } });
  told.report("epoch_end", { epoch: 1, logs: { "val/loss": 1 } });
  for (const epoch of [2, 3]) told.epoch(epoch, { "val/loss": 1 }, { seconds: 0 });
  told.report("epoch_begin", { epoch: 4 });
  const { run } = same(told).training;
  assert.deepEqual(
    [0, 1, 2, 3].map((epoch) => run.epochs.get(epoch).duration),
    [10, null, null, null],
  );
  assert.equal(run.left(told.time), null);
  told.clock(told.time + 30);
  told.report("epoch_end", { epoch: 4, logs: { "val/loss": 1 } });
  told.epoch(5, { "val/loss": 1 }, { seconds: 12 });
  const late = same(told).training;
  assert.equal(late.run.epochs.get(4).duration, null);
  assert.equal(late.run.epochs.get(5).duration, 12);
  assert.equal(late.run.left(told.time), 14 * 11);
});

test("what comes long after a pause has not waited, whatever comes first", () => {
  const told = new Told();
  told.clock();
  told.state("starting");
  told.begin();
  told.report("epoch_begin", { epoch: 0 });
  told.state("starting");
  told.report("batch_end", { epoch: 0, batch: 0, logs: { loss: 1 } });
  told.clock(told.time + 60);
  told.report("epoch_end", { epoch: 0, logs: { "val/loss": 1 } });
  told.epoch(1, { "val/loss": 1 });
  const { run } = same(told).training;
  assert.deepEqual(
    [0, 1].map((epoch) => run.epochs.get(epoch).duration),
    [null, 10],
  );
});

test("batches of which nothing else is told are known too", () => {
  const told = new Told();
  told.clock();
  for (const batch of [0, 1]) told.report("batch_end", { epoch: 4, batch, logs: { loss: 1 } });
  const late = new Told();
  late.training.recall(digestOf(told));
  assert.equal(late.training.run.batches.added, 2);
  assert.equal(late.training.run.epochs.get(4).seen, 2);
});

test("a batch without a loss is a warning, and counted once", () => {
  const told = new Told();
  told.clock();
  told.begin();
  told.epoch(0, { "val/loss": 1 });
  const digest = digestOf(told);
  const message =
    '{"what": "", "event": "batch_end", "epoch": 0, "batch": 1, "logs": {"loss": NaN}}';
  digest.entries.splice(3, 0, [1000, message]);
  const late = new Told();
  late.training.recall(digest);
  assert.match([...late.training.notes.values()][0].text, /NaN as loss in epoch 1/);
  assert.equal(late.training.batchCount, 2);
});

test("what a digest has left out is said, and a broken one is an empty run", () => {
  const { training } = new Told();
  training.recall({
    position: 10,
    left_out: 4,
    entries: [[1, '{"what": "__meta__"}'], 5, null],
    models: 3,
  });
  assert.equal(training.missed, 4);
  assert.equal(training.position, 10);
  assert.equal(training.unreadable, 2);
});
