// @ts-check
// One model's training, as the trainer's reports tell it. It only learns; it draws nothing.

export const BATCHES_KEPT = 200_000;

const METRICS_KEPT = 200;
const RECENT_EPOCHS = 5; // of which the mean time per epoch is taken

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
export class Epoch {
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

export const OTHER_NAMES = new Map([["val_loss", "val/loss"], ["train_loss", "train/loss"]]);

/** One model's training, as the trainer's reports tell it. */
export class Run {
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

/** @param {Run} run @param {number} epoch @param {string} [between] */
export const ofTotal = (run, epoch, between = " of ") =>
  run.total !== null && epoch < run.total ? `${epoch + 1}${between}${run.total}` : `${epoch + 1}`;
