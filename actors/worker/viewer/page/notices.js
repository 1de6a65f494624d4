// @ts-check
// What the page tells of from behind: the tab's title and icon, and notifications.

import { byId, remember, remembered, show } from "./document.js";
import { text } from "./values.js";
import { loss } from "./words.js";
import { isOver } from "./state.js";
/** @typedef {import("./training.js").Training} Training */
/** @typedef {import("./state.js").State} State */

const STILL_NEWS = 60; // seconds: what is older was told to somebody else

const BUSY = "%2356b4e9";
const [GOOD, CARE, BAD, QUIET] = ["%234fd39a", "%23f0c04a", "%23ff6b5e", "%239aa8b5"];
const CURVE = (/** @type {string} */ colour) =>
  `<path d='M3 3c1 6 4 9 10 9.5' fill='none' stroke='${colour}' stroke-width='2.2' stroke-linecap='round'/>`;
const RING = (/** @type {string} */ colour) =>
  `<circle cx='8' cy='8' r='4' fill='none' stroke='${colour}' stroke-width='2.2'/>`;
const TICK = `<path d='M3.5 8.5l3 3 6-7' fill='none' stroke='${GOOD}' stroke-width='2.4' stroke-linecap='round'/>`;
const CROSS = `<path d='M4 4l8 8m0-8l-8 8' fill='none' stroke='${BAD}' stroke-width='2.4' stroke-linecap='round'/>`;
const SQUARE = `<rect x='4.5' y='4.5' width='7' height='7' rx='1' fill='${CARE}'/>`;
const SHAPES = new Map([
  ["training", CURVE(BUSY)],
  ["validating", CURVE(BUSY)],
  ["finishing", CURVE(GOOD)],
  ["stopping", CURVE(CARE)],
  ["cancelling", CURVE(CARE)],
  ["finished", TICK],
  ["failed", CROSS],
  ["stopped", SQUARE],
  ["cancelled", SQUARE],
  ["recorded", SQUARE],
  ["silent", RING(BAD)],
  ["lost", RING(CARE)],
  ["denied", RING(CARE)],
]);

/** @param {string} kind */
const iconOf = (kind) =>
  `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='3' fill='%23141b22'/>${SHAPES.get(kind) ?? RING(QUIET)}</svg>`
    .replaceAll("<", "%3C")
    .replaceAll(">", "%3E");

/**
 * What to notify of now, or null: how the training ended, that it is silent, that a value is not a
 * number. Each has a key: it is told once.
 * @param {Training} training
 * @param {State} state
 * @returns {{key: string, title: string, body: string} | null}
 */
export function newsOf(training, { kind, words, note }) {
  const { ending, endedAt, alarm, run } = training;
  const isRecent = (/** @type {number} */ time) => training.clock.now - time < STILL_NEWS;
  if (isOver(training)) {
    if (!ending || endedAt === null || !isRecent(endedAt)) return null;
    const best = run?.best
      ? ` Best validation loss ${loss(run.best.value)}, epoch ${run.best.number + 1}.`
      : "";
    return {
      key: `end ${endedAt}`,
      title: `Training ${words}`,
      body: `${text(ending.cause) || text(ending.text)}.${best}`,
    };
  }
  if (kind === "silent")
    return {
      key: `silent ${training.heard}`,
      title: "The training is silent",
      body: `${words}. ${note}`,
    };
  return alarm && isRecent(alarm.time)
    ? { key: `alarm ${alarm.time}`, title: "The training has a problem", body: alarm.text }
    : null;
}

export class Notices {
  constructor() {
    this.kind = "";
    this.told = new Set();
    byId("notify-yes").addEventListener("click", async () => {
      remember("notify", "yes");
      show("notify", false);
      await Notification.requestPermission();
    });
    byId("notify-no").addEventListener("click", () => {
      remember("notify", "no");
      show("notify", false);
    });
  }

  /** @param {string} title */
  title(title) {
    if (document.title !== title) document.title = title;
  }

  /** @param {string} kind */
  icon(kind) {
    if (this.kind === kind) return;
    this.kind = kind;
    byId("icon").setAttribute("href", iconOf(kind));
  }

  /** The question is asked once, where there is something to come. @param {boolean} isLive */
  ask(isLive) {
    show(
      "notify",
      isLive &&
        "Notification" in globalThis &&
        Notification.permission === "default" &&
        remembered("notify") === null,
    );
  }

  /** @param {Training} training @param {State} state @param {string} name the training's */
  tell(training, state, name) {
    const news = newsOf(training, state);
    if (!news || this.told.has(news.key)) return;
    this.told.add(news.key);
    const isSeen = !document.hidden && document.hasFocus();
    if (
      isSeen ||
      !("Notification" in globalThis) ||
      Notification.permission !== "granted" ||
      remembered("notify") !== "yes"
    )
      return;
    try {
      const notification = new Notification(news.title, {
        body: `${news.body}\n${name.slice(0, 200)}`,
        tag: news.key,
        icon: iconOf(state.kind),
      });
      notification.addEventListener("click", () => {
        globalThis.focus();
        notification.close();
      });
    } catch {
      // A browser may want a service worker for it.
    }
  }
}
