// @ts-check
// Earlier runs, as the worker tells of them. It draws nothing.

import { Training } from "./training.js";
import { list, number, record, text } from "./values.js";
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./transports.js").Wire} Wire */
/** @typedef {{name: string, began: number, title: string, host: string, outcome: string, epochs: number, best: number | null}} Listed */
/** @typedef {{label: string, colour: string, runs: Run[]}} Other a run that is shown behind this one */

/** @param {unknown} answer @returns {Listed[]} */
export const listedOf = (answer) =>
  list(answer)
    .map(record)
    .map((run) => ({
      name: text(run.name),
      began: number(run.began) ?? 0,
      title: text(run.title),
      host: text(run.host),
      outcome: text(run.outcome),
      epochs: number(run.epochs) ?? 0,
      best: number(run.best_loss),
    }))
    .filter(({ name }) => name !== "");

/** The models of a run that was told as a digest. @param {unknown} digest @param {Wire} wire @returns {Run[]} */
export function runsOf(digest, wire) {
  const training = new Training({ add: () => {} }, "", wire);
  training.recall(record(digest));
  return training.runs.filter((run) => run.epochs.size > 0);
}

/** Which of `others` a model is compared with: its namesake, or the one at its place. @param {Run} run @param {Run[]} others @returns {Run | null} */
export const counterpart = (run, others) =>
  (run.name && others.find((other) => other.name === run.name)) ||
  others.find((other) => other.number === run.number) ||
  null;
