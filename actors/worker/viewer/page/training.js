// @ts-check
// All that the worker has told of a training. It only learns; it draws nothing.

import { text, number, index, list, numeric, record, readLogs, readReport } from "./values.js";
import { plural } from "./words.js";
import { Run } from "./run.js";
import { Past } from "./past.js";
import { QUESTIONS } from "./orders.js";
/** @typedef {import("./values.js").Report} Report */
/** @typedef {{time: number, who: string, text: string}} Answer */
/** @typedef {{text: string, more: string, count: number, mild: boolean}} Note */
/** @typedef {{add: (lines: string[], changing: string | null) => void}} Lines */
/** @typedef {{piece_prefix: string, event_mark: string}} Wire */

const MODELS_KEPT = 50;
const NOTES_KEPT = 100;
const NAMES_TOLD = 5;
const NAMES_COUNTED = 1000;
const EVENTS = new Set([
  "train_begin",
  "epoch_begin",
  "batch_begin",
  "batch_start",
  "batch_end",
  "epoch_end",
  "train_end",
]); // of a SLEAP trainer
export const SILENT_FACTOR = 3; // times its usual silences a trainer is silent
const WAITED = 1; // seconds after a pause in which other reports come that have waited, too
const LONGEST_USUAL = 600; // seconds: a longer silence is none that is usual

/** The worker's clock. What comes late only ever looks older: the least difference is the truest. */
class WorkerClock {
  constructor() {
    this.time = 0; // of the entry that is being read
    this.behind = Infinity;
    this.stands = false; // in a recording
  }

  /** @param {number} time */
  set(time) {
    this.time = time;
    this.behind = Math.min(this.behind, Date.now() / 1000 - time);
  }

  /** A new connection measures anew: this machine may have slept, or its clock been set. @param {number | null} time */
  forget(time) {
    this.behind = time === null ? Infinity : Date.now() / 1000 - time;
  }

  get now() {
    if (this.stands) return this.time;
    return Number.isFinite(this.behind)
      ? Math.max(this.time, Date.now() / 1000 - this.behind)
      : this.time;
  }
}

/** All that the worker has told of a training, in order and once. */
export class Training {
  /** @param {Lines} output @param {string} client @param {Wire} [wire] how the worker marks what it sends: known with the session */
  constructor(output, client, wire = { piece_prefix: "", event_mark: "" }) {
    this.output = output;
    this.client = client;
    this.wire = wire;
    this.clock = new WorkerClock();
    this.position = 0; // of the last entry that was read
    this.pieces = /** @type {string[]} */ ([]); // of a text that has not come whole yet
    this.past = /** @type {Past | null} */ (null); // while it is read
    this.entries = 0;
    this.reports = 0;
    this.unreadable = 0;
    this.isKnown = false; // a report has come of which something is known
    this.batchCount = 0;
    this.epochCount = 0;
    this.missed = 0;
    this.began = /** @type {number | null} */ (null); // the first entry's time
    this.heard = 0; // when the trainer was heard last, by the worker's clock
    this.usual = 0; // seconds: the longest of its recent silences
    this.state = "";
    this.stateText = "";
    this.killAt = /** @type {number | null} */ (null);
    this.title = "";
    this.total = /** @type {number | null} */ (null);
    this.finishing = false;
    this.runs = /** @type {Run[]} */ ([]);
    this.modelCount = 0;
    this.models = /** @type {string[]} */ ([]); // names, as far as they are known beforehand
    this.startsAgain = false; // the worker has started a trainer since the last model began
    this.attempt = 0; // which one it said that is; 0: nothing
    this.isNew = true; // nothing was reported of this attempt
    this.paused = false; // nobody has listened since the last report
    this.resumed = /** @type {number | null} */ (null); // when the first report after that came
    this.unshown = /** @type {Set<string>} */ (new Set()); // names of values
    this.resources = /** @type {Report | null} */ (null);
    this.ending = /** @type {Report | null} */ (null);
    this.endedAt = /** @type {number | null} */ (null);
    this.answers = /** @type {Answer[]} */ ([]);
    this.answerCount = 0;
    this.notes = /** @type {Map<string, Note>} */ (new Map());
    this.noteRevision = 0;
    this.alarm = /** @type {{time: number, text: string} | null} */ (null); // the last value that is no number
  }

  /** @returns {Run | null} */
  get run() {
    return this.runs[this.runs.length - 1] ?? null;
  }

  /** What comes next belongs to a new connection. @param {number | null} time the worker's */
  reconnect(time) {
    this.pieces = [];
    this.clock.forget(time);
  }

  /**
   * The run so far, all at once; nothing else has been told of it.
   * @param {Report} digest
   */
  recall(digest) {
    const past = (this.past = new Past(digest));
    for (const { time, report } of past.entries) {
      this.clock.time = time;
      this.read(report);
    }
    const run = this.run ?? (past.model ? this.begin("", "") : null);
    if (run) past.model?.giveAll(run);
    this.past = null;
    this.clock.time = past.time;
    this.position = past.position;
    this.entries = past.position - past.leftOut;
    this.reports = past.reports;
    this.batchCount = past.batches;
    this.heard = past.heard;
    // How long it is silent between two of its messages is not told: no longer than an epoch takes.
    this.usual = Math.min(LONGEST_USUAL, (run?.perEpoch ?? 0) / SILENT_FACTOR);
    this.miss(past.leftOut);
  }

  /** A text of the worker: entries of the run's log, a piece of such a text, or a sign of life. @param {string} message */
  take(message) {
    const { piece_prefix: prefix } = this.wire;
    if (prefix && message.startsWith(prefix)) {
      const whole = this.join(message.slice(prefix.length));
      if (whole !== null) this.takePage(record(JSON.parse(whole)));
    } else if (message.startsWith("{")) {
      this.takePage(record(JSON.parse(message)));
    }
  }

  /** The text whose last piece this is, or null. @param {string} piece "2/3::" and a part */
  join(piece) {
    const head = /^(\d+)\/(\d+)::/.exec(piece);
    if (!head) return null;
    if (head[1] === "1") this.pieces = [];
    this.pieces.push(piece.slice(head[0].length));
    return this.pieces.length === Number(head[2]) ? this.pieces.splice(0).join("") : null;
  }

  /** @param {Report} page */
  takePage(page) {
    const first = index(page.first);
    if (first === null) return;
    const times = list(page.times);
    list(page.messages).forEach((message, i) => {
      const time = number(times[i]);
      if (time !== null && Math.abs(time) < 1e11) this.clock.set(time);
      this.takeEntry(first + i, String(message));
    });
  }

  /** @param {number} position @param {string} message */
  takeEntry(position, message) {
    if (position <= this.position) return; // it has been read already
    this.miss(position - this.position - 1);
    this.position = position;
    this.entries += 1;
    this.read(readReport(message));
  }

  /** So many entries are not to be had any more. @param {number} count */
  miss(count) {
    if (count <= 0) return;
    this.missed += count;
    this.note("missed", "the worker no longer keeps the oldest reports of this run", {
      more: ` (${plural(this.missed, "message")})`,
      mild: true,
    });
  }

  /** What an entry says. @param {Report | null} report */
  read(report) {
    if (this.clock.time) this.began ??= this.clock.time;
    if (report && report.what === this.wire.event_mark) {
      this.takeEvent(report);
      return;
    }
    this.reports += 1;
    this.isNew = false;
    if (this.paused) this.resumed = this.clock.time;
    this.paused = false;
    this.hear();
    if (["", "starting", "waiting"].includes(this.state)) this.state = "training";
    if (report) {
      this.takeReport(report);
    } else {
      this.unreadable += 1;
      this.note("unreadable", "the trainer has sent something that is not a report", {
        more: ` (${this.unreadable} so far)`,
      });
    }
  }

  /** Whether what comes has waited for a worker in the trainer's queue: its time says nothing. */
  get waits() {
    return this.resumed !== null && this.clock.time < this.resumed + WAITED;
  }

  /** The trainer has been heard. */
  hear() {
    if (this.past) return;
    const silence = this.heard && this.run ? this.clock.time - this.heard : 0;
    this.usual = Math.max(Math.min(silence, LONGEST_USUAL), this.usual * 0.995);
    this.heard = this.clock.time;
  }

  // The trainer's reports

  /** @param {Report} report */
  takeReport(report) {
    if (!EVENTS.has(text(report.event))) return;
    this.isKnown = true;
    const { time } = this.clock;
    const logs = record(report.logs);
    if (report.event === "train_begin") {
      if (this.past) {
        if (this.run) this.past.model?.giveAll(this.run);
        this.past.at += 1;
      }
      const position = this.past ? (this.past.model?.position ?? 0) : this.position;
      this.begin(text(report.wandb_url), text(report.what), position).isHeard = true;
      return;
    }
    const epoch = index(report.epoch);
    const run = this.goesOn(this.run ?? this.begin("", text(report.what)), epoch);
    switch (report.event) {
      case "epoch_begin":
        run.beginEpoch(epoch ?? run.epochs.size, this.waits ? null : time);
        if (epoch !== null) this.past?.model?.give(run, epoch);
        break;
      case "batch_end": {
        const number = epoch ?? run.current?.number ?? 0;
        const value = numeric(logs.loss);
        if (value !== null) this.checkFinite("loss", value, number);
        if (this.past) break; // it comes with all batches
        run.endBatch(number, index(report.batch) ?? 0, value ?? NaN);
        this.batchCount += 1;
        break;
      }
      case "epoch_end":
        if (epoch !== null) this.past?.model?.give(run, epoch);
        this.endEpoch(run, epoch ?? run.current?.number ?? 0, logs);
        break;
      case "train_end":
        run.ended = time;
        this.finishing = true;
        if (this.state === "stopping")
          this.answer("", "the trainer has sent its last message and is finishing");
        break;
    }
  }

  /** @param {string} wandb @param {string} what @param {number} [position] of its train_begin */
  begin(wandb, what, position = 0) {
    const { run: before } = this;
    if (before && before.epochs.size > 0 && [...before.epochs.values()].every((e) => e.read)) {
      // The trainer had begun it before anybody listened.
      this.runs.pop();
      this.modelCount -= 1;
    }
    this.modelCount += 1;
    const run = new Run(this.modelCount, this.clock.time, this.total);
    run.parts[0].position = position;
    run.wandb = webAddress(wandb);
    run.what = what;
    run.name = what.slice(0, 100) || (this.models[this.modelCount - 1] ?? "");
    this.runs.push(run);
    if (this.runs.length > MODELS_KEPT) this.runs.shift();
    this.finishing = false;
    return run;
  }

  /**
   * The run that a report of `epoch` belongs to: at the first epoch of a model it shows whether it
   * goes on with the one before. It does when it continues that one's epochs, and when the worker
   * has started a trainer again before that one was done.
   * @param {Run} run
   * @param {number | null} epoch
   * @returns {Run}
   */
  goesOn(run, epoch) {
    if (epoch === null || run.epochs.size > 0) return run;
    const { startsAgain: restarted, attempt } = this;
    this.startsAgain = false;
    this.attempt = 0;
    const before = this.runs[this.runs.length - 2];
    const last = before?.last?.number ?? null;
    if (!before || before.epochs.size === 0 || before.what !== run.what) return run;
    const continues =
      last !== null &&
      epoch > 0 &&
      epoch <= last + 1 &&
      (before.ended === null || epoch === last + 1);
    // The worker knows; which model of a pipeline it is that begins again it does not.
    const isTold = attempt > 0 && this.models.length <= 1;
    if (!continues && !(restarted && (before.ended === null || isTold))) return run;
    this.runs.pop();
    this.modelCount -= 1;
    const which = Math.max(attempt, before.attempts + 1);
    before.goOn(epoch, this.clock.time, which, run.parts[0].position);
    before.wandb = run.wandb ?? before.wandb;
    before.total = this.total ?? before.total;
    const again =
      last !== null && epoch <= last
        ? `; what the one before told of epoch ${epoch + 1} and later is not shown`
        : "";
    this.note(
      `attempt ${before.number} ${before.attempts}`,
      `attempt ${before.attempts} goes on with epoch ${epoch + 1}${again}`,
      { mild: true },
    );
    return before;
  }

  /** @param {Run} run @param {number} epoch @param {Report} logs */
  endEpoch(run, epoch, logs) {
    const { numbers, tables, others } = readLogs(logs);
    for (const [name, value] of numbers)
      this.checkFinite(name, value, run.isLate(name) ? epoch - 1 : epoch);
    const left = run.endEpoch(epoch, numbers, this.clock.time, this.waits);
    for (const [name, rows] of tables) if (!run.keepTable(name, epoch, rows)) left.push(name);
    this.passOver([...others, ...left]);
    this.epochCount += 1;
  }

  /** These values are not shown. @param {string[]} names */
  passOver(names) {
    const before = this.unshown.size;
    for (const name of names) if (this.unshown.size < NAMES_COUNTED) this.unshown.add(name);
    const count = this.unshown.size;
    if (count === before) return;
    const told = [...this.unshown].slice(0, NAMES_TOLD).join(", ");
    const words = `${count === NAMES_COUNTED ? "More than " : ""}${plural(count, "value")} ${count === 1 ? "is" : "are"} not shown: ${told}${count > NAMES_TOLD ? ", …" : ""}`;
    this.notes.delete("unshown");
    this.note("unshown", words, { mild: true });
  }

  /** @param {string} metric @param {number} value @param {number} epoch */
  checkFinite(metric, value, epoch) {
    if (Number.isFinite(value)) return;
    const model = this.modelCount > 1 && this.run ? ` of ${this.run.label}` : "";
    const key = `${this.modelCount} ${value} ${metric}`;
    const times = (this.notes.get(key)?.count ?? 0) + 1;
    const words = `the trainer reports ${value} as ${metric} in epoch ${epoch + 1}${model}`;
    if (times === 1) this.alarm = { time: this.clock.time, text: words };
    const more =
      times > 1 ? `, and ${plural(times - 1, "more time")} until epoch ${epoch + 1}` : "";
    this.note(key, words, { more });
  }

  // The worker's events

  /** @param {Report} event */
  takeEvent(event) {
    switch (event.event) {
      case "state":
        this.become(event);
        break;
      case "control":
        this.answer(this.author(event), text(event.text));
        break;
      case "output": {
        this.hear();
        const changing =
          event.changing === null || event.changing === undefined ? null : text(event.changing);
        this.output.add(list(event.lines).map(text), changing);
        break;
      }
      case "resources":
        this.resources = event;
        break;
      case "warning":
        this.note(`worker ${text(event.text)}`, text(event.text));
        break;
      case "worker":
        this.noteThatAnotherGoesOn();
        break;
      case "attempt":
        this.ending = this.endedAt = null;
        this.startsAgain = this.run !== null;
        this.attempt = index(event.number) ?? 0;
        this.isNew = true;
        this.note(`worker ${text(event.text)}`, text(event.text), { mild: true });
        break;
      case "epoch":
        this.fillIn(event);
        break;
      case "ended":
        this.isNew = false;
        this.ending = event;
        this.endedAt = this.clock.time;
        if (this.answerCount) this.answer("", text(event.text) + saved(event));
        break;
    }
  }

  /** What an earlier worker has warned of, as of its own process, may not be so any more. */
  noteThatAnotherGoesOn() {
    for (const [key, note] of this.notes) {
      if (!key.startsWith("worker ") || note.mild) continue;
      this.notes.set(key, { ...note, more: " (said by an earlier worker)", mild: true });
    }
    this.noteRevision += 1;
  }

  /** An epoch of the trainer's own log. @param {Report} event */
  fillIn(event) {
    const epoch = index(event.epoch);
    if (epoch === null) return;
    const run = this.run ?? this.begin("", "");
    const read = { train: numeric(event.train_loss), val: numeric(event.val_loss) };
    run.fillIn(epoch, read, this.clock.time);
    this.epochCount += 1;
    this.note("read", "epochs that ended while nobody listened are from the trainer's own log", {
      mild: true,
    });
  }

  /** @param {Report} event */
  become(event) {
    const state = text(event.state);
    const words = text(event.text);
    if (state !== this.state && (state === "stopping" || state === "cancelling"))
      this.answer("", words);
    this.state = state;
    this.stateText = words;
    this.killAt = number(event.kill_at);
    this.title = text(event.title) || this.title;
    this.total = index(event.epochs) || null;
    this.models = list(event.models).map(text);
    if (state === "starting" && this.run) this.startsAgain = true;
    if ((state === "starting" && !this.isNew) || event.runs_already === true) {
      // Another worker goes on with the training, or the trainer has run before this one.
      this.paused = true;
      this.resumed = null;
      this.run?.pause();
    }
    if (state === "starting" || state === "waiting" || state === "training") {
      this.finishing = false;
      this.ending = this.endedAt = null; // it was another attempt's
    }
    if (this.run && this.run.ended === null && this.total) this.run.total = this.total;
  }

  /** Who asked for what; the worker puts the role of a viewer before its id. @param {Report} event */
  author(event) {
    const command =
      event.command === "stop" || event.command === "cancel"
        ? QUESTIONS[event.command].name
        : text(event.command).slice(0, 100);
    const asker = text(event.by);
    const by = asker.endsWith(`-${this.client}`)
      ? "you"
      : asker === "terminal"
        ? "the terminal"
        : asker.startsWith("SIG")
          ? asker
          : "another viewer";
    return `${command}, by ${by}`;
  }

  /** @param {string} who @param {string} words @param {number} [time] */
  answer(who, words, time = this.clock.time) {
    this.answers.push({ time, who, text: words });
    this.answerCount += 1;
    if (this.answers.length > NOTES_KEPT) this.answers.shift();
  }

  /** @param {string} key @param {string} words @param {{more?: string, mild?: boolean}} [options] */
  note(key, words, { more = "", mild = false } = {}) {
    const known = this.notes.get(key);
    if (!known && this.notes.size >= NOTES_KEPT) return;
    this.notes.set(key, { text: known?.text ?? words, more, mild, count: (known?.count ?? 0) + 1 });
    this.noteRevision += 1;
  }
}

/** @param {string} address @returns {string | null} */
function webAddress(address) {
  try {
    const { protocol, href } = new URL(address);
    return protocol === "https:" || protocol === "http:" ? href : null;
  } catch {
    return null;
  }
}

/** @param {Report} ending */
function saved(ending) {
  const count = list(ending.checkpoints).length;
  return count ? `; model saved: ${plural(count, "checkpoint file")} written` : "";
}
