// @ts-check
// More of the batch losses than the page keeps, of the epochs that are seen. It draws nothing.

import { columnsOf, index, number, record } from "./values.js";
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./scale.js").Range} Range */
/** @typedef {[number, number]} Place numbers of an epoch and of a batch in it */
/** @typedef {{model: number, from: Place, to: Place}} Question batches of a train_begin */

const PAUSE = 300; // milliseconds for which nobody has zoomed or moved on
const RETRY = 10_000; // milliseconds until a worker that does not tell is asked again
const MARGIN = 0.5; // of what is seen, which is told too on each side
const COARSE = 3; // times as wide as what is seen: what was thinned for it shows too little
const LAST = 999_999_999; // the worker takes no higher number

/** Those of a part of a run's curve, in their order. */
export class Detail {
  /** @param {Run} run @param {Range} range @param {unknown[]} answers of the worker */
  constructor(run, range, answers) {
    this.run = run;
    this.attempts = run.attempts;
    this.range = range;
    this.epochs = /** @type {number[]} */ ([]);
    this.numbers = /** @type {number[]} */ ([]);
    this.losses = /** @type {number[]} */ ([]);
    this.isThinned = false;
    this.isWhole = true; // the worker has not dropped some of them
    for (const answer of answers.map(record)) {
      const [epochs, numbers, losses] = columnsOf(answer, "epochs", "numbers", "losses");
      epochs.forEach((epoch, i) => {
        this.epochs.push(index(epoch) ?? 0);
        this.numbers.push(index(numbers[i]) ?? 0);
        this.losses.push(number(losses[i]) ?? NaN);
      });
      this.isThinned ||= (index(answer.kept) ?? 0) > epochs.length;
      this.isWhole &&= answer.whole === true;
    }
  }

  get count() {
    return this.losses.length;
  }

  /** Whether it is of what is seen, and close enough. @param {Run} run @param {Range} seen */
  suits(run, seen) {
    const { range, attempts } = this;
    const isCoarse = this.isThinned && range[1] - range[0] > COARSE * (seen[1] - seen[0]);
    return this.run === run && attempts === run.attempts && within(seen, range) && !isCoarse;
  }
}

/** Asks for the details of what is seen, one question after the other. */
export class Details {
  /**
   * @param {(question: Question, instance: string) => Promise<unknown>} ask
   * @param {() => void} onChange
   */
  constructor(ask, onChange) {
    this.ask = ask;
    this.onChange = onChange;
    this.instance = ""; // of the worker that can be asked
    this.detail = /** @type {Detail | null} */ (null);
    this.wanted = /** @type {{run: Run, seen: Range} | null} */ (null);
    this.reason = ""; // why there are no more
    this.failed = /** @type {Range | null} */ (null); // what is not to be had
    this.timer = /** @type {ReturnType<typeof setTimeout> | null} */ (null);
    this.isAsking = false;
  }

  /** The worker that is there, also after it was away. @param {string} instance empty where there is none */
  meet(instance) {
    this.instance = instance;
    this.failed = null;
    this.onChange();
  }

  /**
   * What can be shown of what is seen; more is asked for where the page knows less than there is.
   * @param {Run} run
   * @param {Range | null} seen null: all of the run
   * @returns {Detail | null}
   */
  look(run, seen) {
    this.wanted = null;
    if (!seen) return null;
    if (this.detail?.suits(run, seen)) return this.detail;
    const { known, there } = countsOf(run, seen);
    if (known < there) {
      this.wanted = { run, seen };
      if (this.instance) this.prepare();
    }
    return null;
  }

  /** Why less is shown of what is seen than there is. */
  get note() {
    if (!this.wanted) return "";
    const reason = this.instance
      ? this.failed && within(this.wanted.seen, this.failed)
        ? this.reason
        : ""
      : "this file holds no more";
    const { known, there } = countsOf(this.wanted.run, this.wanted.seen);
    return reason && `${known} of the ${there} batches of these epochs are shown: ${reason}.`;
  }

  prepare() {
    if (this.isAsking || this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.load();
    }, PAUSE);
  }

  async load() {
    const { wanted, instance } = this;
    if (!wanted || (this.failed && within(wanted.seen, this.failed))) return;
    const { run, seen } = wanted;
    const width = seen[1] - seen[0];
    const range = /** @type {Range} */ ([seen[0] - MARGIN * width, seen[1] + MARGIN * width]);
    this.isAsking = true;
    try {
      const answers = [];
      for (const question of questionsOf(run, range))
        answers.push(await this.ask(question, instance));
      const detail = new Detail(run, range, answers);
      if (!detail.isWhole && detail.count <= countsOf(run, range).known)
        this.fail(range, "the worker no longer has more of them");
      else this.detail = detail;
    } catch (error) {
      const isTold = error instanceof Error && !(error instanceof TypeError);
      this.fail(range, isTold ? error.message : "the worker cannot be reached");
      setTimeout(() => this.meet(this.instance), RETRY);
    } finally {
      this.isAsking = false;
    }
    this.onChange();
  }

  /** @param {Range} range @param {string} reason */
  fail(range, reason) {
    this.failed = range;
    this.reason = reason;
  }
}

/** @param {Range} inner @param {Range} outer */
const within = ([left, right], outer) => left >= outer[0] && right <= outer[1];

/** How many batches of the epochs that are seen are known, and how many there are. @param {Run} run @param {Range} seen */
export function countsOf(run, seen) {
  const [first, last] = [Math.floor(seen[0]), Math.ceil(seen[1]) - 1];
  let there = 0;
  for (const number of run.numbers)
    if (number >= first && number <= last) there += run.epochs.get(number)?.seen ?? 0;
  return { known: run.batches.countOf(first, last), there };
}

/**
 * What the worker is to be asked, to know what lies within `range`: what the page shows as one model
 * has been begun anew by each attempt.
 * @param {Run} run
 * @param {Range} range
 * @returns {Question[]}
 */
export function questionsOf(run, [left, right]) {
  const from = placeAt(run, Math.max(0, Math.floor(left)), left, Math.floor);
  const to = placeAt(run, Math.max(0, Math.ceil(right) - 1), right, Math.ceil);
  return run.parts.flatMap(({ position, from: first }, i) => {
    const begin = from[0] < first ? /** @type {Place} */ ([first, 0]) : from;
    const next = run.parts[i + 1]?.from ?? Infinity;
    const end = to[0] >= next ? /** @type {Place} */ ([next - 1, LAST]) : to;
    return begin[0] <= end[0] ? [{ model: position, from: begin, to: end }] : [];
  });
}

/** Where a batch stands on the axis is where its share of its epoch is done. @param {Run} run @param {number} epoch @param {number} x @param {(value: number) => number} round @returns {Place} */
function placeAt(run, epoch, x, round) {
  const size = run.epochs.get(epoch)?.batches ?? 0;
  const batch = size > 0 ? round((x - epoch) * size) - 1 : round === Math.ceil ? LAST : 0;
  return [Math.min(epoch, LAST), Math.min(LAST, Math.max(0, batch))];
}
