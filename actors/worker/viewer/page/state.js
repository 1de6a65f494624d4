// @ts-check
// The state of the training and of the connection, in words.

import { SILENT_FACTOR } from "./training.js";
import { text } from "./values.js";
import { clockTime, duration } from "./words.js";
import { ofTotal } from "./run.js";
/** @typedef {import("./training.js").Training} Training */
/** @typedef {{isOpen: boolean, hasBeenOpen: boolean, phase: string, tries: number, reason: string, loaded: number | null, words: string, session: {replay: boolean, may_control: boolean} | null}} Connection */
/** @typedef {{kind: string, words: string, note: string}} State */

const SILENT_AFTER = 40; // seconds without a message of the trainer, at least

const STRANGE = "This page knows none of the messages that the trainer has sent";

const OUTCOMES = new Map([
  ["completed", "finished"],
  ["failed", "failed"],
  ["cancelled", "cancelled"],
  ["stopped", "stopped early"],
]);

/** @param {string} words */
const sentence = (words) => `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`;

/** Whether the training is over, as far as it was told. @param {Training} training */
export const isOver = (training) => training.ending !== null || training.state === "ended";

/** @param {Training} training @param {Connection} link @returns {State} */
export function stateOf(training, link) {
  const { kind, words, note } = trainingState(training, link.isOpen);
  if (link.phase === "denied")
    return {
      kind: "denied",
      words: "no access",
      note: sentence(link.reason),
    };
  if (link.loaded !== null) {
    const words = `loading the run, ${Math.floor(100 * link.loaded)}\u00a0%`;
    return { kind: "connecting", words, note: "" };
  }
  if (isOver(training)) {
    const recorded = `A recording, which ends at ${clockTime(training.clock.time)}.`;
    const left =
      link.phase === "over" ? "The worker has ended: this is all that it reported." : note;
    return { kind, words, note: link.session?.replay ? recorded : left };
  }
  if (link.session?.replay && training.position > 0)
    return {
      kind: "recorded",
      words: `recorded until ${clockTime(training.clock.time)}`,
      note: `The recording ends before the training did. Last known: ${words}.`,
    };
  if (link.isOpen) return { kind, words, note };
  if (!link.hasBeenOpen && link.tries <= 1 && link.phase === "connecting") {
    // The run was told a moment ago; what comes from then on is waited for.
    if (training.position > 0) return { kind, words, note };
    return { kind: "connecting", words: "connecting", note: "" };
  }
  return {
    kind: "lost",
    words: link.hasBeenOpen ? "connection lost, reconnecting" : "no connection",
    note: link.words + (kind === "training" ? `; last known: ${words}` : ""),
  };
}

/** @param {Training} training @param {boolean} connected @returns {State} */
function trainingState(training, connected) {
  const { ending, state, run, clock } = training;
  if (isOver(training)) {
    const words = OUTCOMES.get(text(ending?.outcome)) ?? "ended";
    return {
      kind: words === "stopped early" ? "stopped" : words === "ended" ? "finished" : words,
      words,
      note: "",
    };
  }
  if (state === "cancelling")
    return { kind: state, words: "cancelling", note: countdown(training) || training.stateText };
  if (state === "delivering")
    return { kind: "finishing", words: "finishing", note: training.stateText };
  if (training.finishing)
    return {
      kind: "finishing",
      words: "finishing",
      note: "The trainer has sent its last message and has not ended yet.",
    };
  if (state === "stopping") return { kind: state, words: "stopping", note: training.stateText };
  if (state === "waiting")
    return { kind: state, words: "waiting for the trainer", note: training.stateText };
  if (state !== "training")
    return { kind: "starting", words: state || "starting", note: training.stateText };
  const epoch = run && run.ended === null ? run.current : null;
  if (!run || !epoch) {
    const note = isStrange(training)
      ? `${STRANGE}. So it cannot tell how far the training is.`
      : "The first epoch has not begun yet.";
    return { kind: "training", words: "training", note };
  }
  const words = `${run.isValidating ? "validating" : "training"} epoch ${ofTotal(run, epoch.number)}`;
  const silence = clock.now - training.heard;
  if (connected && silence >= Math.max(SILENT_AFTER, SILENT_FACTOR * training.usual))
    return {
      kind: "silent",
      words: `no message for ${duration(Math.floor(silence / 10) * 10)}`,
      note: `Last known: ${words}. A long epoch, or a trainer that hangs.`,
    };
  return { kind: run.isValidating ? "validating" : "training", words, note: "" };
}

/** What a viewer can ask for now: why not, or "". @param {Training} training @param {Connection} link */
export function refusalOf(training, link) {
  if (isOver(training) || training.state === "delivering") return "the training has ended";
  if (link.session?.replay) return "this is a recording";
  if (link.session && !link.session.may_control) return "this link is for watching only";
  if (link.phase === "denied") return "there is no access";
  if (link.isOpen) return "";
  return link.hasBeenOpen ? "not connected" : "not connected yet";
}

/**
 * The two buttons: whether they are there, whether they can be pressed, and why not.
 * @param {Training} training
 * @param {Connection} link
 */
export function controlsOf(training, link) {
  const refusal = refusalOf(training, link);
  const { state } = training;
  const isEnding = state === "stopping" || state === "cancelling";
  // Where they can never be pressed they are not there.
  const isNever = link.session !== null && (link.session.replay || !link.session.may_control);
  const shown = !isOver(training) && !isNever && link.phase !== "denied";
  let reason = "";
  if (shown && refusal) reason = `Not possible: ${refusal}.`;
  else if (shown && state === "cancelling") reason = "The trainer is being ended.";
  else if (isNever && !isOver(training)) reason = sentence(refusal);
  return { shown, stop: refusal === "" && !isEnding, cancel: refusal === "", reason };
}

/** Whether nothing of the run has come yet. @param {Training} training @param {Connection} link */
const isUnknown = (training, link) => training.position === 0 && !link.hasBeenOpen;

/** Whether the trainer has sent messages, and none that is known. @param {Training} training */
const isStrange = ({ reports, isKnown }) => reports > 0 && !isKnown;

/** What stands in place of curves, or "". @param {Training} training @param {Connection} link */
export function noCurves(training, link) {
  if (training.run && training.run.epochs.size > 0) return "";
  if (isUnknown(training, link)) return "Not loaded yet.";
  if (isOver(training)) return "No epoch was reported.";
  if (link.session?.replay) return "The recording has no epochs.";
  return isStrange(training) ? `${STRANGE}.` : "The curves begin with the first epoch.";
}

/** What stands in place of the trainer's output. @param {Training} training @param {Connection} link */
export function noOutput(training, link) {
  if (isUnknown(training, link)) return "Not loaded yet.";
  if (link.session?.replay) return "The recording has no output.";
  return isOver(training) ? "The trainer wrote nothing." : "No output yet.";
}

/** How long the training has until it is killed. @param {Training} training */
function countdown({ killAt, clock }) {
  if (killAt === null || killAt <= clock.now) return "";
  return `The training has been asked to end; in ${Math.ceil(killAt - clock.now)} s it is killed.`;
}
