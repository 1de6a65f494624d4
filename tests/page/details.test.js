import assert from "node:assert/strict";
import { test } from "node:test";
import { Curves } from "../../actors/worker/viewer/page/curves.js";
import { Detail, Details, countsOf, questionsOf } from "../../actors/worker/viewer/page/details.js";
import { Run } from "../../actors/worker/viewer/page/run.js";
import { Told } from "./support.js";

const BATCHES = 100; // of an epoch

/** A run of `epochs` of which the page knows every tenth batch. */
function thinned(epochs = 10) {
  const run = new Run(1, 0, null);
  run.parts[0].position = 7;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const numbers = Array.from({ length: 10 }, (_, i) => i * 10);
    const points = { numbers, losses: numbers.map((number) => epoch + number / 1000) };
    run.recall(epoch, { seen: BATCHES, sum: 1, highest: BATCHES - 1 }, points);
  }
  return run;
}

/** What the worker answers: all batches of a part. */
function part({ from, to }, fields = {}) {
  const places = [];
  for (let epoch = from[0]; epoch <= to[0]; epoch++)
    for (let batch = 0; batch < BATCHES; batch++) {
      const isBefore = epoch === from[0] && batch < from[1];
      const isBehind = epoch === to[0] && batch > to[1];
      if (!isBefore && !isBehind && epoch < 10) places.push([epoch, batch]);
    }
  return {
    epochs: places.map(([epoch]) => epoch),
    numbers: places.map(([, batch]) => batch),
    losses: places.map(([epoch, batch]) => epoch + batch / 1000),
    kept: places.length,
    whole: true,
    ...fields,
  };
}

/** Details of a worker that answers with `answer`. */
function asking(answer) {
  const asked = [];
  const made = new Details(
    (question, instance) => {
      asked.push({ ...question, instance });
      return answer(question);
    },
    () => {
      made.changes = (made.changes ?? 0) + 1;
    },
  );
  made.meet("one");
  return { asked, details: made };
}

/** Let what is under way come to its end. */
const settled = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

const drawn = ({ from, to, x, y }) =>
  Array.from({ length: to - from }, (_, i) => [x(from + i), y(from + i)]);

test("what is seen of a thinned curve is asked for with a margin, and shown", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const run = thinned();
  const { asked, details } = asking((question) => Promise.resolve(part(question)));
  assert.equal(details.look(run, null), null, "all of the run is thinned");
  assert.equal(details.look(run, [4, 6]), null);
  assert.equal(details.note, "", "it is on its way");
  t.mock.timers.tick(299);
  assert.deepEqual(asked, []);
  t.mock.timers.tick(1);
  await settled();
  assert.deepEqual(asked, [{ model: 7, from: [3, 0], to: [6, 99], instance: "one" }]);
  const detail = details.look(run, [4, 6]);
  assert.equal(detail.count, 400);
  assert.equal(details.look(run, [4.1, 4.2]), detail, "it holds all that there is");
  assert.equal(details.look(run, null), null);
  assert.equal(details.look(run, [0, 6]), null, "more is seen than it holds");
});

test("nobody is asked while somebody zooms on, and for one range at a time", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const run = thinned();
  const answers = [];
  const { asked, details } = asking(() => new Promise((resolve) => answers.push(resolve)));
  for (const left of [1, 2, 3]) details.look(run, [left, left + 1]);
  t.mock.timers.tick(300);
  assert.deepEqual(
    asked.map(({ from }) => from),
    [[2, 49]],
  );
  details.look(run, [6, 7]);
  t.mock.timers.tick(5_000);
  assert.equal(asked.length, 1, "the first answer is not there");
  answers[0](part({ from: [2, 49], to: [4, 50] }));
  await settled();
  details.look(run, [6, 7]);
  t.mock.timers.tick(300);
  assert.equal(asked.length, 2);
});

test("what was thinned for a wide range is asked for again in a narrow one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const run = thinned();
  const { asked, details } = asking((question) =>
    Promise.resolve(part(question, { kept: 100_000 })),
  );
  details.look(run, [2, 8]);
  t.mock.timers.tick(300);
  await settled();
  assert.ok(details.look(run, [2, 8]));
  assert.ok(details.look(run, [3, 7.5]));
  assert.equal(details.look(run, [4, 5]), null);
  t.mock.timers.tick(300);
  await settled();
  assert.equal(asked.length, 2);
  assert.ok(details.look(run, [4, 5]));
});

test("where all batches are known nobody is asked", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told = new Told();
  told.begin();
  for (let epoch = 0; epoch < 4; epoch++) told.epoch(epoch, {}, { batches: 20 });
  const { asked, details } = asking(() => assert.fail());
  assert.equal(details.look(told.training.run, [1, 2]), null);
  t.mock.timers.tick(1_000);
  assert.deepEqual([asked, details.note], [[], ""]);
});

test("a file says that it holds no more, and asks nobody", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { asked, details } = asking(() => assert.fail());
  details.meet("");
  details.look(thinned(), [4, 6]);
  t.mock.timers.tick(1_000);
  assert.deepEqual(asked, []);
  assert.equal(
    details.note,
    "20 of the 200 batches of these epochs are shown: this file holds no more.",
  );
  details.look(thinned(), null);
  assert.equal(details.note, "");
});

test("a worker that does not answer is asked again after a while, or when it is back", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const run = thinned();
  const { asked, details } = asking(() => Promise.reject(new TypeError("fetch")));
  const look = async () => {
    details.look(run, [4, 6]);
    t.mock.timers.tick(300);
    await settled();
    details.look(run, [4, 6]);
  };
  await look();
  await look();
  assert.equal(asked.length, 1);
  assert.match(
    details.note,
    /^20 of the 200 batches .* are shown: the worker cannot be reached\.$/,
  );
  details.meet("one");
  await look();
  assert.equal(asked.length, 2);
  t.mock.timers.tick(10_000);
  await look();
  assert.equal(asked.length, 3);
});

test("what the worker has dropped is said, and what is known stays", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { details } = asking(() => Promise.resolve({ kept: 0, whole: false }));
  const run = thinned();
  details.look(run, [4, 6]);
  t.mock.timers.tick(300);
  await settled();
  assert.equal(details.look(run, [4, 6]), null);
  assert.match(details.note, /: the worker no longer has more of them\.$/);
});

test("each attempt of a run is asked for by its own beginning", () => {
  const told = new Told();
  told.clock();
  told.begin();
  for (let epoch = 0; epoch < 5; epoch++) told.epoch(epoch, {});
  told.state("starting");
  told.begin();
  const second = told.position;
  for (let epoch = 3; epoch < 6; epoch++) told.epoch(epoch, {});
  const { run } = told.training;
  assert.deepEqual(run.parts, [
    { position: 1, from: 0 },
    { position: second, from: 3 },
  ]);
  assert.deepEqual(questionsOf(run, [2.5, 5]), [
    { model: 1, from: [2, 0], to: [2, 999_999_999] },
    { model: second, from: [3, 0], to: [4, 1] },
  ]);
  assert.deepEqual(questionsOf(run, [0, 2]), [{ model: 1, from: [0, 0], to: [1, 1] }]);
  assert.deepEqual(questionsOf(run, [4, 9]), [
    { model: second, from: [4, 0], to: [8, 999_999_999] },
  ]);
  assert.deepEqual(questionsOf(run, [-3, 1])[0].from, [0, 0]);
});

test("a detail is of one run and one attempt", () => {
  const run = thinned();
  const detail = new Detail(run, [2, 6], [part({ from: [2, 0], to: [5, 99] })]);
  assert.ok(detail.suits(run, [3, 4]));
  assert.ok(!detail.suits(thinned(), [3, 4]));
  run.goOn(5, 0);
  assert.ok(!detail.suits(run, [3, 4]));
});

test("the detail stands in the curve in its place, and what comes goes on behind it", () => {
  const run = thinned();
  const detail = new Detail(run, [8, 10], [part({ from: [8, 0], to: [9, 99] })]);
  run.endBatch(10, 0, 0.5);
  const curves = new Curves();
  const [cloud, line] = curves.picture(run, "loss", [], 0.5, [], detail).series;
  const points = drawn(cloud);
  assert.equal(points.length, 80 + 200 + 1);
  const xs = points.map(([x]) => x);
  assert.deepEqual(
    xs,
    [...xs].sort((a, b) => a - b),
  );
  assert.equal(new Set(xs).size, xs.length);
  assert.deepEqual(points[80], [8.01, 8]);
  assert.deepEqual(points[279], [10, 9.099]);
  assert.equal(points[280][1], 0.5);
  assert.match(cloud.words(80), /epoch 9, batch 1: loss 8\.000/);
  assert.match(cloud.words(280), /epoch 11, batch 1/);
  assert.equal(drawn(line).length, points.length);
  run.endBatch(10, 1, 0.5);
  const grown = curves.picture(run, "loss", [], 0.5, [], detail).series;
  assert.equal(drawn(grown[0]).length, points.length + 1);
  assert.equal(drawn(grown[1]).length, points.length + 1);
  const whole = curves.picture(run, "loss", [], 0.5).series;
  assert.equal(drawn(whole[0]).length, 102, "without it the curve is the thinned one");
  assert.deepEqual(
    drawn(whole[1]).map(([, y]) => Number.isFinite(y)),
    Array(102).fill(true),
  );
});

test("an answer that is none is no detail", () => {
  const run = thinned();
  for (const answer of [null, 5, "x", { epochs: [1, "x"], losses: 3 }]) {
    const detail = new Detail(run, [0, 1], [answer]);
    assert.ok(!detail.isWhole);
    new Curves().picture(run, "loss", [], 0, [], detail);
  }
});

test("batches are counted by epochs, also beyond what the page keeps", () => {
  const run = thinned();
  assert.deepEqual(countsOf(run, [2, 4]), { known: 20, there: 200 });
  assert.deepEqual(countsOf(run, [2.5, 4.01]), { known: 30, there: 300 });
  assert.deepEqual(countsOf(run, [50, 60]), { known: 0, there: 0 });
});
