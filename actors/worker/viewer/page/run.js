// @ts-check
// One model's training, as the trainer's reports tell it. It only learns; it draws nothing.
// What it holds is the same whether it came report by report or all at once.

/** @typedef {import("./values.js").Table} Table */
/** @typedef {import("./past.js").Sums} Sums */
/** @typedef {import("./past.js").Points} Points */
/** @typedef {{train: number | null, val: number | null}} Read the losses of an epoch in the trainer's own log */

export const BATCHES_KEPT = 200_000;
const VALUES_KEPT = 4_000_000; // of all metrics and epochs together
const METRICS_KEPT = 10_000;
const TABLES_KEPT = 50;
const LATE = /^train\/(loss|lr|time|\w+_per_sec)$/; // of sleap-nn's metrics
const RECENT_EPOCHS = 5; // of which the mean time per epoch is taken

/** The batch losses of one model, in columns; beyond BATCHES_KEPT the newest takes the oldest's place. */
export class Batches {
  constructor() {
    this.epochs = /** @type {number[]} */ ([]);
    this.numbers = /** @type {number[]} */ ([]);
    this.losses = /** @type {number[]} */ ([]);
    this.added = 0; // in all; the last one is added - 1
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

  /** How many there are of the epochs `first` to `last`. @param {number} first @param {number} last */
  countOf(first, last) {
    const length = this.added - this.first;
    let count = 0;
    for (let i = 0; i < length; i++)
      if (this.epochs[i] >= first && this.epochs[i] <= last) count += 1;
    return count;
  }

  /** Only those of earlier epochs are kept. @param {number} epoch */
  dropFrom(epoch) {
    const kept = new Batches();
    for (let i = this.first; i < this.added; i++) {
      const at = i % BATCHES_KEPT;
      if (this.epochs[at] < epoch) kept.add(this.epochs[at], this.numbers[at], this.losses[at]);
    }
    Object.assign(this, kept);
  }
}

/** One epoch of a model. Numbers are counted from 0 by the trainer and from 1 on the page. */
class Epoch {
  /** @param {number} number @param {number} expected batches, 0: not known */
  constructor(number, expected) {
    this.number = number;
    this.began = /** @type {number | null} */ (null); // null where nobody knows when
    this.expected = expected;
    this.ended = /** @type {number | null} */ (null);
    this.waited = false; // its end came late: when it ended is not known
    this.read = /** @type {Read | null} */ (null); // what the trainer's own log alone tells of it
    this.highest = -1; // number of its last batch
    this.seen = 0;
    this.sum = 0;
    this.after = /** @type {number | null} */ (null); // when the epoch before it had ended
  }

  get batches() {
    return Math.max(this.expected, this.highest + 1);
  }

  /** Seconds, or null as long as it has not ended, or where nobody knows. */
  get duration() {
    const began = this.after ?? this.began;
    return this.ended === null || this.waited || began === null ? null : this.ended - began;
  }
}

/** One model's training, as the trainer's reports tell it. */
export class Run {
  /** @param {number} number @param {number} began @param {number | null} total */
  constructor(number, began, total) {
    this.number = number;
    this.name = ""; // where it is known: centroid, centered_instance
    this.what = ""; // as the trainer calls it
    this.began = began;
    this.ended = /** @type {number | null} */ (null);
    this.total = total; // epochs, where it is known
    this.wandb = /** @type {string | null} */ (null);
    this.epochs = /** @type {Map<number, Epoch>} */ (new Map());
    this.numbers = /** @type {number[]} */ ([]); // of the epochs, in their order
    this.current = /** @type {Epoch | null} */ (null);
    this.done = /** @type {Epoch | null} */ (null); // the last one that has ended
    this.batches = new Batches();
    this.batchLoss = /** @type {number | null} */ (null);
    this.best = /** @type {{number: number, value: number} | null} */ (null);
    this.metrics = /** @type {Map<string, number[]>} */ (new Map()); // values by epoch number
    this.valueCount = 0;
    this.tables = /** @type {Map<string, {number: number, rows: Table}>} */ (new Map());
    this.early = /** @type {Set<string> | null} */ (null);
    this.isHeard = false; // from its beginning on: this attempt
    this.beganWith = /** @type {number | null} */ (null); // the epoch, if that was heard
    this.attempts = 1;
    this.parts = [{ position: 0, from: 0 }]; // its train_begins in the run's log, and their epochs
    this.breaks = /** @type {{number: number, attempt: number}[]} */ ([]);
    this.revision = 0; // grows with whatever the page shows of it
  }

  /** What the page calls it. */
  get label() {
    return this.name || `model ${this.number}`;
  }

  /** The number of the first epoch: a run that goes on begins where it was left. */
  get first() {
    return this.numbers[0] ?? 0;
  }

  /** The epoch begins; `time` is null where nobody knows when. @param {number} number @param {number | null} time */
  beginEpoch(number, time) {
    const isNew = !this.epochs.has(number);
    const epoch = this.epochAt(number);
    if (isNew) epoch.began = time;
    if (this.isHeard) this.beganWith ??= number;
    this.revision += 1;
  }

  /** @param {number} number */
  epochAt(number) {
    let epoch = this.epochs.get(number);
    if (!epoch) {
      epoch = new Epoch(number, this.last?.batches ?? 0);
      this.epochs.set(number, epoch);
      let at = this.numbers.length;
      while (at > 0 && this.numbers[at - 1] > number) at -= 1;
      this.numbers.splice(at, 0, number);
      this.revision += 1;
    }
    this.current = epoch;
    return epoch;
  }

  /** @param {number} number @param {number} batch @param {number} value */
  endBatch(number, batch, value) {
    const epoch = this.epochAt(number);
    epoch.highest = Math.max(epoch.highest, batch);
    epoch.seen += 1;
    epoch.sum += value;
    this.batches.add(number, batch, value);
    this.batchLoss = value;
    this.revision += 1;
  }

  /**
   * All batches of an epoch at once; of their losses only some.
   * @param {number} number
   * @param {Sums} sums
   * @param {Points} points
   */
  recall(number, { seen, sum, highest }, points) {
    const epoch = this.epochAt(number);
    epoch.seen += seen;
    epoch.sum += sum;
    epoch.highest = Math.max(epoch.highest, highest);
    points.numbers.forEach((batch, i) => this.batches.add(number, batch, points.losses[i]));
    this.batchLoss = points.losses.at(-1) ?? this.batchLoss;
    this.revision += 1;
  }

  /**
   * @param {number} number
   * @param {Map<string, number>} values
   * @param {number} time
   * @param {boolean} [waited] it came late
   * @returns {string[]} the names for which there is no room
   */
  endEpoch(number, values, time, waited = false) {
    const epoch = this.epochAt(number);
    const { done } = this;
    this.early ??= this.earlyOf(number, [...values.keys()]);
    epoch.ended = time;
    epoch.waited = waited;
    epoch.read = null;
    epoch.after = done !== null && done.number < number && !done.waited ? done.ended : null;
    this.done = epoch;
    const left = [];
    for (const [name, value] of values) {
      if (!this.keep(name, this.isLate(name) ? number - 1 : number, value)) left.push(name);
    }
    this.judge(number);
    this.revision += 1;
    return left;
  }

  /**
   * The epoch ended while nobody listened, and the trainer's own log tells of it: a report says more.
   * @param {number} number
   * @param {Read} read
   * @param {number} time
   */
  fillIn(number, read, time) {
    const known = this.epochs.get(number);
    if (known && known.ended !== null && known.read === null) return;
    const { current } = this;
    const epoch = this.epochAt(number);
    if (current && current.number > number) this.current = current;
    epoch.ended = time;
    epoch.waited = true;
    epoch.read = read;
    this.judge(number);
    this.revision += 1;
  }

  /** Nobody listens for a while: how long its epochs take is known when the next one has begun. */
  pause() {
    for (const epoch of this.epochs.values()) if (epoch.ended === null) epoch.began = null;
    this.done = null;
    this.revision += 1;
  }

  /** @param {string} name @param {number} number @param {number} value @returns {boolean} whether there was room */
  keep(name, number, value) {
    if (number < this.first) return true; // of an epoch that is not shown
    let column = this.metrics.get(name);
    if (this.valueCount >= VALUES_KEPT || (!column && this.metrics.size >= METRICS_KEPT))
      return false;
    if (!column) this.metrics.set(name, (column = []));
    if (!(number in column)) this.valueCount += 1;
    column[number] = value;
    return true;
  }

  /** @param {string} name @param {number} number @param {Table} rows @returns {boolean} whether there was room */
  keepTable(name, number, rows) {
    if (!this.tables.has(name) && this.tables.size >= TABLES_KEPT) return false;
    this.tables.set(name, { number, rows });
    return true;
  }

  /** Whether the epoch is the best one so far. @param {number} number */
  judge(number) {
    const value = this.validation(number);
    if (value === null || !Number.isFinite(value)) return;
    if (!this.best || value < this.best.value) this.best = { number, value };
  }

  /** @param {string} name @param {number} number @returns {number | null} null where the trainer told none */
  value(name, number) {
    return this.metrics.get(name)?.[number] ?? null;
  }

  /** The trainer's own number where it has told it, or the mean of the batches if all were seen. @param {number} number */
  training(number) {
    const told = this.value("train/loss", number);
    if (told !== null) return told;
    const epoch = this.epochs.get(number);
    if (epoch?.read) return epoch.read.train;
    return epoch && epoch.ended !== null && epoch.seen > 0 && epoch.seen === epoch.highest + 1
      ? epoch.sum / epoch.seen
      : null;
  }

  /** @param {number} number */
  validation(number) {
    return this.value("val/loss", number) ?? this.epochs.get(number)?.read?.val ?? null;
  }

  /**
   * Those of the metrics in the first report of an epoch that are of this epoch. Where it is not the
   * first one of the model, the trainer is taken for sleap-nn.
   * @param {number} number
   * @param {string[]} names
   */
  earlyOf(number, names) {
    const isFirst = number === 0 || number === this.beganWith;
    return new Set(isFirst ? names : names.filter((name) => !LATE.test(name)));
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

  /**
   * Another attempt goes on with epoch `number`: what it trains again is no longer the run's.
   * @param {number} number
   * @param {number} time
   * @param {number} [attempt] which one
   * @param {number} [position] of its train_begin
   */
  goOn(number, time, attempt = this.attempts + 1, position = 0) {
    this.attempts = attempt;
    this.ended = null;
    this.early = null;
    this.beganWith = number;
    this.numbers = this.numbers.filter((item) => item < number);
    for (const item of [...this.epochs.keys()]) if (item >= number) this.epochs.delete(item);
    for (const column of this.metrics.values()) column.length = Math.min(column.length, number);
    this.valueCount = [...this.metrics.values()].reduce(
      (sum, column) => column.reduce((count) => count + 1, sum),
      0,
    );
    this.batches.dropFrom(number);
    this.breaks = this.breaks.filter((item) => item.number < number);
    this.parts = [...this.parts.filter(({ from }) => from < number), { position, from: number }];
    if (this.numbers.length) this.breaks.push({ number, attempt: this.attempts });
    else this.began = time;
    this.done = null; // the next epoch's time is its own, without the break's
    this.current = null;
    this.batchLoss = null;
    this.best = null;
    for (const item of this.numbers) this.judge(item);
    this.revision += 1;
  }

  /** Seconds, or null as long as no epoch has ended. */
  get perEpoch() {
    const { recent } = this;
    return recent.length ? recent.reduce((sum, item) => sum + item, 0) / recent.length : null;
  }

  /** Durations of the last epochs, in seconds. */
  get recent() {
    const found = [];
    for (let at = this.numbers.length - 1; at >= 0 && found.length < RECENT_EPOCHS; at--) {
      const duration = this.epochs.get(this.numbers[at])?.duration ?? null;
      if (duration !== null) found.push(duration);
    }
    return found;
  }

  /** Those that have ended, in their order. @returns {Epoch[]} */
  get endedEpochs() {
    return this.numbers
      .map((number) => /** @type {Epoch} */ (this.epochs.get(number)))
      .filter(({ ended }) => ended !== null);
  }

  /** The last epoch that has ended, also before a break. */
  get last() {
    for (let at = this.numbers.length - 1; at >= 0; at--) {
      const epoch = this.epochs.get(this.numbers[at]);
      if (epoch && epoch.ended !== null) return epoch;
    }
    return null;
  }

  /** Epochs that have ended since the best one, or null. */
  get sinceBest() {
    const { best, last } = this;
    return best && last ? Math.max(0, last.number - best.number) : null;
  }

  /** Seconds until all epochs are done, or null where that cannot be known. @param {number} now */
  left(now) {
    const each = this.perEpoch;
    if (each === null || this.total === null || !this.done || this.ended !== null) return null;
    if (this.done.waited) return null;
    const begun = Math.min(each, Math.max(0, now - (this.done.ended ?? now)));
    const epochs = this.total - this.done.number - 1;
    return epochs > 0 ? epochs * each - begun : null;
  }

  get isValidating() {
    const epoch = this.current;
    return (
      epoch !== null &&
      epoch.ended === null &&
      epoch.expected > 0 &&
      epoch.highest + 1 >= epoch.expected
    );
  }
}

/** The metrics that are neither of the two losses, which a run tells itself. @param {string[]} names */
export const besideLosses = (names) =>
  names.filter((name) => name !== "train/loss" && name !== "val/loss");

/** @param {Run} run @param {number} epoch @param {string} [between] */
export const ofTotal = (run, epoch, between = " of ") =>
  run.total !== null && epoch < run.total ? `${epoch + 1}${between}${run.total}` : `${epoch + 1}`;
