// @ts-check
/**
 * The page that shows a training live and can stop it.
 *
 * Texts come from a transport into the Inbox, which hands them to the Training record a few
 * milliseconds at a time. The record only learns; it draws nothing. The Page reads the record, at
 * most four times a second, and writes what has changed. Whatever comes from the trainer goes into
 * the document as text, never as markup.
 */

const PROTOCOL = "sleap-progress.v1";
const PREFIX = "PROGRESS_REPORT::";
const EVENT_MARK = "__meta__";

const PAINT_INTERVAL = 250; // milliseconds
const TURN_BUDGET = 8; // milliseconds of work on messages before the browser has its turn
const RTC_WAIT = 3000; // milliseconds until the data channel has to be open
const GATHERING_WAIT = 2000; // milliseconds
const REQUEST_WAIT = 8000; // milliseconds
const LOST_AFTER = 25; // seconds without any message; the worker sends one every 10 s at least
const SILENT_AFTER = 40; // seconds without a message of the trainer
const STEADY_AFTER = 5; // seconds that a connection has to last to be counted as a good one
const RETRY_FIRST = 0.5; // seconds
const RETRY_MOST = 10; // seconds
const TRIES_AFTER_END = 4; // the worker of an ended run is most likely gone

const BATCHES_KEPT = 200_000;
const POINTS_DRAWN = 1000; // each is an element of the document
const MODELS_KEPT = 50;
const METRICS_KEPT = 200;
const LINES_KEPT = 500;
const NOTES_KEPT = 100;
const RECENT_EPOCHS = 5; // of which the mean time per epoch is taken
const ROWS_SHOWN = 200;

/** @typedef {Record<string, unknown>} Report */
/** @typedef {[number, number]} Range */
/** @typedef {{instance: string, may_control: boolean, host: string, title: string, version: string, ice_servers: RTCIceServer[]}} Session */

// Values of unknown origin

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value.slice(0, 20_000) : "");
/** @param {unknown} value @returns {number | null} */
const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
/** @param {unknown} value @returns {number | null} */
const index = (value) => (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 1e9 ? Number(value) : null);
/** @param {unknown} value @returns {unknown[]} */
const list = (value) => (Array.isArray(value) ? value : []);
/** @param {unknown} value @returns {Report} */
const record = (value) => (typeof value === "object" && value !== null && !Array.isArray(value) ? /** @type {Report} */ (value) : {});

// Tolerant JSON

const BARE = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?Infinity|NaN/gs;
const MARKS = new Map([["\0NaN", NaN], ["\0Infinity", Infinity], ["\0-Infinity", -Infinity]]);

/**
 * The object that `source` is the JSON of, or null. Python writes NaN, Infinity and -Infinity bare,
 * which JSON does not know: outside of strings they are read as the numbers they name.
 * @param {string} source
 * @returns {Report | null}
 */
export function readReport(source) {
  let value;
  try {
    value = JSON.parse(source);
  } catch {
    if (!/NaN|Infinity/.test(source)) return null;
    try {
      const marked = source.replace(BARE, (token) => (token.startsWith('"') ? token : `"\\u0000${token}"`));
      value = JSON.parse(marked, (_, item) => (typeof item === "string" ? MARKS.get(item) ?? item : item));
    } catch {
      return null;
    }
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
}

// Terminal colours

// Control sequences (CSI), commands to the terminal (OSC), other escapes, control characters.
const ESCAPES = /\x1b\[([0-9;:]*)([@-~])|\x1b\[[^@-~]*[@-~]?|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f]/gs;

/**
 * The pieces of a line, each with its CSS classes: 16 colours and bold, all else is left out.
 * @param {string} line
 * @returns {{text: string, classes: string}[]}
 */
export function parseAnsi(line) {
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) return [{ text: line, classes: "" }];
  const pieces = [];
  const style = { bold: false, front: -1, back: -1 };
  let at = 0;
  for (const match of line.matchAll(ESCAPES)) {
    if (match.index > at) pieces.push({ text: line.slice(at, match.index), classes: ansiClasses(style) });
    at = match.index + match[0].length;
    if (match[2] === "m") setAnsi(style, match[1].split(/[;:]/).map(Number));
  }
  if (at < line.length) pieces.push({ text: line.slice(at), classes: ansiClasses(style) });
  return pieces;
}

/** @param {{bold: boolean, front: number, back: number}} style */
const ansiClasses = ({ bold, front, back }) =>
  [bold && "bold", front >= 0 && `f${front}`, back >= 0 && `b${back}`].filter(Boolean).join(" ");

/** @param {{bold: boolean, front: number, back: number}} style @param {number[]} codes */
function setAnsi(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    const ten = Math.floor(code / 10);
    if (code === 0) Object.assign(style, { bold: false, front: -1, back: -1 });
    else if (code === 1) style.bold = true;
    else if (code === 22) style.bold = false;
    else if (code === 38 || code === 48) {
      // An indexed or a direct colour: of the indexed ones, the first 16 are known here.
      const colour = codes[i + 1] === 5 && codes[i + 2] < 16 ? codes[i + 2] % 8 : -1;
      style[code === 38 ? "front" : "back"] = colour;
      i += codes[i + 1] === 2 ? 4 : 2;
    } else if (code % 10 < 8 && (ten === 3 || ten === 9)) style.front = code % 10;
    else if (code % 10 < 8 && (ten === 4 || ten === 10)) style.back = code % 10;
    else if (code === 39) style.front = -1;
    else if (code === 49) style.back = -1;
  }
}

// Words for numbers

/** @param {number | null | undefined} value */
function loss(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(3) : value.toPrecision(4);
}

/** @param {number} seconds */
function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const two = (/** @type {number} */ n) => String(Math.floor(n)).padStart(2, "0");
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** @param {number} bytes */
const gibibytes = (bytes) => (bytes / 2 ** 30).toFixed(bytes < 100 * 2 ** 30 ? 1 : 0);

/** @param {number} seconds since 1970 @param {boolean} [precise] */
const clockTime = (seconds, precise = true) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit", ...(precise ? { second: "2-digit" } : {}) });

/** @param {number} count @param {string} noun */
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// The record of a training

/** The batch losses of one model, in columns; beyond BATCHES_KEPT the newest takes the oldest's place. */
class Batches {
  constructor() {
    this.epochs = /** @type {number[]} */ ([]);
    this.numbers = /** @type {number[]} */ ([]);
    this.losses = /** @type {number[]} */ ([]);
    this.added = 0; // in all
  }

  get first() {
    return Math.max(0, this.added - BATCHES_KEPT);
  }

  /** @param {number} epoch @param {number} batch @param {number} value */
  add(epoch, batch, value) {
    const at = this.added++ % BATCHES_KEPT;
    this.epochs[at] = epoch;
    this.numbers[at] = batch;
    this.losses[at] = value;
  }
}

/** One epoch of a model. Numbers are counted from 0 by the trainer and from 1 on the page. */
class Epoch {
  /** @param {number} number @param {number} began @param {number} expected batches, 0: not known */
  constructor(number, began, expected) {
    this.number = number;
    this.began = began;
    this.expected = expected;
    this.ended = /** @type {number | null} */ (null);
    this.highest = -1; // number of its last batch
    this.seen = 0;
    this.sum = 0;
    this.values = /** @type {Map<string, number>} */ (new Map());
  }

  get batches() {
    return Math.max(this.expected, this.highest + 1);
  }

  get validation() {
    return this.values.get("val/loss") ?? null;
  }

  /** The trainer's own number where it has told it, or the mean of the batches if all were seen. */
  get training() {
    const told = this.values.get("train/loss");
    if (told !== undefined) return told;
    return this.ended !== null && this.seen > 0 && this.seen === this.highest + 1 ? this.sum / this.seen : null;
  }
}

const OTHER_NAMES = new Map([["val_loss", "val/loss"], ["train_loss", "train/loss"]]);

/** One model's training, as the trainer's reports tell it. */
class Run {
  /** @param {number} number @param {number} began @param {number | null} total */
  constructor(number, began, total) {
    this.number = number;
    this.began = began;
    this.ended = /** @type {number | null} */ (null);
    this.total = total; // epochs, where it is known
    this.wandb = /** @type {string | null} */ (null);
    this.epochs = /** @type {Map<number, Epoch>} */ (new Map());
    this.current = /** @type {Epoch | null} */ (null);
    this.done = /** @type {Epoch | null} */ (null); // the last one that has ended
    this.batches = new Batches();
    this.batchLoss = /** @type {number | null} */ (null);
    this.best = /** @type {{number: number, value: number} | null} */ (null);
    this.metrics = /** @type {Set<string>} */ (new Set());
    this.early = /** @type {Set<string> | null} */ (null);
    this.durations = /** @type {number[]} */ ([]);
    this.revision = 0; // grows with whatever the chart shows
  }

  /** @param {number} number @param {number} time */
  epochAt(number, time) {
    let epoch = this.epochs.get(number);
    if (!epoch) {
      epoch = new Epoch(number, time, this.done ? this.done.batches : 0);
      this.epochs.set(number, epoch);
    }
    this.current = epoch;
    return epoch;
  }

  /** @param {number} number @param {number} batch @param {number} value @param {number} time */
  endBatch(number, batch, value, time) {
    const epoch = this.epochAt(number, time);
    epoch.highest = Math.max(epoch.highest, batch);
    epoch.seen += 1;
    epoch.sum += value;
    this.batches.add(number, batch, value);
    this.batchLoss = value;
    this.revision += 1;
  }

  /** @param {number} number @param {Map<string, number>} values @param {number} time */
  endEpoch(number, values, time) {
    const epoch = this.epochAt(number, time);
    epoch.ended = time;
    this.durations.push(time - (this.done?.ended ?? epoch.began));
    if (this.durations.length > RECENT_EPOCHS) this.durations.shift();
    this.done = epoch;
    for (const [name, value] of values) {
      const known = this.metrics.has(name) || this.metrics.size < METRICS_KEPT;
      if (!known) continue;
      this.metrics.add(name);
      (this.isLate(name) ? this.epochs.get(number - 1) : epoch)?.values.set(name, value);
    }
    this.early ??= new Set(values.keys());
    const validation = epoch.validation;
    if (validation !== null && Number.isFinite(validation) && (!this.best || validation < this.best.value)) {
      this.best = { number, value: validation };
    }
    this.revision += 1;
  }

  /**
   * Whether the values of this metric are those of the epoch before. sleap-nn sends an epoch's
   * report before it logs some of its training metrics, the loss among them: the first report lacks
   * them, and each later one carries them one epoch late.
   * @param {string} name
   */
  isLate(name) {
    return this.early !== null && name.startsWith("train/") && !this.early.has(name);
  }

  /** Seconds, or null as long as no epoch has ended. */
  get perEpoch() {
    const { durations } = this;
    return durations.length ? durations.reduce((sum, item) => sum + item, 0) / durations.length : null;
  }

  /** Seconds until all epochs are done, or null where that cannot be known. @param {number} now */
  left(now) {
    const each = this.perEpoch;
    if (each === null || this.total === null || !this.done || this.ended !== null) return null;
    const begun = Math.min(each, Math.max(0, now - (this.done.ended ?? now)));
    const epochs = this.total - this.done.number - 1;
    return epochs > 0 ? epochs * each - begun : null;
  }

  get isValidating() {
    const epoch = this.current;
    return epoch !== null && epoch.ended === null && epoch.expected > 0 && epoch.highest + 1 >= epoch.expected;
  }
}

/** The worker's clock. What comes late only ever looks older: the least difference is the truest. */
class WorkerClock {
  constructor() {
    this.time = 0; // of the entry that is being read
    this.behind = Infinity;
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
    return Number.isFinite(this.behind) ? Math.max(this.time, Date.now() / 1000 - this.behind) : this.time;
  }
}

/** All that the worker has told of a training, in order and once. */
class Training {
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
    this.answers = /** @type {{time: number, who: string, text: string}[]} */ ([]);
    this.answerCount = 0;
    this.notes = /** @type {Map<string, {text: string, more: string, count: number, mild: boolean}>} */ (new Map());
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

  /** @param {Report} event */
  author(event) {
    const command = event.command === "stop" || event.command === "cancel" ? QUESTIONS[event.command].name : text(event.command).slice(0, 100);
    const by = event.by === this.client ? "you" : event.by === "terminal" ? "the terminal" : "another viewer";
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

// The state in words

/**
 * @param {Training} training
 * @param {Link} link
 * @returns {{kind: string, words: string, note: string}}
 */
function stateOf(training, link) {
  const { kind, words, note } = trainingState(training, link.isOpen);
  if (link.phase === "denied") return { kind: "denied", words: "not signed in", note: "Open the link that the worker printed: it carries the key to this page." };
  if (training.ending) return link.isOpen ? { kind, words, note } : { kind, words, note: link.phase === "over" ? "The worker has ended; this is what it told." : link.words };
  if (link.isOpen) return { kind, words, note };
  if (!link.hasBeenOpen && link.tries === 0) return { kind: "connecting", words: "connecting", note: "" };
  return { kind: "lost", words: link.hasBeenOpen ? "connection lost" : "no connection", note: link.words + (kind === "training" ? `; last known: ${words}` : "") };
}

/** @param {Training} training @param {boolean} connected */
function trainingState(training, connected) {
  const { ending, state, run, clock } = training;
  if (ending || state === "ended") {
    const kind = { completed: "finished", failed: "failed", cancelled: "cancelled" }[text(ending?.outcome)] ?? "finished";
    return { kind, words: ending ? kind : "ended", note: "" };
  }
  if (state === "cancelling") return { kind: state, words: "cancelling", note: training.stateText };
  if (training.finishing) return { kind: "finishing", words: "finishing", note: "The trainer has sent its last message and has not ended yet." };
  if (state === "stopping") return { kind: state, words: "stopping", note: training.stateText };
  if (state === "waiting") return { kind: state, words: "waiting for the trainer", note: training.stateText };
  if (state !== "training") return { kind: "starting", words: state === "starting" || !state ? "starting" : state, note: training.stateText };
  const epoch = run && run.ended === null ? run.current : null;
  if (!run || !epoch) return { kind: "training", words: "training", note: "The first epoch has not begun yet." };
  const words = `${run.isValidating ? "validating" : "training"} epoch ${ofTotal(run, epoch.number)}`;
  const silence = clock.now - training.heard;
  if (connected && silence >= SILENT_AFTER) return { kind: "silent", words: `no message for ${duration(Math.floor(silence / 10) * 10)}`, note: `Last known: ${words}. A long epoch, or a trainer that hangs.` };
  return { kind: run.isValidating ? "validating" : "training", words, note: "" };
}

/** @param {Run} run @param {number} epoch @param {string} [between] */
const ofTotal = (run, epoch, between = " of ") =>
  run.total !== null && epoch < run.total ? `${epoch + 1}${between}${run.total}` : `${epoch + 1}`;

// The chart

/**
 * About `most` of the indices from `from` to `to` whose points lie between `left` and `right`; gaps
 * are left out. The lowest and the highest point of each stretch of x are kept, so that no peak is
 * lost, and an even sample of all, so that a cloud is not drawn as two edges. The sample is of
 * round indices: points do not flicker while others come.
 * @param {(i: number) => number} x
 * @param {(i: number) => number} y
 * @param {{from: number, to: number, left: number, right: number, most: number}} range
 * @returns {number[]}
 */
export function thin(x, y, { from, to, left, right, most }) {
  const inside = [];
  for (let i = from; i < to; i++) {
    const at = x(i);
    if (at >= left && at <= right && Number.isFinite(y(i))) inside.push(i);
  }
  if (inside.length <= most) return inside;
  const step = 2 ** Math.ceil(Math.log2(inside.length / (0.75 * most)));
  const buckets = Math.floor(most / 8);
  const lowest = new Int32Array(buckets).fill(-1);
  const highest = new Int32Array(buckets).fill(-1);
  const kept = new Set();
  for (const i of inside) {
    if (i % step === 0) kept.add(i);
    const value = y(i);
    const bucket = Math.min(buckets - 1, Math.floor(((x(i) - left) / (right - left)) * buckets));
    if (lowest[bucket] < 0 || value < y(lowest[bucket])) lowest[bucket] = i;
    if (highest[bucket] < 0 || value > y(highest[bucket])) highest[bucket] = i;
  }
  for (const i of [...lowest, ...highest]) if (i >= 0) kept.add(i);
  return [...kept].sort((a, b) => a - b);
}

/** A step of 1, 2 or 5 times a power of ten that is no smaller than `least`. @param {number} least */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((digit) => digit * power >= least) ?? 10);
}

/** Ticks of a logarithmic axis, as plain numbers. @param {number} low @param {number} high */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  if (!(decades >= 1 && decades < 30)) return {}; // Plotly's own do for less than a decade
  const values = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of decades > 3 ? [1] : [1, 2, 5]) values.push(Number(`${digit}e${power}`));
  }
  return { tickmode: "array", tickvals: values, ticktext: values.map((value) => String(value)) };
}

/** Text for Plotly, which takes some tags, links and templates for markup. @param {string} value */
const plain = (value) =>
  value.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%/g, "&#37;").replace(/\$/g, "&#36;");

/** The curves of one run, drawn by Plotly as SVG; its WebGL would need eval. */
class Chart {
  /** @param {HTMLElement} place @param {() => void} onZoom */
  constructor(place, onZoom) {
    this.place = place;
    this.onZoom = onZoom;
    this.plotly = /** @type {any} */ (null);
    this.x = /** @type {Range | null} */ (null); // null: the whole run
    this.y = /** @type {Range | null} */ (null);
    this.colours = /** @type {Record<string, string>} */ ({});
    this.cost = 0; // milliseconds of the last drawing
    this.span = 1; // epochs, of the run that was drawn last
    this.leavesOut = false; // values that a logarithmic scale does not have
    this.readColours();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "quiet", "card", "edge", "train", "val", "batch", "best", "grid"]) {
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
  }

  /** @param {any} plotly */
  use(plotly) {
    this.plotly = plotly;
  }

  listen() {
    const place = /** @type {any} */ (this.place);
    place.on("plotly_relayout", (/** @type {Record<string, unknown>} */ change) => {
      if (!Object.keys(change).some((key) => /^[xy]axis/.test(key))) return;
      const { xaxis, yaxis } = place.layout;
      this.x = xaxis.autorange ? null : asRange(xaxis.range);
      this.y = yaxis.autorange ? null : asRange(yaxis.range);
      this.onZoom();
    });
    // A double click shows the whole run again; Plotly's own reset knows the first ranges only.
    place.on("plotly_doubleclick", () => {
      this.whole();
      return false;
    });
  }

  whole() {
    this.x = this.y = null;
    this.onZoom();
  }

  /** @param {number} factor */
  zoom(factor) {
    const [left, right] = this.x ?? [0, this.span];
    const width = (right - left) * factor;
    // From the whole run the zoom goes to its newest part; from there about the middle.
    const middle = this.x ? (left + right) / 2 : right - width / 2;
    this.look(middle - width / 2, width);
  }

  /** @param {number} left @param {number} width in epochs */
  look(left, width) {
    const start = Math.max(0, Math.min(left, this.span - width / 2));
    this.x = width >= this.span ? null : asRange([start, start + width]);
    this.y = null;
    this.onZoom();
  }

  /** @param {number} share of the width */
  pan(share) {
    if (!this.x) return;
    const [left, right] = this.x;
    this.look(left + (right - left) * share, right - left);
  }

  /** @param {Run} run @param {{metric: string, log: boolean}} options */
  draw(run, { metric, log }) {
    const began = performance.now();
    const width = this.place.clientWidth;
    const height = this.place.clientHeight;
    if (!width || !height) return;
    const epochs = [...run.epochs.values()].sort((a, b) => a.number - b.number);
    this.span = Math.max(1, epochs.length ? epochs[epochs.length - 1].number + 1 : 1);
    const range = this.x ?? /** @type {Range} */ ([0, this.span]);
    const traces = metric ? [this.line(epochs, plain(metric), (epoch) => epoch.values.get(metric) ?? null, { colour: "train", range, symbol: "circle" })] : this.losses(run, epochs, range, width);
    const drawn = traces.flatMap((trace) => list(trace.y)).filter((value) => value !== null).map(Number);
    const shown = drawn.filter((value) => !log || value > 0);
    this.leavesOut = shown.length < drawn.length;
    const ticks = log && !this.y && shown.length ? logTicks(Math.min(...shown), Math.max(...shown)) : {};
    const first = !(/** @type {any} */ (this.place)._fullLayout);
    const config = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: false, doubleClick: false, showTips: false };
    const layout = { ...this.layout({ metric, log, width, height, range, ticks }), annotations: run.best && !metric ? [this.label(run.best, log, range)] : [] };
    this.plotly.react(this.place, traces, layout, config);
    if (first) this.listen();
    this.cost = performance.now() - began;
  }

  /** @param {Run} run @param {Epoch[]} epochs @param {Range} range @param {number} width */
  losses(run, epochs, range, width) {
    const traces = [
      this.points(run, range, width),
      this.line(epochs, "training", (epoch) => epoch.training, { colour: "train", range, symbol: "circle" }),
      this.line(epochs, "validation", (epoch) => epoch.validation, { colour: "val", range, symbol: "square" }),
    ];
    const { best } = run;
    if (best) {
      traces.push({
        type: "scatter", mode: "markers", name: "best epoch", x: [best.number + 1], y: [best.value], showlegend: false,
        marker: { symbol: "star", size: 13, color: this.colours.best, line: { width: 1, color: this.colours.card } },
        hovertemplate: `best epoch %{x}: validation loss %{y:.5~g}<extra></extra>`,
      });
    }
    return traces;
  }

  /** The name of the best epoch, well above it: below a curve that falls there is no room. @param {{number: number, value: number}} best @param {boolean} log @param {Range} range */
  label({ number, value }, log, [left, right]) {
    const at = (number + 1 - left) / (right - left);
    return {
      x: number + 1, y: log ? Math.log10(value) : value, text: `best: epoch ${number + 1}`, visible: at >= 0 && at <= 1 && !(log && value <= 0),
      ax: at > 0.85 ? -36 : at < 0.15 ? 36 : 0, ay: -64, arrowhead: 0, arrowwidth: 1, arrowcolor: this.colours.best, standoff: 7,
      font: { color: this.colours.best, size: 13 }, bgcolor: this.colours.card, borderpad: 2,
    };
  }

  /** @param {Run} run @param {Range} range @param {number} width @returns {Record<string, unknown>} */
  points(run, [left, right], width) {
    const { batches } = run;
    const places = new Map([...run.epochs.values()].map((epoch) => [epoch.number, epoch.batches || 1]));
    let number = -1; // neighbours are nearly always of the same epoch
    let size = 1;
    const x = (/** @type {number} */ i) => {
      const at = i % BATCHES_KEPT;
      const epoch = batches.epochs[at];
      if (epoch !== number) {
        number = epoch;
        size = places.get(epoch) ?? 1;
      }
      return epoch + batches.numbers[at] / size;
    };
    const y = (/** @type {number} */ i) => batches.losses[i % BATCHES_KEPT];
    const kept = thin(x, y, { from: batches.first, to: batches.added, left, right, most: Math.min(POINTS_DRAWN, Math.max(250, width)) });
    return {
      type: "scatter", mode: "markers", name: "batches", x: kept.map(x), y: kept.map(y),
      customdata: kept.map((i) => [batches.epochs[i % BATCHES_KEPT] + 1, batches.numbers[i % BATCHES_KEPT] + 1]),
      marker: { size: 4, color: this.colours.batch, opacity: 0.35 },
      hovertemplate: "epoch %{customdata[0]}, batch %{customdata[1]}: loss %{y:.5~g}<extra></extra>",
    };
  }

  /**
   * @param {Epoch[]} epochs
   * @param {string} name
   * @param {(epoch: Epoch) => number | null} value
   * @param {{colour: string, range: Range, symbol: string}} options
   * @returns {Record<string, unknown>}
   */
  line(epochs, name, value, { colour, range, symbol }) {
    // One point beyond each edge, so that the line runs to it.
    const near = epochs.filter((epoch) => epoch.ended !== null && epoch.number + 1 >= range[0] - 1 && epoch.number + 1 <= range[1] + 1);
    let shown = near;
    if (near.length > 1500) {
      const kept = thin((i) => near[i].number, (i) => value(near[i]) ?? NaN, { from: 0, to: near.length, left: near[0].number, right: near[near.length - 1].number, most: 1500 });
      shown = kept.map((i) => near[i]);
    }
    const points = shown.map(value).map((item) => (item !== null && Number.isFinite(item) ? item : null));
    const marked = shown.length <= 60;
    return {
      type: "scatter", mode: marked ? "lines+markers" : "lines", name, connectgaps: false,
      x: shown.map((epoch) => epoch.number + 1), y: points,
      line: { color: this.colours[colour], width: 2, dash: !marked && symbol === "square" ? "6px,2px" : "solid" },
      marker: { size: 7, symbol, color: this.colours[colour] },
      hovertemplate: `epoch %{x}, ${name}: %{y:.5~g}<extra></extra>`,
    };
  }

  /** @param {{metric: string, log: boolean, width: number, height: number, range: Range, ticks: object}} options */
  layout({ metric, log, width, height, range, ticks }) {
    const { ink, quiet, grid, card, edge } = this.colours;
    const axis = { gridcolor: grid, linecolor: edge, zeroline: false, tickfont: { color: quiet }, automargin: true };
    const narrow = width < 500;
    const epochs = range[1] - range[0];
    const padding = epochs * 0.02;
    const step = roundStep(epochs / Math.max(2, width / (narrow ? 55 : 80)));
    const name = metric.length > 50 ? `${metric.slice(0, 49)}…` : metric || "loss";
    const limits = this.y ? { autorange: false, range: this.y } : { autorange: true };
    return {
      width, height, margin: { l: 12, r: 10, t: 8, b: 12, pad: 0 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 12 : 13, color: ink },
      showlegend: !metric, legend: { orientation: "h", xref: narrow ? "container" : "paper", x: 0, y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
      hovermode: "closest", hoverlabel: { bgcolor: card, bordercolor: quiet, font: { color: ink } },
      // A finger scrolls the page; the buttons zoom.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      uirevision: "constant",
      xaxis: { ...axis, title: { text: "epoch", standoff: 8 }, autorange: false, range: this.x ?? [range[0] - padding, range[1] + padding], tick0: 0, dtick: epochs > 3 ? Math.max(1, step) : step },
      yaxis: { ...axis, title: { text: narrow && !metric ? "" : plain(name), standoff: 8 }, type: log ? "log" : "linear", exponentformat: "power", ...limits, ...ticks },
    };
  }
}

/** @param {unknown[]} value @returns {Range} */
const asRange = (value) => [Number(value[0]), Number(value[1])];

/** @returns {Promise<any>} Plotly, which comes last: the page works without it. */
function loadPlotly() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "plotly.min.js";
    script.addEventListener("load", () => resolve(/** @type {any} */ (globalThis).Plotly ?? null));
    script.addEventListener("error", () => reject(new Error("plotly.min.js did not come")));
    document.head.append(script);
  });
}

// The trainer's output

/** The last LINES_KEPT lines, and the one that is still changing. It follows the end unless the reader has scrolled up. */
class Output {
  /** @param {HTMLElement} place @param {HTMLElement} toEnd */
  constructor(place, toEnd) {
    this.place = place;
    this.toEnd = toEnd;
    this.lines = /** @type {string[]} */ ([]);
    this.fresh = 0; // lines that are not in the document yet
    this.changing = /** @type {string | null} */ (null);
    this.changed = false;
    this.following = true;
    this.last = element("div", "line changing");
    place.addEventListener("scroll", () => this.notice(), { passive: true });
    toEnd.addEventListener("click", () => {
      this.follow();
      place.focus();
    });
  }

  /** @param {string[]} lines @param {string | null} changing */
  add(lines, changing) {
    for (const line of lines) this.lines.push(line.length > 10_000 ? `${line.slice(0, 10_000)}…` : line);
    this.fresh += lines.length;
    if (this.lines.length > 2 * LINES_KEPT) this.lines.splice(0, this.lines.length - LINES_KEPT);
    this.changing = changing;
    this.changed = true;
  }

  clear() {
    this.lines = [];
    this.fresh = 0;
    this.changing = null;
    this.changed = true;
    this.following = true;
    this.place.replaceChildren();
  }

  get isEmpty() {
    return this.lines.length === 0 && this.changing === null;
  }

  paint() {
    if (!this.changed) return;
    this.changed = false;
    const fresh = this.lines.slice(-Math.min(this.fresh, LINES_KEPT, this.lines.length || 1));
    const added = this.fresh ? fresh.map((line) => lineElement(line)) : [];
    this.fresh = 0;
    this.last.remove();
    this.place.append(...added);
    this.removeOld();
    if (this.changing !== null) {
      this.last.replaceChildren(...lineElement(this.changing).childNodes);
      this.place.append(this.last);
    }
    if (this.following) this.place.scrollTop = this.place.scrollHeight;
  }

  removeOld() {
    const surplus = this.place.childElementCount - LINES_KEPT;
    if (surplus <= 0) return;
    const before = this.place.scrollHeight;
    for (let i = 0; i < surplus; i++) this.place.firstElementChild?.remove();
    // What is being read stays where it is.
    if (!this.following) this.place.scrollTop -= before - this.place.scrollHeight;
  }

  notice() {
    const { scrollHeight, scrollTop, clientHeight } = this.place;
    this.following = scrollHeight - scrollTop - clientHeight < 24;
    this.toEnd.hidden = this.following;
  }

  follow() {
    this.following = true;
    this.toEnd.hidden = true;
    this.place.scrollTop = this.place.scrollHeight;
  }
}

/** @param {string} line */
function lineElement(line) {
  const place = element("div", "line");
  for (const piece of parseAnsi(line)) {
    place.append(piece.classes ? element("span", piece.classes, piece.text) : piece.text);
  }
  return place;
}

// Transports

/** @typedef {{name: string, send: (text: string) => void, close: () => void, lost: Promise<void>}} Transport */
/** @typedef {{session: Session, client: string, after: number, onText: (text: string) => void}} Wish */

/** The server has answered, and the answer is no. */
class Refused extends Error {
  /** @param {number} status @param {string} reason */
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
async function requestJson(path, options = {}) {
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(REQUEST_WAIT), ...options });
  if (response.ok) return response.json();
  const answer = record(await response.json().catch(() => null));
  throw new Refused(response.status, text(answer.error) || `the worker answered ${response.status}`);
}

/**
 * A WebRTC data channel to the worker, open within RTC_WAIT. Candidates are not trickled: the offer
 * is sent when they have been gathered.
 * @param {Wish} wish
 * @returns {Promise<Transport>}
 */
async function openRtc({ session, client, after, onText }) {
  const peer = new RTCPeerConnection({ iceServers: session.ice_servers ?? [] });
  const channel = peer.createDataChannel("training", { protocol: PROTOCOL });
  const abort = new AbortController();
  const opened = new Promise((resolve) => channel.addEventListener("open", resolve));
  const lost = new Promise((resolve) => {
    channel.addEventListener("close", resolve);
    peer.addEventListener("connectionstatechange", () => ["failed", "closed"].includes(peer.connectionState) && resolve(undefined));
    abort.signal.addEventListener("abort", resolve);
  });
  channel.addEventListener("message", ({ data }) => typeof data === "string" && !abort.signal.aborted && onText(data));
  const close = () => {
    abort.abort();
    peer.close();
  };
  try {
    await within(RTC_WAIT, (async () => {
      await peer.setLocalDescription();
      await gathered(peer);
      const body = JSON.stringify({ sdp: peer.localDescription?.sdp, type: "offer", client, after, instance: session.instance });
      const answer = await requestJson("offer", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal: abort.signal });
      await peer.setRemoteDescription(answer);
      await Promise.race([opened, lost.then(() => Promise.reject(new Error("no way to the worker was found")))]);
    })());
  } catch (error) {
    close();
    throw error;
  }
  return { name: "WebRTC", send: (message) => channel.send(message), close, lost: lost.then(() => undefined) };
}

/** @param {RTCPeerConnection} peer */
function gathered(peer) {
  const complete = new Promise((resolve) => {
    const look = () => peer.iceGatheringState === "complete" && resolve(undefined);
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
  return Promise.race([complete, pause(GATHERING_WAIT)]);
}

/** @param {Wish} wish @returns {Promise<Transport>} */
async function openWebSocket({ session, client, after, onText }) {
  const address = new URL("ws", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = String(new URLSearchParams({ client, after: String(after), instance: session.instance }));
  const socket = new WebSocket(address, PROTOCOL);
  let closed = false;
  const opened = new Promise((resolve) => socket.addEventListener("open", resolve));
  /** @type {() => void} */
  let lose = () => {};
  const lost = /** @type {Promise<void>} */ (new Promise((resolve) => {
    lose = resolve;
    socket.addEventListener("close", () => resolve());
  }));
  socket.addEventListener("message", ({ data }) => typeof data === "string" && !closed && onText(data));
  const close = () => {
    closed = true;
    socket.close();
    lose(); // a socket without a network may take a minute to close
  };
  try {
    await within(REQUEST_WAIT, Promise.race([opened, lost.then(() => Promise.reject(new Error("the worker did not take the WebSocket")))]));
  } catch (error) {
    close();
    throw error;
  }
  return { name: "WebSocket", send: (message) => socket.send(message), close, lost };
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @template T @param {number} milliseconds @param {Promise<T>} work @returns {Promise<T>} */
function within(milliseconds, work) {
  const late = pause(milliseconds).then(() => Promise.reject(new Error("it took too long")));
  work.catch(() => {}); // when it is late, nobody waits for it any more
  return Promise.race([work, late]);
}

/** Texts in the order they came; read for TURN_BUDGET at a time, then the browser has its turn. */
class Inbox {
  /** @param {(text: string) => void} read @param {() => void} afterTurn */
  constructor(read, afterTurn) {
    this.read = read;
    this.afterTurn = afterTurn;
    this.texts = /** @type {string[]} */ ([]);
    this.at = 0;
    this.running = false;
    this.waiting = /** @type {(() => void)[]} */ ([]);
    // A posted message comes back at once, also in a hidden tab, where timers are slow.
    this.turns = new MessageChannel();
    this.turns.port1.onmessage = () => this.turn();
  }

  /** @param {string} message */
  put(message) {
    this.texts.push(message);
    if (this.running) return;
    this.running = true;
    this.turns.port2.postMessage(null);
  }

  get size() {
    return this.texts.length - this.at;
  }

  turn() {
    const end = performance.now() + TURN_BUDGET;
    while (this.at < this.texts.length && performance.now() < end) {
      // The clock is asked once in a while: it costs as much as a short message.
      for (let i = 0; i < 16 && this.at < this.texts.length; i++) this.readNext();
    }
    if (this.at === this.texts.length || this.at > 50_000) {
      this.texts.splice(0, this.at);
      this.at = 0;
    }
    this.running = this.texts.length > 0;
    if (this.running) this.turns.port2.postMessage(null);
    else for (const resolve of this.waiting.splice(0)) resolve();
    this.afterTurn();
  }

  readNext() {
    const message = this.texts[this.at];
    this.texts[this.at++] = "";
    try {
      this.read(message);
    } catch (error) {
      console.error("a message could not be read", error);
    }
  }

  /** @returns {Promise<void>} */
  whenEmpty() {
    return this.running ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve();
  }
}

/** The connection's life: connect, stay, be lost, wait, connect again. */
class Link {
  /** @param {{client: string, forced: string | null, inbox: Inbox, position: () => number, hasEnded: () => boolean, onSession: (session: Session, restarted: boolean) => void, onChange: () => void}} owner */
  constructor(owner) {
    this.owner = owner;
    this.phase = /** @type {"connecting" | "open" | "pausing" | "denied" | "over"} */ ("connecting");
    this.session = /** @type {Session | null} */ (null);
    this.transport = /** @type {Transport | null} */ (null);
    this.tries = 0;
    this.opens = 0;
    this.nextAt = 0;
    this.reason = "";
    this.lastHeard = 0;
    this.rtcFailed = false;
    this.away = false; // the page is being left
    this.wakeUp = () => {};
  }

  get isOpen() {
    return this.phase === "open";
  }

  get hasBeenOpen() {
    return this.opens > 0;
  }

  get words() {
    const reason = this.reason ? `${this.reason}; ` : "";
    if (this.phase === "over") return `${reason}the worker has ended`;
    if (this.phase === "connecting") return `${reason}reconnecting (try ${this.tries || 1})`;
    const seconds = Math.max(0, Math.ceil((this.nextAt - Date.now()) / 1000));
    return `${reason}reconnecting (try ${this.tries + 1}, next in ${seconds} s)`;
  }

  /** Runs for as long as the page does. */
  async run() {
    setInterval(() => this.checkSilence(), 1000);
    for (;;) {
      await this.owner.inbox.whenEmpty();
      const began = Date.now();
      try {
        await this.connect();
        if (Date.now() - began > STEADY_AFTER * 1000) this.tries = 0;
        this.reason = "";
      } catch (error) {
        this.note(error);
      }
      this.transport = null;
      await this.rest();
    }
  }

  /** Returns when a connection that was open is lost. */
  async connect() {
    this.become("connecting");
    this.tries += 1;
    const session = await this.readSession();
    const wish = { session, client: this.owner.client, after: this.owner.position(), onText: (/** @type {string} */ message) => this.hear(message) };
    this.transport = await this.open(wish);
    this.opens += 1;
    this.lastHeard = Date.now();
    this.become("open");
    await this.transport.lost;
  }

  async readSession() {
    const session = /** @type {Session} */ (await requestJson("session"));
    const restarted = this.session !== null && this.session.instance !== session.instance;
    this.session = session;
    if (restarted) this.tries = 1;
    this.owner.onSession(session, restarted);
    return session;
  }

  /** @param {Wish} wish @returns {Promise<Transport>} */
  async open(wish) {
    const { forced } = this.owner;
    if (forced === "ws" || (forced !== "rtc" && (this.rtcFailed || !("RTCPeerConnection" in globalThis)))) return openWebSocket(wish);
    try {
      return await openRtc(wish);
    } catch (error) {
      if (forced === "rtc" || error instanceof Refused) throw error;
      const transport = await openWebSocket(wish);
      this.rtcFailed = true; // where only this works, the next try would wait in vain again
      return transport;
    }
  }

  /** @param {string} message */
  hear(message) {
    this.lastHeard = Date.now();
    this.owner.inbox.put(message);
  }

  /** @param {unknown} error */
  note(error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) this.become("denied");
    const unreachable = error instanceof TypeError || error instanceof DOMException; // fetch's own
    this.reason = unreachable || !(error instanceof Error) ? "the worker cannot be reached" : error.message;
  }

  /** Wait for the next try, or until something says that it is worth one. */
  async rest() {
    const exponential = Math.min(RETRY_MOST, RETRY_FIRST * 2 ** Math.max(0, this.tries - 1));
    const seconds = Math.min(RETRY_MOST, exponential * (0.75 + Math.random() / 2));
    const gone = this.owner.hasEnded() && this.tries >= TRIES_AFTER_END;
    const waits = this.phase === "denied" || gone || this.away;
    this.nextAt = Date.now() + seconds * 1000;
    if (this.phase !== "denied") this.become(gone ? "over" : "pausing");
    await new Promise((resolve) => {
      this.wakeUp = () => resolve(undefined);
      if (!waits) setTimeout(resolve, seconds * 1000);
    });
    this.wakeUp = () => {};
  }

  /** The network is back, or somebody looks. */
  wake() {
    this.away = false;
    this.checkSilence();
    this.wakeUp();
  }

  /** The page is left: the worker need not find out by itself. */
  leave() {
    this.away = true;
    this.transport?.close();
  }

  checkSilence() {
    if (this.isOpen && Date.now() - this.lastHeard > LOST_AFTER * 1000) this.transport?.close();
  }

  /** @param {string} message @returns {boolean} whether it was sent */
  send(message) {
    if (!this.isOpen || !this.transport) return false;
    try {
      this.transport.send(message);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {Link["phase"]} phase */
  become(phase) {
    this.phase = phase;
    this.owner.onChange();
  }
}

// The page

/** @param {string} tag @param {string} [className] @param {string} [content] */
function element(tag, className = "", content = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content) made.textContent = content;
  return made;
}

/** @param {string} id */
function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found;
}

/** Write only what has changed: screen readers and selections are left in peace. @param {string} id @param {string} value */
function write(id, value) {
  const place = byId(id);
  if (place.textContent !== value) place.textContent = value;
}

/** A value with a smaller line below it. @param {string} id @param {string} value @param {string} [below] */
function writeFact(id, value, below = "") {
  const place = byId(id);
  if (place.dataset.shown === `${value}\n${below}`) return;
  place.dataset.shown = `${value}\n${below}`;
  place.replaceChildren(value, ...(below ? [" ", element("small", "", below)] : []));
}

/** @param {string} id @param {boolean} shown */
const show = (id, shown) => {
  byId(id).hidden = !shown;
};

const QUESTIONS = {
  stop: {
    name: "Stop early",
    title: "Stop early?",
    text: "The trainer is asked to finish its epoch and save the model. This can take as long as an epoch does.",
    yes: "Stop early",
    message: 'CONTROL_COMMAND::{"command": "stop"}',
  },
  cancel: {
    name: "Cancel",
    title: "Cancel the training?",
    text: "The trainer is ended now. What it has not saved is lost.",
    yes: "Cancel the training",
    message: "JOB_CANCEL",
  },
};

/** A browser has randomUUID in secure contexts only. */
function newClientId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} key */
function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // a browser may forbid it
  }
}

/** @param {string} key @param {string} value */
function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It is a convenience.
  }
}

/** What a screen reader is told: changes of state that last, and the answers to controls. */
class Announcer {
  constructor() {
    this.kind = "";
    this.since = 0;
    this.told = "";
  }

  /** @param {string} kind @param {string} words */
  state(kind, words) {
    const broad = kind === "validating" ? "training" : kind;
    if (broad !== this.kind) {
      this.kind = broad;
      this.since = Date.now();
    }
    if (this.told === broad || Date.now() - this.since < 1500) return;
    this.told = broad;
    this.say(words);
  }

  /** @param {string} words */
  say(words) {
    byId("announcer").textContent = words;
  }
}

class Page {
  constructor() {
    this.client = newClientId();
    this.output = new Output(byId("output"), byId("to-end"));
    this.training = new Training(this.output, this.client);
    this.inbox = new Inbox((message) => this.training.take(message), () => this.schedule());
    this.link = new Link({
      client: this.client,
      forced: new URLSearchParams(location.search).get("transport"),
      inbox: this.inbox,
      position: () => this.training.position,
      hasEnded: () => this.training.ending !== null,
      onSession: (session, restarted) => this.onSession(session, restarted),
      onChange: () => this.schedule(),
    });
    this.chart = new Chart(byId("chart"), () => this.redraw());
    this.announcer = new Announcer();
    this.timer = /** @type {ReturnType<typeof setTimeout> | null} */ (null);
    this.paintedAt = 0;
    this.chosen = /** @type {number | null} */ (null); // number of an earlier model; null: the current
    this.metric = "";
    this.log = remembered("log-scale") !== "no"; // losses span decades
    this.drawn = "";
    this.drawnAt = 0;
    this.stale = true; // the chart has to be drawn, whatever it shows
    this.chartSeen = true;
    this.asking = /** @type {"stop" | "cancel"} */ ("stop");
    this.shown = /** @type {Map<string, unknown>} */ (new Map());
  }

  start() {
    this.listen();
    loadPlotly().then((plotly) => this.chart.use(plotly)).catch(() => {
      write("chart-note", "The curves cannot be drawn: the plotting library could not be loaded. The values of each epoch are listed below.");
      byId("chart").classList.add("empty");
      this.shown.set("no-plotly", true);
    }).finally(() => this.redraw());
    setInterval(() => this.schedule(), 1000);
    void this.link.run();
    this.paint();
  }

  listen() {
    const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
    input("log-scale").checked = this.log;
    input("log-scale").addEventListener("change", () => {
      this.log = input("log-scale").checked;
      remember("log-scale", this.log ? "yes" : "no");
      this.chart.y = null;
      this.redraw();
    });
    byId("metric").addEventListener("change", () => {
      this.metric = input("metric").value;
      this.chart.y = null;
      this.redraw();
    });
    byId("models").addEventListener("change", () => this.choose(Number(input("models").value)));
    byId("zoom-in").addEventListener("click", () => this.chart.zoom(0.5));
    byId("zoom-out").addEventListener("click", () => this.chart.zoom(2));
    byId("pan-left").addEventListener("click", () => this.chart.pan(-0.5));
    byId("pan-right").addEventListener("click", () => this.chart.pan(0.5));
    byId("whole").addEventListener("click", () => this.chart.whole());
    byId("values").addEventListener("toggle", () => this.schedule());
    byId("retry").addEventListener("click", () => this.link.wake());
    this.listenToControls();
    this.listenToBrowser();
  }

  listenToControls() {
    byId("stop").addEventListener("click", () => this.ask("stop"));
    byId("cancel").addEventListener("click", () => this.ask("cancel"));
    const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
    byId("confirm-no").addEventListener("click", () => dialog.close());
    byId("confirm-yes").addEventListener("click", () => {
      dialog.close();
      this.order(this.asking);
    });
  }

  listenToBrowser() {
    addEventListener("online", () => {
      this.link.rtcFailed = false; // it may be another network
      this.link.wake();
    });
    addEventListener("pagehide", () => this.link.leave());
    addEventListener("pageshow", (event) => event.persisted && this.link.wake());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.link.wake();
      this.redraw();
    });
    const restyle = () => {
      this.chart.readColours();
      this.redraw();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    matchMedia("(pointer: coarse)").addEventListener("change", restyle);
    new ResizeObserver(() => this.redraw()).observe(byId("chart"));
    new IntersectionObserver((entries) => {
      this.chartSeen = entries[entries.length - 1].isIntersecting;
      this.schedule();
    }, { rootMargin: "100px" }).observe(byId("chart"));
  }

  /** @param {Session} session @param {boolean} restarted */
  onSession(session, restarted) {
    if (restarted) {
      this.output.clear();
      this.training = new Training(this.output, this.client);
      this.training.note("restart", `the worker was restarted: this is its new run, seen since ${clockTime(Date.now() / 1000)}`, { mild: true });
      this.shown.clear();
      this.chosen = null;
      this.chart.whole();
    }
    this.training.reconnect();
    document.documentElement.dataset.control = session.may_control ? "yes" : "no";
  }

  // Controls

  /** Why nothing can be sent now, or "". @returns {string} */
  refusal() {
    if (!this.link.isOpen) return this.link.phase === "denied" ? "not signed in" : "not connected";
    if (this.training.ending || this.training.state === "ended") return "the training has ended";
    if (!this.link.session?.may_control) return "this link is for watching only";
    return "";
  }

  /** @param {"stop" | "cancel"} order */
  ask(order) {
    this.asking = order;
    const question = QUESTIONS[order];
    write("confirm-title", question.title);
    write("confirm-text", question.text);
    write("confirm-yes", question.yes);
    /** @type {HTMLDialogElement} */ (byId("confirm")).showModal();
  }

  /** @param {"stop" | "cancel"} order */
  order(order) {
    const sent = !this.refusal() && this.link.send(QUESTIONS[order].message);
    const words = sent ? "on its way to the worker" : `not sent: ${this.refusal() || "the connection was lost"}`;
    this.training.answer(`${QUESTIONS[order].name}, by you`, words, Date.now() / 1000);
    this.schedule();
  }

  // Painting

  schedule() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.paint();
    }, Math.max(0, this.paintedAt + PAINT_INTERVAL - performance.now()));
  }

  redraw() {
    this.stale = true;
    this.schedule();
  }

  /** @returns {Run | null} the run that is shown */
  get run() {
    return this.training.runs.find((run) => run.number === this.chosen) ?? this.training.run;
  }

  /** @param {number} model */
  choose(model) {
    this.chosen = model === this.training.run?.number ? null : model;
    this.chart.whole();
  }

  paint() {
    this.paintedAt = performance.now();
    const { kind, words, note } = stateOf(this.training, this.link);
    this.paintTitle(kind, words);
    this.announcer.state(kind, words);
    if (document.hidden) return;
    write("state", words);
    byId("state").dataset.kind = kind;
    write("state-note", note);
    show("state-note", note !== "");
    show("retry", !this.link.isOpen && kind !== "connecting");
    this.paintMasthead();
    this.paintControls();
    this.paintProgress();
    this.paintFacts();
    this.paintLists();
    this.output.paint();
    write("output-note", this.output.isEmpty ? "No output yet." : "");
    this.paintChart();
  }

  /** @param {string} kind @param {string} words */
  paintTitle(kind, words) {
    const run = this.training.run;
    const epoch = run?.current ?? null;
    const name = this.training.title || this.link.session?.title || "training";
    const progress = run && epoch ? `epoch ${ofTotal(run, epoch.number, "/")} · loss ${loss(run.batchLoss ?? epoch.training)}` : "";
    const isPlain = kind === "training" || kind === "validating";
    const state = isPlain && progress ? (kind === "validating" ? "validating · " : "") : `${words}${progress ? " · " : ""}`;
    const title = `${state}${progress} – ${name.slice(0, 200)}`;
    if (document.title !== title) document.title = title;
  }

  paintMasthead() {
    const { session, transport, isOpen } = this.link;
    write("title", this.training.title || session?.title || "Training");
    write("host", session?.host ?? "");
    write("transport", isOpen && transport ? transport.name : this.link.phase === "over" ? "the worker has ended" : this.link.phase === "denied" ? "not signed in" : this.link.hasBeenOpen ? "reconnecting" : "connecting");
    write("version", session?.version ? `Worker version ${session.version}` : "");
    const address = this.run?.wandb ?? null;
    show("wandb", address !== null);
    if (address !== null && byId("wandb").getAttribute("href") !== address) byId("wandb").setAttribute("href", address);
    if (this.isNew("models", `${this.training.modelCount} ${this.training.runs.length}`)) this.paintModels();
    const models = /** @type {HTMLSelectElement} */ (byId("models"));
    const value = String(this.run?.number ?? "");
    if (models.value !== value) models.value = value;
  }

  paintModels() {
    const { runs } = this.training;
    show("models-row", runs.length > 1);
    byId("models").replaceChildren(...runs.map((run, i) => {
      const option = /** @type {HTMLOptionElement} */ (element("option", "", `model ${run.number}${i === runs.length - 1 ? " (current)" : ""}`));
      option.value = String(run.number);
      return option;
    }));
  }

  paintControls() {
    const refusal = this.refusal();
    const cancelling = this.training.state === "cancelling";
    const set = (/** @type {string} */ id, /** @type {boolean} */ disabled) => {
      const button = /** @type {HTMLButtonElement} */ (byId(id));
      if (button.disabled !== disabled) button.disabled = disabled;
    };
    set("stop", refusal !== "" || cancelling);
    set("cancel", refusal !== "");
    write("control-reason", refusal ? `Not possible: ${refusal}.` : cancelling ? "The trainer is being ended." : "");
  }

  paintProgress() {
    const run = this.run;
    const epoch = run?.current ?? null;
    const known = run !== null && run.ended === null && !this.training.ending && epoch !== null && epoch.ended === null && epoch.highest >= 0;
    show("batch-row", known);
    if (!known) return;
    const bar = /** @type {HTMLProgressElement} */ (byId("batch-progress"));
    if (epoch.expected) {
      bar.max = epoch.batches;
      bar.value = epoch.highest + 1;
      write("batch-text", `batch ${epoch.highest + 1} of ${epoch.batches}`);
    } else {
      bar.removeAttribute("value");
      write("batch-text", `batch ${epoch.highest + 1}`);
    }
  }

  paintFacts() {
    const run = this.run;
    if (!run) {
      for (const id of ["epoch", "elapsed", "per-epoch", "time-left", "best"]) writeFact(id, "–");
      return;
    }
    const { training } = this;
    const isCurrent = run === training.run;
    const over = run.ended ?? (isCurrent ? training.endedAt : run.done?.ended ?? run.began);
    const now = this.link.isOpen ? training.clock.now : training.clock.time;
    writeFact("epoch", run.current ? ofTotal(run, run.current.number) : "–");
    writeFact("elapsed", duration((over ?? now) - run.began), `began ${clockTime(run.began, false)}`);
    writeFact("per-epoch", run.perEpoch === null ? "–" : duration(run.perEpoch), run.durations.length > 1 ? `mean of the last ${run.durations.length}` : "");
    const left = over === null ? run.left(now) : null;
    const unknown = over !== null ? "–" : run.total === null ? "not known" : "–";
    writeFact("time-left", left === null ? unknown : `about ${duration(left)}`, left === null ? "" : `until ${clockTime(now + left, false)}, if all epochs run`);
    writeFact("best", run.best ? `epoch ${run.best.number + 1}` : "–", run.best ? `validation loss ${loss(run.best.value)}` : "");
  }

  /** Whether what `key` stands for is other than at the last call. @param {string} key @param {unknown} value */
  isNew(key, value) {
    if (this.shown.get(key) === value) return false;
    this.shown.set(key, value);
    return true;
  }

  paintLists() {
    const { training } = this;
    if (this.isNew("notes", training.noteRevision)) {
      show("warnings-card", training.notes.size > 0);
      const warnings = [...training.notes.values()].filter((note) => !note.mild).length;
      show("warnings-link", warnings > 0);
      write("warnings-link", plural(warnings, "warning"));
      byId("warnings").replaceChildren(...[...training.notes.values()].map((note) => element("li", note.mild ? "note" : "", note.text + note.more)));
    }
    if (this.isNew("answers", training.answerCount)) this.paintAnswers();
    if (this.isNew("resources", training.resources)) this.paintResources();
    if (this.isNew("ending", training.ending)) this.paintEnding();
    if (this.run && /** @type {HTMLDetailsElement} */ (byId("values")).open) {
      if (this.isNew("values", `${this.run.number} ${this.training.epochCount} ${this.metric}`)) this.paintValues(this.run);
    }
  }

  paintAnswers() {
    const { answers } = this.training;
    show("answers-row", answers.length > 0);
    byId("answers").replaceChildren(...answers.map((answer) => {
      const item = element("li");
      item.append(element("time", "", clockTime(answer.time)));
      if (answer.who) item.append(element("span", "who", `${answer.who}: `));
      item.append(answer.text);
      return item;
    }));
    byId("answers").scrollTop = byId("answers").scrollHeight;
    const last = answers[answers.length - 1];
    const isLive = last && this.link.isOpen && this.training.clock.now - last.time < 15;
    if (isLive) this.announcer.say(last.who ? `${last.who}: ${last.text}` : last.text);
  }

  paintResources() {
    const use = this.training.resources;
    show("resources-card", use !== null);
    if (!use) return;
    const rows = /** @type {HTMLElement[]} */ ([]);
    const row = (/** @type {string} */ name, /** @type {string} */ words, /** @type {number | null} */ share) => {
      const place = element("div");
      place.append(element("dt", "", name), element("dd", "", words));
      if (share !== null && Number.isFinite(share)) {
        const bar = /** @type {HTMLProgressElement} */ (element("progress"));
        bar.value = Math.min(1, Math.max(0, share));
        bar.setAttribute("aria-hidden", "true");
        place.append(bar);
      }
      rows.push(place);
    };
    const memory = (/** @type {Report} */ of) => ({ used: number(of.memory), total: number(of.memory_total) });
    const amount = (/** @type {{used: number | null, total: number | null}} */ m) => (m.used === null ? "" : `${gibibytes(m.used)}${m.total ? ` of ${gibibytes(m.total)}` : ""} GiB`);
    const percent = number(use.percent);
    const cores = number(use.cores);
    if (percent !== null) row("CPU", `${(percent / 100).toFixed(1)}${cores ? ` of ${plural(cores, "core")}` : " cores"}`, cores ? percent / 100 / cores : null);
    const main = memory(use);
    if (main.used !== null) row("Memory", amount(main), main.total ? main.used / main.total : null);
    for (const item of list(use.gpus).slice(0, 16).map(record)) {
      const own = memory(item);
      row(text(item.name).slice(0, 100) || "GPU", [number(item.percent) === null ? "" : `${number(item.percent)} %`, amount(own)].filter(Boolean).join(" · "), own.used !== null && own.total ? own.used / own.total : null);
    }
    byId("resources").replaceChildren(...rows);
  }

  paintEnding() {
    const { ending } = this.training;
    show("report", ending !== null);
    if (!ending) return;
    byId("report").dataset.outcome = text(ending.outcome);
    write("report-text", text(ending.text));
    const rows = /** @type {HTMLElement[]} */ ([]);
    const row = (/** @type {string} */ name, /** @type {(string | Node)[]} */ ...values) => rows.push(element("dt", "", name), ...values.map((value) => {
      const place = element("dd");
      place.append(value);
      return place;
    }));
    if (text(ending.cause)) row("Cause", element("span", "strong", text(ending.cause)));
    if (text(ending.advice)) row("Advice", element("span", "strong", text(ending.advice)));
    if (number(ending.exit_code) !== null) row("Exit code", String(ending.exit_code));
    if (text(ending.signal)) row("Ended by", text(ending.signal));
    row("End of training", ending.train_end ? "reported by the trainer" : "not reported by the trainer");
    const files = list(ending.checkpoints).map(text);
    row("Checkpoints", ...(files.length ? files.slice(0, 50).map((file) => element("code", "", file)) : ["none known"]));
    byId("report-facts").replaceChildren(...rows);
    const lines = list(ending.last_lines).map(text).slice(-100);
    show("report-lines", lines.length > 0);
    byId("report-output").replaceChildren(...lines.map(lineElement));
    byId("report-output").scrollTop = byId("report-output").scrollHeight;
  }

  /** @param {Run} run */
  paintValues(run) {
    const { metric } = this;
    write("values-metric", metric);
    show("values-metric", metric !== "");
    const epochs = [...run.epochs.values()].filter((epoch) => epoch.ended !== null).sort((a, b) => b.number - a.number).slice(0, ROWS_SHOWN);
    byId("values-rows").replaceChildren(...epochs.map((epoch) => {
      const row = element("tr", epoch.number === run.best?.number ? "is-best" : "");
      const cells = [`${epoch.number + 1}${epoch.number === run.best?.number ? " (best)" : ""}`, loss(epoch.training), loss(epoch.validation), ...(metric ? [loss(epoch.values.get(metric))] : []), duration((epoch.ended ?? 0) - epoch.began)];
      row.append(...cells.map((cell) => element("td", "", cell)));
      return row;
    }));
  }

  paintChart() {
    const run = this.run;
    if (this.isNew("metrics", run ? `${run.number} ${run.metrics.size}` : "")) this.paintMetrics(run);
    if (this.shown.get("no-plotly")) return;
    const empty = !run || run.epochs.size === 0;
    byId("chart").classList.toggle("empty", empty);
    const note = this.chart.leavesOut ? "Values of 0 and below are not shown on a log scale." : "";
    write("chart-note", empty ? "The curves begin with the first epoch." : this.chart.plotly ? note : "The plotting library is being loaded.");
    if (empty || !this.chart.plotly || !this.chartSeen) return;
    const drawn = `${run.number} ${run.revision}`;
    if (!this.stale && drawn === this.drawn) return;
    // A slow machine, or one that is reading a long run, draws less often.
    const interval = Math.max(this.inbox.size > 1000 ? 1000 : PAINT_INTERVAL, 4 * this.chart.cost);
    if (!this.stale && performance.now() < this.drawnAt + interval) {
      this.schedule();
      return;
    }
    this.stale = false;
    this.drawn = drawn;
    this.chart.draw(run, { metric: this.metric, log: this.log });
    this.drawnAt = performance.now();
    this.describe(run);
    if (this.chart.leavesOut !== (note !== "")) this.schedule();
  }

  /** @param {Run | null} run */
  paintMetrics(run) {
    const names = run ? [...run.metrics].filter((name) => name !== "train/loss" && name !== "val/loss").sort() : [];
    if (!names.includes(this.metric)) this.metric = "";
    const choices = ["", ...names].map((name) => {
      const option = /** @type {HTMLOptionElement} */ (element("option", "", name || "loss"));
      option.value = name;
      option.selected = name === this.metric;
      return option;
    });
    choices[0].textContent = "loss (training, validation)";
    byId("metric").replaceChildren(...choices);
    this.stale = true;
  }

  /** The chart in words. @param {Run} run */
  describe(run) {
    const subject = this.metric || "training and validation loss";
    const last = run.done;
    const now = last ? `After ${plural(last.number + 1, "epoch")}: training loss ${loss(last.training)}, validation loss ${loss(last.validation)}.` : "No epoch has ended yet.";
    const best = run.best ? ` Lowest validation loss ${loss(run.best.value)} in epoch ${run.best.number + 1}.` : "";
    const words = `Chart of ${subject} against epoch${this.log ? ", logarithmic" : ""}. ${now}${best}`;
    if (byId("chart").getAttribute("aria-label") !== words) byId("chart").setAttribute("aria-label", words);
  }

  /** For tests. */
  counts() {
    const { training, link } = this;
    return {
      entries: training.entries,
      position: training.position,
      reports: training.reports,
      batches: training.batchCount,
      epochs: training.epochCount,
      models: training.modelCount,
      transport: link.isOpen ? link.transport?.name ?? null : null,
      state: stateOf(training, link).kind,
      connected: link.isOpen,
      reconnects: Math.max(0, link.opens - 1),
      instance: link.session?.instance ?? null,
      waiting: this.inbox.size,
      drawing: this.chart.cost,
      client: this.client,
    };
  }
}

const page = new Page();
Object.defineProperty(globalThis, "viewer", { value: Object.freeze({ counts: () => page.counts() }) });
page.start();
