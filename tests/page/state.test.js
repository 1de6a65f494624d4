import assert from "node:assert/strict";
import { test } from "node:test";
import { controlsOf, noCurves, noOutput, stateOf } from "../../actors/worker/viewer/page/state.js";
import { newsOf } from "../../actors/worker/viewer/page/notices.js";
import { SESSION, Told, link } from "./support.js";

/** A training that has come to `state`. */
function at(state, fields) {
  const told = new Told();
  told.clock(Date.now() / 1000);
  told.state(state, fields);
  return told;
}

/** One that has ended so. */
function ended(outcome, fields = {}) {
  const told = at("training");
  told.begin();
  told.epoch(0, { "val/loss": 0.5 });
  told.event("ended", { outcome, text: `it has ${outcome}`, ...fields });
  told.state("ended");
  return told.training;
}

test("each state of the worker has its words", () => {
  for (const [state, words] of [
    ["starting", "starting"],
    ["waiting", "waiting for the trainer"],
    ["training", "training"],
    ["stopping", "stopping"],
    ["cancelling", "cancelling"],
  ]) {
    assert.equal(stateOf(at(state).training, link()).words, words);
  }
});

test("a trainer that has ended while a viewer is waited for is not one that has not", () => {
  const told = at("training");
  told.report("train_end");
  told.state("delivering", { text: "the trainer has ended; a viewer is waited for" });
  const { words, note } = stateOf(told.training, link());
  assert.equal(words, "finishing");
  assert.equal(note, "the trainer has ended; a viewer is waited for");
  assert.equal(controlsOf(told.training, link()).stop, false);
});

test("a training that has ended by itself is finished, and others are not", () => {
  for (const [outcome, kind, words] of [
    ["completed", "finished", "finished"],
    ["failed", "failed", "failed"],
    ["cancelled", "cancelled", "cancelled"],
    ["stopped", "stopped", "stopped early"],
  ]) {
    assert.deepEqual(stateOf(ended(outcome), link()), { kind, words, note: "" });
  }
});

test("an ended page speaks of no connection", () => {
  for (const phase of ["pausing", "connecting", "over"]) {
    const lost = link({ isOpen: false, phase });
    const { words, note } = stateOf(ended("completed"), lost);
    assert.equal(words, "finished");
    assert.equal(
      note,
      phase === "over" ? "The worker has ended: this is all that it reported." : "",
    );
    assert.deepEqual(controlsOf(ended("completed"), lost), {
      shown: false,
      stop: false,
      cancel: false,
      reason: "",
    });
  }
});

test("a lost connection says what was known last", () => {
  const told = at("training");
  told.begin();
  told.report("epoch_begin", { epoch: 4 });
  const lost = link({ isOpen: false, phase: "pausing", words: "reconnecting (try 2)" });
  const { kind, words, note } = stateOf(told.training, lost);
  assert.equal(kind, "lost");
  assert.equal(words, "connection lost, reconnecting");
  assert.equal(note, "reconnecting (try 2); last known: training epoch 5");
  const first = link({ isOpen: false, hasBeenOpen: false, phase: "connecting", tries: 0 });
  assert.equal(stateOf(new Told().training, first).kind, "connecting");
  assert.equal(stateOf(told.training, link({ phase: "denied", isOpen: false })).kind, "denied");
});

test("silence is told when it is longer than what is usual", () => {
  const told = at("training");
  told.begin();
  told.report("epoch_begin", { epoch: 0 });
  const quiet = (seconds, usual) => {
    told.training.usual = usual;
    told.training.heard = told.training.clock.now - seconds;
    return stateOf(told.training, link());
  };
  assert.equal(quiet(39, 1).kind, "training");
  assert.equal(quiet(45, 1).kind, "silent");
  assert.equal(quiet(45, 1).words.replaceAll("\u00a0", " "), "no message for 40 s");
  assert.equal(quiet(200, 100).kind, "training");
  assert.equal(quiet(301, 100).kind, "silent");
  assert.equal(stateOf(told.training, link({ isOpen: false, phase: "pausing" })).kind, "lost");
});

test("a recording that ends before its training says so, and takes no orders", () => {
  const replay = link({ session: { ...SESSION, replay: true, may_control: false } });
  const told = at("training");
  assert.equal(stateOf(told.training, replay).kind, "recorded");
  const { shown, reason } = controlsOf(told.training, replay);
  assert.deepEqual([shown, reason], [false, "This is a recording."]);
  assert.equal(noOutput(told.training, replay), "The recording has no output.");
  assert.equal(noCurves(told.training, replay), "The recording has no epochs.");
});

test("stop is off while it stops, and cancel stays", () => {
  const pressed = (state) => {
    const { stop, cancel } = controlsOf(at(state).training, link());
    return [stop, cancel];
  };
  assert.deepEqual(pressed("training"), [true, true]);
  assert.deepEqual(pressed("waiting"), [true, true]);
  assert.deepEqual(pressed("stopping"), [false, true]);
  assert.deepEqual(pressed("cancelling"), [false, true]);
  const watching = link({ session: { ...SESSION, may_control: false } });
  const { shown, reason } = controlsOf(at("training").training, watching);
  assert.deepEqual([shown, reason], [false, "This link is for watching only."]);
  const lost = controlsOf(at("training").training, link({ isOpen: false, phase: "pausing" }));
  assert.deepEqual([lost.shown, lost.stop, lost.cancel], [true, false, false]);
});

test("of a trainer whose messages are not known nothing is said of its epochs", () => {
  const told = at("training");
  assert.equal(stateOf(told.training, link()).note, "The first epoch has not begun yet.");
  for (const message of ["a line", '{"event": "step", "epoch": 3}', "[1]"]) {
    told.entry(message);
    const { words, note } = stateOf(told.training, link());
    assert.equal(words, "training");
    assert.match(note, /knows none of the messages/);
    assert.match(noCurves(told.training, link()), /knows none of the messages/);
  }
  told.begin();
  assert.equal(stateOf(told.training, link()).note, "The first epoch has not begun yet.");
  assert.equal(noCurves(told.training, link()), "The curves begin with the first epoch.");
  assert.equal(told.training.modelCount, 1); // what is not known begins no model
});

test("what is missing is told as the state is", () => {
  assert.equal(noCurves(at("waiting").training, link()), "The curves begin with the first epoch.");
  assert.equal(noOutput(at("waiting").training, link()), "No output yet.");
  const failed = at("starting");
  failed.event("ended", { outcome: "failed", text: "no such command" });
  assert.equal(noCurves(failed.training, link()), "No epoch was reported.");
  assert.equal(noOutput(failed.training, link()), "The trainer wrote nothing.");
  assert.equal(noCurves(ended("completed"), link()), "");
  // Whether there is something is not known before it has come.
  const early = link({ isOpen: false, hasBeenOpen: false, phase: "connecting", loaded: 0.5 });
  for (const words of [noCurves, noOutput])
    assert.equal(words(new Told().training, early), "Not loaded yet.");
  assert.equal(controlsOf(new Told().training, early).reason, "Not possible: not connected yet.");
});

test("the end, its cause, silence and NaN are news, once each and while they are new", () => {
  const news = (training) => newsOf(training, stateOf(training, link()));
  const failed = news(ended("failed", { cause: "the GPU ran out of memory" }));
  assert.equal(failed?.title, "Training failed");
  assert.match(failed?.body ?? "", /out of memory.*0\.5000, epoch 1/);
  const old = ended("completed");
  old.endedAt = old.clock.now - 1000;
  assert.equal(news(old), null);
  const told = at("training");
  told.begin();
  assert.equal(news(told.training), null);
  told.position += 1;
  told.text('{"what": "", "event": "epoch_end", "epoch": 0, "logs": {"val/loss": NaN}}');
  assert.match(news(told.training)?.body ?? "", /NaN/);
  told.training.alarm = null;
  told.training.heard = told.training.clock.now - 1000;
  const silent = news(told.training);
  assert.equal(silent?.title, "The training is silent");
  assert.equal(news(told.training)?.key, silent?.key);
});

test("until the run is there it says how much of it has come, and nothing else", () => {
  const told = new Told();
  told.clock();
  told.event("ended", { outcome: "failed", text: "it has failed" });
  for (const session of [SESSION, { ...SESSION, replay: true }]) {
    const { kind, words } = stateOf(told.training, link({ loaded: 0.409, isOpen: false, session }));
    assert.deepEqual([kind, words], ["connecting", "loading the run, 40\u00a0%"]);
  }
});

test("what was told a moment ago is shown while the page connects", () => {
  const told = new Told();
  const first = { isOpen: false, hasBeenOpen: false, phase: "connecting", tries: 1 };
  assert.equal(stateOf(told.training, link(first)).words, "connecting");
  told.clock();
  told.state("training");
  told.begin();
  told.report("epoch_begin", { epoch: 3 });
  assert.equal(stateOf(told.training, link(first)).words, "training epoch 4");
  assert.equal(stateOf(told.training, link({ ...first, tries: 2 })).kind, "lost");
});

test("of a recording that is still read nothing is said but that", () => {
  const { training } = new Told();
  const session = { ...SESSION, replay: true };
  const state = stateOf(
    training,
    link({
      session,
      isOpen: false,
      hasBeenOpen: false,
      phase: "pausing",
      words: "the worker is still reading the run",
    }),
  );
  assert.equal(state.kind, "lost");
  assert.match(state.note, /still reading/);
});
