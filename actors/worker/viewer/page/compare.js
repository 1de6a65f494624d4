// @ts-check
// Earlier runs that are shown behind this one, and the menu in which they are chosen.

import { requestJson } from "./transports.js";
import { byId, element, remember, rememberedNames, show, write, writeNote } from "./document.js";
import { checkbox, listenToMenu, searchOf } from "./menu.js";
import { listedOf, runsOf } from "./others.js";
import { loss, plural } from "./words.js";
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./transports.js").Wire} Wire */
/** @typedef {import("./others.js").Listed} Listed */
/** @typedef {import("./others.js").Other} Other */

const COMPARED = 5;
const KEY = `sleap-progress-compare ${location.pathname}`; // as the token: for this tab and path
const WAIT = 30_000; // milliseconds: the worker reads a long journal

/** @param {number} seconds since 1970 */
const moment = (seconds) =>
  new Date(seconds * 1000).toLocaleString([], {
    dateStyle: "short",
    timeStyle: "medium",
    hourCycle: "h23",
  });

export class Compare {
  /** @param {() => void} onChange what is chosen has changed */
  constructor(onChange) {
    this.onChange = onChange;
    this.wire = /** @type {Wire | null} */ (null);
    this.listed = /** @type {Listed[]} */ ([]);
    this.chosen = /** @type {Map<string, Other | null>} */ (new Map()); // null: it is on its way
    this.note = "";
    this.isRestored = false; // what was chosen before the page was loaded again
    listenToMenu("compare", (isOpen) => isOpen && void this.load());
    byId("compare-search").addEventListener("input", () => this.paint());
  }

  /** @returns {Other[]} */
  get others() {
    return [...this.chosen.values()].filter((other) => other !== null);
  }

  /** @param {Wire} wire @param {boolean} may whether other runs may be seen */
  meet(wire, may) {
    this.wire = wire;
    show("compare", may);
    if (may && !this.isRestored) void this.restore();
  }

  /** Choose again what was chosen before the page was loaded again. */
  async restore() {
    this.isRestored = true;
    const names = rememberedNames(KEY, "sessionStorage");
    if (!names.length) return;
    await this.load();
    for (const name of names) {
      const run = this.listed.find((one) => one.name === name);
      if (run && !this.chosen.has(name)) await this.choose(run, true);
    }
  }

  /** Somebody chooses a run, or no longer. @param {Listed} run @param {boolean} wanted */
  async change(run, wanted) {
    const chosen = this.choose(run, wanted);
    remember(KEY, JSON.stringify([...this.chosen.keys()]), "sessionStorage");
    await chosen;
  }

  async load() {
    this.note = this.listed.length ? "" : "Loading…";
    this.paint();
    try {
      this.listed = listedOf(await requestJson("runs", { signal: AbortSignal.timeout(WAIT) }));
      this.note = this.listed.length ? "" : "No other runs are kept.";
    } catch (error) {
      this.fail(error);
    }
    this.paint();
  }

  /** @param {Listed} run @param {boolean} wanted */
  async choose(run, wanted) {
    const { wire } = this;
    this.note = "";
    if (!wanted || !wire) {
      this.chosen.delete(run.name);
    } else if (this.chosen.size < COMPARED) {
      this.chosen.set(run.name, null);
      this.paint();
      try {
        const path = `runs/${encodeURIComponent(run.name)}`;
        const runs = runsOf(await requestJson(path, { signal: AbortSignal.timeout(WAIT) }), wire);
        if (!this.chosen.has(run.name)) return; // not wanted any more
        if (runs.length) {
          this.chosen.set(run.name, this.other(run, runs));
        } else {
          this.chosen.delete(run.name);
          this.note = "That run has no epochs.";
        }
      } catch (error) {
        this.chosen.delete(run.name);
        this.fail(error);
      }
    }
    this.paint();
    this.onChange();
  }

  /** @param {Listed} run @param {Run[]} runs @returns {Other} */
  other(run, runs) {
    const used = this.others.map(({ colour }) => colour);
    const colours = Array.from({ length: COMPARED }, (_, i) => `other-${i + 1}`);
    const colour = colours.find((name) => !used.includes(name)) ?? colours[0];
    return { label: `${moment(run.began)} ${run.title.slice(0, 60)}`, colour, runs };
  }

  /** @param {unknown} error */
  fail(error) {
    const reason = error instanceof Error ? error.message : "";
    this.note = `Other runs cannot be shown: ${reason}.`;
  }

  paint() {
    const isFound = searchOf("compare-search");
    const found = this.listed.filter(({ title, name, host }) => isFound(title, name, host));
    const isFull = this.chosen.size >= COMPARED;
    byId("compare-list").replaceChildren(...found.map((run) => this.row(run, isFull)));
    const none = this.listed.length && !found.length ? "Nothing matches the search." : "";
    const full = isFull ? `Up to ${plural(COMPARED, "run")} at once.` : "";
    writeNote("compare-note", this.note || none || full);
    write("compare-count", this.chosen.size ? `(${this.chosen.size})` : "");
  }

  /** @param {Listed} run @param {boolean} isFull */
  row(run, isFull) {
    const label = element("label", "field");
    const box = checkbox(this.chosen.has(run.name), (wanted) => void this.change(run, wanted));
    box.value = run.name;
    box.disabled = isFull && !box.checked;
    const best = run.best === null ? "" : `, best loss ${loss(run.best)}`;
    const facts = `${moment(run.began)}, ${run.host}, ${run.outcome}, ${plural(run.epochs, "epoch")}${best}`;
    const words = element("span");
    const title = element("span", "one-line", run.title || run.name);
    title.title = run.title;
    words.append(title, element("small", "quiet", facts));
    label.append(box, words);
    return label;
  }
}
