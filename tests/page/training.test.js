import assert from "node:assert/strict";
import { test } from "node:test";
import { Told, WIRE } from "./support.js";

test("a training is learnt from its reports and events", () => {
  const told = new Told();
  told.clock();
  told.state("waiting", { epochs: 3 });
  told.begin({ wandb_url: "https://wandb.ai/a/b" });
  told.epoch(0, { "train/loss": 1, "val/loss": 0.5 });
  const { training } = told;
  assert.equal(training.state, "training", "who reports trains");
  assert.equal(training.run?.wandb, "https://wandb.ai/a/b");
  assert.equal(training.run?.total, 3);
  assert.equal(training.run?.validation(0), 0.5);
  assert.equal(training.batchCount, 2);
  told.report("train_end");
  assert.equal(training.finishing, true);
  told.event("ended", { outcome: "completed", text: "it has ended" });
  told.state("ended");
  assert.equal(training.ending?.outcome, "completed");
  assert.equal(training.position, told.position);
});

test("an address that is none of the web is no link", () => {
  for (const address of ["javascript:alert(1)", "no address", "file:///etc/passwd"]) {
    const told = new Told();
    told.begin({ wandb_url: address });
    assert.equal(told.training.run?.wandb, null);
  }
});

test("what was read already is passed over, and what is missing is counted", () => {
  const told = new Told();
  told.clock(1000, 1);
  told.begin();
  told.epoch(0, { "val/loss": 1 });
  const { training } = told;
  const { reports, position } = training;
  training.reconnect(1000);
  told.clock(1020, 1);
  told.begin();
  assert.equal(training.reports, reports);
  told.clock(1020, position + 11);
  told.report("train_end");
  assert.equal(training.missed, 10);
  assert.match([...training.notes.values()][0].text, /no longer keeps the oldest/);
});

test("what an earlier worker has warned of is no warning of the one that goes on", () => {
  const told = new Told();
  told.clock();
  told.event("warning", { text: "the terminal is gone: SIGTERM to 17 stops it" });
  told.event("warning", { text: "a free port is used" });
  told.begin();
  told.entry('{"what": "", "event": "epoch_end", "epoch": 0, "logs": {"val/loss": NaN}}');
  told.event("worker", { process: 18, text: "process 18 goes on" });
  told.event("warning", { text: "a free port is used" });
  const notes = [...told.training.notes.values()].map(({ text, more, mild }) => [
    text + more,
    mild,
  ]);
  assert.deepEqual(notes, [
    ["the terminal is gone: SIGTERM to 17 stops it (said by an earlier worker)", true],
    ["a free port is used", false],
    ["the trainer reports NaN as val/loss in epoch 1", false],
  ]);
});

test("a value that is no number is a warning, and an alarm once", () => {
  const told = new Told();
  told.clock();
  told.begin();
  told.epoch(0, { "val/loss": 1 });
  told.position += 1;
  told.text('{"what": "", "event": "epoch_end", "epoch": 1, "logs": {"val/loss": NaN}}');
  const first = told.training.alarm;
  assert.match(first?.text ?? "", /NaN as val\/loss in epoch 2/);
  told.position += 1;
  told.text('{"what": "", "event": "epoch_end", "epoch": 2, "logs": {"val/loss": NaN}}');
  assert.equal(told.training.alarm, first);
  const [note] = told.training.notes.values();
  assert.match(note.text + note.more, /epoch 2, and 1.more.time until epoch 3/);
});

test("what is not shown is one mild line", () => {
  const told = new Told();
  told.begin();
  told.epoch(0, { a: "x", b: "y", c: { d: "z" }, "val/loss": "0.5", list: [1, 2] });
  told.epoch(1, { a: "x", e: "w" });
  const notes = [...told.training.notes.values()];
  assert.equal(notes.length, 1);
  assert.equal(notes[0].text.replaceAll("\u00a0", " "), "4 values are not shown: a, b, c/d, e");
  assert.equal(notes[0].mild, true);
  assert.equal(told.training.run?.validation(0), 0.5);
  assert.deepEqual(told.training.run?.tables.get("list"), { number: 0, rows: [[1, 2]] });
});

test("the models of a pipeline have their names", () => {
  const told = new Told();
  told.state("waiting", { models: ["centroid", "centered_instance"] });
  for (const _ of [1, 2, 3]) {
    told.begin();
    told.epoch(0, {});
    told.report("train_end");
  }
  const labels = told.training.runs.map((run) => run.label);
  assert.deepEqual(labels, ["centroid", "centered_instance", "model 3"]);
  told.begin({ what: "bottomup" });
  assert.equal(told.training.run?.label, "bottomup", "the trainer knows best");
});

test("a training that continues the epochs before it is one curve with a break", () => {
  const told = new Told();
  told.begin();
  for (let number = 0; number < 4; number++) told.epoch(number, { "val/loss": 4 - number });
  told.begin(); // it was killed in between
  told.epoch(2, { "val/loss": 9 });
  const { training } = told;
  assert.equal(training.runs.length, 1);
  assert.deepEqual(training.run?.numbers, [0, 1, 2]);
  assert.deepEqual(training.run?.breaks, [{ number: 2, attempt: 2 }]);
  assert.match([...training.notes.values()][0].text, /attempt 2 goes on with epoch 3/);
});

test("one that was done is gone on with only where it ended", () => {
  for (const [first, models] of [
    [2, 1],
    [1, 2],
    [0, 2],
  ]) {
    const told = new Told();
    told.begin();
    told.epoch(0, {});
    told.epoch(1, {});
    told.report("train_end");
    told.begin();
    told.epoch(first, {});
    assert.equal(told.training.runs.length, models, `from ${first}`);
    assert.equal(told.training.modelCount, models);
  }
});

test("a trainer that was started again is another attempt, also from the first epoch", () => {
  const told = new Told();
  told.state("starting");
  told.begin();
  told.epoch(0, {});
  told.event("ended", { outcome: "cancelled", text: "time is up" });
  told.state("ended");
  told.state("starting");
  assert.equal(told.training.ending, null, "it trains again");
  told.state("waiting");
  told.begin();
  told.epoch(0, {});
  assert.equal(told.training.runs.length, 1);
  assert.equal(told.training.run?.attempts, 2);
});

test("models that differ are never one", () => {
  const told = new Told();
  told.begin({ what: "centroid" });
  told.epoch(0, {}, { what: "centroid" });
  told.begin({ what: "centered_instance" });
  told.epoch(1, {}, { what: "centered_instance" });
  assert.equal(told.training.runs.length, 2);
});

test("who asked for what is told", () => {
  const told = new Told();
  const order = { command: "stop", step: "sent", text: "the trainer has been asked to stop" };
  told.event("control", { ...order, by: "control-client-1" });
  told.event("control", { ...order, by: "terminal" });
  told.event("control", { ...order, command: "set_lr", by: "control-client-2" });
  const who = told.training.answers.map((answer) => answer.who);
  assert.deepEqual(who, [
    "Stop early, by you",
    "Stop early, by the terminal",
    "set_lr, by another viewer",
  ]);
});

test("a text that is no page is passed over, and what is no report is counted", () => {
  const told = new Told();
  for (const text of ["a line", "PIECE::one", '{"first": null, "messages": ["x"]}']) {
    told.training.take(text);
  }
  assert.equal(told.training.entries, 0);
  told.entry("no report");
  assert.equal(told.training.unreadable, 1);
  assert.equal(told.training.reports, 1);
  assert.equal(WIRE.event_mark, "__meta__");
});

test("the usual silence is that of the run", () => {
  const told = new Told();
  told.clock();
  told.begin();
  told.epoch(0, {}, { seconds: 90 });
  assert.equal(told.training.usual, 90);
  told.epoch(1, {}, { seconds: 5, batches: 0 });
  assert.ok(told.training.usual > 80);
});

test("a page of the log brings many entries, each with its time", () => {
  const { training } = new Told();
  const reports = ["train_begin", "train_end"].map((event) => JSON.stringify({ what: "", event }));
  training.take(JSON.stringify({ first: 1, times: [1000, 1060], messages: reports }));
  assert.equal(training.position, 2);
  assert.equal(training.run?.began, 1000);
  assert.equal(training.run?.ended, 1060);
});

test("a text that comes in pieces is read when it is whole", () => {
  const { training } = new Told();
  const message = JSON.stringify({ what: "", event: "train_begin", extra: "x".repeat(100) });
  const text = JSON.stringify({ first: 1, times: [1000], messages: [message] });
  training.take(`PIECE::1/3::${text.slice(0, 50)}`);
  training.reconnect(1000); // the connection was lost, and it is sent again
  for (const [i, from, to] of [
    [1, 0, 50],
    [2, 50, 100],
    [3, 100],
  ]) {
    assert.equal(training.position, 0);
    training.take(`PIECE::${i}/3::${text.slice(from, to)}`);
  }
  assert.equal(training.modelCount, 1);
  training.take('PROGRESS_REPORT::{"what": "__meta__", "event": "alive"}');
  assert.equal(training.position, 1);
});
