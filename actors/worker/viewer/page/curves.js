// @ts-check
// What the charts show of a run: which curves, of which points. It draws nothing.

import { BATCHES_KEPT, besideLosses } from "./run.js";
import { Smoothed, lowerBound } from "./scale.js";
import { loss } from "./words.js";
import { counterpart } from "./others.js";
/** @typedef {import("./others.js").Other} Other */
/** @typedef {import("./details.js").Detail} Detail */
/** @typedef {{epochs: number[], numbers: number[], losses: number[]}} Columns */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./scale.js").At} At */

/**
 * Points in the order of x, read where they are. `style` is "points" for a cloud, "line" for what
 * may have marks at its points; those that are `hollow` always have one. What is `faint` is of
 * another run.
 * @typedef {{name: string, colour: string, style: "points" | "line", mark: "circle" | "square" | "", from: number, to: number, x: At, y: At, words: (i: number) => string, hollow?: (i: number) => boolean, faint?: boolean}} Series
 */

/**
 * A chart's content. `marks` are places on the x axis that have a name, `best` the best epoch.
 * @typedef {{group: string, start: number, end: number, series: Series[], marks: {x: number, text: string}[], best: {x: number, y: number, text: string} | null}} Picture
 */

export const LOSS = "loss";

const SMOOTHED_KEPT = 2 * BATCHES_KEPT; // those that the page keeps, and a detail

/** What is said of an epoch that nobody has reported. */
export const READ = "from the trainer's own log";

const SIDES = new Map([
  ["train", "train"],
  ["training", "train"],
  ["val", "val"],
  ["valid", "val"],
  ["validation", "val"],
  ["test", "test"],
  ["eval", "val"],
]);

/** "val/loss" is the validation's side of the group "loss". @param {string} name */
export function split(name) {
  const match = /^([a-z]+)[/_](.+)$/.exec(name);
  const side = match ? SIDES.get(match[1]) : undefined;
  return match && side ? { group: match[2], side } : { group: name, side: "" };
}

/** Losses span decades, and are drawn so unless somebody wants it otherwise. @param {string} group */
export const isLoss = (group) => /loss/i.test(group);

/** The metrics of a run by their groups, in the order of their names; the loss is first. @param {Run} run @returns {Map<string, string[]>} */
export function groups(run) {
  const found = /** @type {Map<string, string[]>} */ (new Map([[LOSS, []]]));
  for (const name of [...run.metrics.keys()].sort()) {
    const { group } = split(name);
    found.set(group, [...(found.get(group) ?? []), name]);
  }
  return found;
}

/** Makes pictures of a run; what was smoothed for one is kept for the next. */
export class Curves {
  constructor() {
    this.smoothed = new Smoothed(0);
    this.of = /** @type {unknown} */ (null); // the batches that were smoothed
  }

  /** @param {Run} run @param {string} group @param {string[]} names @param {number} smoothing @param {Other[]} [others] @param {Detail | null} [detail] @returns {Picture} */
  picture(run, group, names, smoothing, others = [], detail = null) {
    const behind = others.flatMap((other) => {
      const twin = counterpart(run, other.runs);
      return twin ? [{ ...other, twin }] : [];
    });
    const lasts = [run, ...behind.map(({ twin }) => twin)].map(
      ({ numbers }) => (numbers[numbers.length - 1] ?? 0) + 1,
    );
    const start = Math.min(run.first, ...behind.map(({ twin }) => twin.first));
    const end = Math.max(run.first + 1, ...lasts);
    const marks = run.breaks.map(({ number, attempt }) => ({
      x: number,
      text: `attempt ${attempt}`,
    }));
    const faint = behind.flatMap(({ twin, label, colour }) =>
      curvesOf(twin, group, names, label, colour),
    );
    const own =
      group === LOSS
        ? this.losses(run, names, smoothing, detail)
        : names.map((name, i) => measured(run, name, nameOf(name), colourOf(name, i)));
    const { best } = run;
    const star =
      group === LOSS && best
        ? { x: best.number + 1, y: best.value, text: `best: epoch ${best.number + 1}` }
        : null;
    return { group, start, end, series: [...faint, ...own], marks, best: star };
  }

  /** @param {Run} run @param {string[]} names @param {number} smoothing @param {Detail | null} detail @returns {Series[]} */
  losses(run, names, smoothing, detail) {
    const cloud = detail ? closer(run, detail) : batches(run);
    return [
      cloud,
      ...(smoothing > 0 ? [this.smooth(cloud, detail ?? run.batches.losses, smoothing)] : []),
      training(run, "training", "train"),
      validation(run, "validation", "val"),
      ...beside(names).map((name, i) => measured(run, name, nameOf(name), colourOf(name, i + 2))),
    ];
  }

  /** @param {Series} cloud @param {unknown} of what it is the cloud of @param {number} weight @returns {Series} */
  smooth(cloud, of, weight) {
    if (this.of !== of || this.smoothed.weight !== weight) {
      this.of = of;
      this.smoothed = new Smoothed(weight);
    }
    this.smoothed.extend(cloud.y, cloud.from, cloud.to, SMOOTHED_KEPT);
    const { values } = this.smoothed;
    const y = (/** @type {number} */ i) => values[i % SMOOTHED_KEPT];
    return {
      ...cloud,
      name: "batches, smoothed",
      colour: "smooth",
      style: "line",
      y,
      words: (i) => `${cloud.words(i)}, smoothed ${loss(y(i))}`,
    };
  }
}

/** The batch losses; a batch stands where its share of its epoch is done. @param {Run} run @param {Columns} [columns] @param {number} [from] @param {number} [to] @returns {Series} */
function batches(run, columns = run.batches, from = run.batches.first, to = run.batches.added) {
  const { epochs, numbers, losses } = columns;
  let number = -1; // neighbours are nearly always of the same epoch
  let size = 1;
  const x = (/** @type {number} */ i) => {
    const at = i % BATCHES_KEPT;
    if (epochs[at] !== number) {
      number = epochs[at];
      size = run.epochs.get(number)?.batches || 1;
    }
    return number + (numbers[at] + 1) / size;
  };
  const y = (/** @type {number} */ i) => losses[i % BATCHES_KEPT];
  const words = (/** @type {number} */ i) =>
    `epoch ${epochs[i % BATCHES_KEPT] + 1}, batch ${numbers[i % BATCHES_KEPT] + 1}: loss ${loss(y(i))}`;
  return { name: "batches", colour: "batch", style: "points", mark: "", from, to, x, y, words };
}

/** The batch losses, with those of the detail in their places. @param {Run} run @param {Detail} detail @returns {Series} */
function closer(run, detail) {
  const { count } = detail;
  const kept = batches(run);
  if (!count) return kept;
  const told = batches(run, detail, 0, count);
  const { from, to } = kept;
  const begin = lowerBound(kept.x, from, to, told.x(0));
  const end = lowerBound(kept.x, begin, to, told.x(count - 1) + 1e-9);
  /** @template T @param {(series: Series) => (i: number) => T} of @returns {(i: number) => T} */
  const joined = (of) => {
    const [some, all] = [of(kept), of(told)];
    return (i) =>
      i < begin ? some(i) : i < begin + count ? all(i - begin) : some(i - begin - count + end);
  };
  return {
    ...kept,
    to: to + count - (end - begin),
    x: joined((series) => series.x),
    y: joined((series) => series.y),
    words: joined((series) => series.words),
  };
}

/** @param {Run} run @param {string} name @param {string} colour @param {(number: number) => number | null} value @returns {Series} */
function line(run, name, colour, value) {
  const epochs = run.endedEpochs;
  const y = (/** @type {number} */ i) => value(epochs[i].number) ?? NaN;
  const isRead = (/** @type {number} */ i) => epochs[i].read !== null;
  return {
    name,
    colour,
    style: "line",
    mark: colour === "val" ? "square" : "circle",
    from: 0,
    to: epochs.length,
    x: (i) => epochs[i].number + 1,
    y,
    words: (i) =>
      `epoch ${epochs[i].number + 1}, ${name}: ${loss(y(i))}${isRead(i) ? `, ${READ}` : ""}`,
    hollow: isRead,
  };
}

/** @param {Run} run @param {string} metric @param {string} name @param {string} colour */
const measured = (run, metric, name, colour) =>
  line(run, name, colour, (number) => run.value(metric, number));

/** @param {Run} run @param {string} name @param {string} colour */
const training = (run, name, colour) => line(run, name, colour, (number) => run.training(number));

/** @param {Run} run @param {string} name @param {string} colour */
const validation = (run, name, colour) =>
  line(run, name, colour, (number) => run.validation(number));

/** The metrics that have a curve of their own beside the batches and the two losses. @param {string[]} names */
const beside = (names) => besideLosses(names).filter((name) => name !== LOSS);

/**
 * The curves of another run in a group: of the loss that in validation, or in training where there
 * is no other; of other metrics those that this run has.
 * @param {Run} run
 * @param {string} group
 * @param {string[]} names
 * @param {string} label
 * @param {string} colour
 * @returns {Series[]}
 */
function curvesOf(run, group, names, label, colour) {
  const validated = validation(run, label, colour);
  const hasAny = (/** @type {Series} */ { from, to, y }) => {
    for (let i = from; i < to; i++) if (Number.isFinite(y(i))) return true;
    return false;
  };
  const others = beside(names).map((name) =>
    measured(run, name, names.length > 1 ? `${label}, ${nameOf(name)}` : label, colour),
  );
  const found =
    group === LOSS
      ? [hasAny(validated) ? validated : training(run, label, colour), ...others]
      : others;
  return found.filter(hasAny).map((series) => ({ ...series, mark: "", faint: true }));
}

/** @param {string} metric */
function nameOf(metric) {
  const { side } = split(metric);
  return { train: "training", val: "validation", test: "test" }[side] ?? metric;
}

/** @param {string} metric @param {number} i */
function colourOf(metric, i) {
  const { side } = split(metric);
  return side === "train" || side === "val"
    ? side
    : side === "test"
      ? "third"
      : ["train", "val", "third", "fourth"][i % 4];
}
