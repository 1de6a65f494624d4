// @ts-check
// What was, of a run that is joined late: the worker's digest of it. It draws nothing.

import { columnsOf, index, list, number, readReport, record } from "./values.js";
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./values.js").Report} Report */
/** @typedef {{seen: number, sum: number, highest: number}} Sums of all batches of an epoch */
/** @typedef {{numbers: number[], losses: number[]}} Points of an epoch, thinned */

/** The batches of one model, which a run is given epoch by epoch. */
class Batches {
  /** @param {unknown} model as the digest has it, in columns */
  constructor(model) {
    this.position = index(record(model).position) ?? 0;
    this.sums = sumsOf(record(record(model).epochs));
    this.points = pointsOf(record(record(model).batches));
  }

  /** Give `run` those of an epoch, once. @param {Run} run @param {number} epoch */
  give(run, epoch) {
    const sums = this.sums.get(epoch);
    if (!sums) return;
    this.sums.delete(epoch);
    run.recall(epoch, sums, this.points.get(epoch) ?? { numbers: [], losses: [] });
  }

  /** Give `run` all that are left. @param {Run} run */
  giveAll(run) {
    for (const epoch of [...this.sums.keys()]) this.give(run, epoch);
  }
}

/** A digest, read: entries of the run's log without its batches, and the batches of each model. */
export class Past {
  /** @param {Report} digest */
  constructor(digest) {
    this.position = index(digest.position) ?? 0;
    this.time = number(digest.time) ?? 0;
    this.heard = number(digest.heard) ?? 0;
    this.leftOut = index(digest.left_out) ?? 0;
    this.reports = index(digest.reports) ?? 0;
    this.batches = index(digest.batches) ?? 0;
    this.entries = list(digest.entries).map((entry) => {
      const [time, message] = list(entry);
      return { time: number(time) ?? 0, report: readReport(String(message)) };
    });
    this.models = list(digest.models).map((model) => new Batches(model));
    // The last train_begin is that of the last model; one without it comes first.
    const begins = this.entries.filter(({ report }) => report?.event === "train_begin").length;
    this.at = this.models.length - begins - 1;
  }

  /** The batches of the model that trains where the entries are read. */
  get model() {
    return this.models[this.at] ?? null;
  }
}

/** @param {Report} columns @returns {Map<number, Sums>} */
function sumsOf(columns) {
  const [numbers, seen, sums, highest] = columnsOf(columns, "numbers", "seen", "sums", "highest");
  const found = new Map();
  numbers.forEach((epoch, i) => {
    if (index(epoch) === null) return;
    const sum = number(sums[i]) ?? NaN;
    found.set(epoch, { seen: index(seen[i]) ?? 0, sum, highest: number(highest[i]) ?? -1 });
  });
  return found;
}

/** @param {Report} columns @returns {Map<number, Points>} */
function pointsOf(columns) {
  const [epochs, numbers, losses] = columnsOf(columns, "epochs", "numbers", "losses");
  const found = new Map();
  epochs.forEach((epoch, i) => {
    const points = found.get(epoch) ?? { numbers: [], losses: [] };
    points.numbers.push(index(numbers[i]) ?? 0);
    points.losses.push(number(losses[i]) ?? NaN);
    found.set(epoch, points);
  });
  return found;
}
