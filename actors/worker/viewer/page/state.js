// @ts-check
// The state of the training and of the connection, in words.

import { text } from "./values.js";
import { clockTime, duration } from "./words.js";
import { ofTotal } from "./run.js";
/** @typedef {import("./training.js").Training} Training */
/** @typedef {import("./link.js").Link} Link */

const SILENT_AFTER = 40; // seconds without a message of the trainer

/**
 * @param {Training} training
 * @param {Link} link
 * @returns {{kind: string, words: string, note: string}}
 */
export function stateOf(training, link) {
  const { kind, words, note } = trainingState(training, link.isOpen);
  if (link.phase === "denied") return { kind: "denied", words: "no access", note: `${link.reason.slice(0, 1).toUpperCase()}${link.reason.slice(1)}.` };
  if (link.session?.replay && !training.ending) return { kind: "recorded", words: `recorded until ${clockTime(training.clock.time)}`, note: `The recording ends before the training did. Last known: ${words}.` };
  if (training.ending && link.session?.replay) return { kind, words, note: `A recording, which ends at ${clockTime(training.clock.time)}.` };
  if (training.ending) return link.isOpen ? { kind, words, note } : { kind, words, note: link.phase === "over" ? "The worker has ended; this is what it told." : link.words };
  if (link.isOpen) return { kind, words, note };
  if (!link.hasBeenOpen && link.tries === 0) return { kind: "connecting", words: "connecting", note: "" };
  return { kind: "lost", words: link.hasBeenOpen ? "connection lost, reconnecting" : "no connection", note: link.words + (kind === "training" ? `; last known: ${words}` : "") };
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
