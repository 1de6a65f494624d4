// @ts-check
// All that the worker has told of a training. It only learns; it draws nothing.

import { text, number, index, list, record, readReport } from "./values.js";
import { plural } from "./words.js";
import { OTHER_NAMES, Run } from "./run.js";
import { QUESTIONS } from "./orders.js";
/** @typedef {import("./values.js").Report} Report */
/** @typedef {import("./output.js").Output} Output */
/** @typedef {{time: number, who: string, text: string}} Answer */
/** @typedef {{text: string, more: string, count: number, mild: boolean}} Note */

const PREFIX = "PROGRESS_REPORT::";
const EVENT_MARK = "__meta__";
const MODELS_KEPT = 50;
const NOTES_KEPT = 100;

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

  /** A new connection measures anew: this machine may have slept, or its clock been set. */
  forget() {
    this.behind = Infinity;
  }

  get now() {
    if (this.stands) return this.time;
    return Number.isFinite(this.behind) ? Math.max(this.time, Date.now() / 1000 - this.behind) : this.time;
  }
}

/** All that the worker has told of a training, in order and once. */
export class Training {
  /** @param {Output} output @param {string} client */
  constructor(output, client) {
    this.output = output;
    this.client = client;
    this.clock = new WorkerClock();
    this.position = 0; // of the last entry that was read
    this.next = 1;
    this.entries = 0;
    this.reports = 0;
    this.unreadable = 0;
    this.batchCount = 0;
    this.epochCount = 0;
    this.missed = 0;
    this.heard = 0; // when the trainer was heard last, by the worker's clock
    this.state = "";
    this.stateText = "";
    this.title = "";
    this.total = /** @type {number | null} */ (null);
    this.finishing = false;
    this.runs = /** @type {Run[]} */ ([]);
    this.modelCount = 0;
    this.resources = /** @type {Report | null} */ (null);
    this.ending = /** @type {Report | null} */ (null);
    this.endedAt = /** @type {number | null} */ (null);
    this.answers = /** @type {Answer[]} */ ([]);
    this.answerCount = 0;
    this.notes = /** @type {Map<string, Note>} */ (new Map());
    this.noteRevision = 0;
  }

  /** @returns {Run | null} */
  get run() {
    return this.runs[this.runs.length - 1] ?? null;
  }

  /** What comes next belongs to a new connection. */
  reconnect() {
    this.next = this.position + 1;
    this.clock.forget();
  }

  /** @param {string} message */
  take(message) {
    if (!message.startsWith(PREFIX)) {
      this.output.add(message.replace(/\n$/, "").split("\n"), null);
      return;
    }
    const report = readReport(message.slice(PREFIX.length));
    const isEvent = report?.what === EVENT_MARK;
    if (report && isEvent && report.event === "clock") {
      this.setClock(number(report.time), index(report.position));
    } else if (!(isEvent && report.event === "alive")) {
      this.takeEntry(report, isEvent);
    }
  }

  /** @param {number | null} time @param {number | null} position */
  setClock(time, position) {
    if (time !== null && Math.abs(time) < 1e11) this.clock.set(time);
    if (position === null) return;
    this.next = position;
    if (position <= this.position + 1) return;
    this.missed += position - this.position - 1;
    this.position = position - 1;
    this.note("missed", "the worker no longer keeps the oldest batch reports of this run", { more: ` (${plural(this.missed, "message")})`, mild: true });
  }

  /** @param {Report | null} report @param {boolean} isEvent */
  takeEntry(report, isEvent) {
    const position = this.next++;
    if (position <= this.position) return; // it has been read already
    this.position = position;
    this.entries += 1;
    if (report && isEvent) {
      this.takeEvent(report);
      return;
    }
    this.reports += 1;
    this.heard = this.clock.time;
    if (["", "starting", "waiting"].includes(this.state)) this.state = "training";
    if (report) {
      this.takeReport(report);
    } else {
      this.unreadable += 1;
      this.note("unreadable", "the trainer has sent what is no report", { more: ` (${this.unreadable} so far)` });
    }
  }

  // The trainer's reports

  /** @param {Report} report */
  takeReport(report) {
    const { time } = this.clock;
    const logs = record(report.logs);
    if (report.event === "train_begin") {
      this.begin(text(report.wandb_url));
      return;
    }
    const run = this.run ?? this.begin("");
    switch (report.event) {
      case "epoch_begin":
        run.epochAt(index(report.epoch) ?? run.epochs.size, time);
        run.revision += 1;
        break;
      case "batch_end": {
        const epoch = index(report.epoch) ?? run.current?.number ?? 0;
        const value = typeof logs.loss === "number" ? logs.loss : NaN;
        if (typeof logs.loss === "number") this.checkFinite("loss", value, epoch);
        run.endBatch(epoch, index(report.batch) ?? 0, value, time);
        this.batchCount += 1;
        break;
      }
      case "epoch_end":
        this.endEpoch(run, index(report.epoch) ?? run.current?.number ?? 0, logs);
        break;
      case "train_end":
        run.ended = time;
        this.finishing = true;
        if (this.state === "stopping") this.answer("", "the trainer has sent its last message and is finishing");
        break;
    }
  }

  /** @param {string} wandb */
  begin(wandb) {
    this.modelCount += 1;
    const run = new Run(this.modelCount, this.clock.time, this.total);
    run.wandb = webAddress(wandb);
    this.runs.push(run);
    if (this.runs.length > MODELS_KEPT) this.runs.shift();
    this.finishing = false;
    return run;
  }

  /** @param {Run} run @param {number} epoch @param {Report} logs */
  endEpoch(run, epoch, logs) {
    const values = /** @type {Map<string, number>} */ (new Map());
    for (const [key, value] of Object.entries(logs)) {
      if (typeof value !== "number" || key === "epoch") continue;
      const name = OTHER_NAMES.get(key) ?? key.slice(0, 200);
      values.set(name, value);
      this.checkFinite(name, value, run.isLate(name) ? epoch - 1 : epoch);
    }
    run.endEpoch(epoch, values, this.clock.time);
    this.epochCount += 1;
  }

  /** @param {string} metric @param {number} value @param {number} epoch */
  checkFinite(metric, value, epoch) {
    if (Number.isFinite(value)) return;
    const model = this.modelCount > 1 ? ` of model ${this.modelCount}` : "";
    const key = `${this.modelCount} ${value} ${metric}`;
    const times = (this.notes.get(key)?.count ?? 0) + 1;
    const more = times > 1 ? `, and ${plural(times - 1, "more time")} until epoch ${epoch + 1}` : "";
    this.note(key, `the trainer reports ${value} as ${metric} in epoch ${epoch + 1}${model}`, { more });
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
        this.heard = this.clock.time;
        const changing = event.changing === null || event.changing === undefined ? null : text(event.changing);
        this.output.add(list(event.lines).map(text), changing);
        break;
      }
      case "resources":
        this.resources = event;
        break;
      case "warning":
        this.note(`worker ${text(event.text)}`, text(event.text));
        break;
      case "ended":
        this.ending = event;
        this.endedAt = this.clock.time;
        if (this.answerCount) this.answer("", text(event.text) + saved(event));
        break;
    }
  }

  /** @param {Report} event */
  become(event) {
    const state = text(event.state);
    const words = text(event.text);
    if (state !== this.state && (state === "stopping" || state === "cancelling")) this.answer("", words);
    this.state = state;
    this.stateText = words;
    this.title = text(event.title) || this.title;
    this.total = index(event.epochs) || null;
    if (state === "starting" || state === "waiting" || state === "training") this.finishing = false;
    if (this.run && this.run.ended === null && this.total) this.run.total = this.total;
  }

  /** Who asked for what; the worker puts the role of a viewer before its id. @param {Report} event */
  author(event) {
    const command = event.command === "stop" || event.command === "cancel" ? QUESTIONS[event.command].name : text(event.command).slice(0, 100);
    const by = text(event.by).endsWith(`-${this.client}`) ? "you" : event.by === "terminal" ? "the terminal" : "another viewer";
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
export function saved(ending) {
  const count = list(ending.checkpoints).length;
  return count ? `; model saved: ${plural(count, "checkpoint file")} written` : "";
}
