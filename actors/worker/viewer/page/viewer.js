// @ts-check
/**
 * The page that shows a training live and can stop it.
 *
 * Texts come from a transport into the Inbox, which hands them to the Training record a few
 * milliseconds at a time. The record only learns; it draws nothing. The Page reads the record, at
 * most four times a second, and writes what has changed. Whatever comes from the trainer goes into
 * the document as text, never as markup.
 */

import { loss, clockTime } from "./words.js";
import { ofTotal } from "./run.js";
import { Training } from "./training.js";
import { stateOf } from "./state.js";
import { Chart, loadPlotly } from "./chart.js";
import { Output } from "./output.js";
import { Inbox } from "./inbox.js";
import { Link } from "./link.js";
import { element, byId, write, show, remembered, remember } from "./document.js";
import { describeChart, paintAnswers, paintEnding, paintFacts, paintModels, paintNotes, paintResources, paintValues } from "./panels.js";
import { QUESTIONS } from "./orders.js";
/** @typedef {import("./transports.js").Session} Session */
/** @typedef {import("./run.js").Run} Run */

const PAINT_INTERVAL = 250; // milliseconds

/** A browser has randomUUID in secure contexts only. */
function newClientId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a screen reader is told: changes of state that last, and the answers to controls. */
class Announcer {
  constructor() {
    this.kind = "";
    this.since = 0;
    this.told = "";
  }

  /** @param {string} kind @param {string} words */
  state(kind, words) {
    const broad = kind === "validating" ? "training" : kind;
    if (broad !== this.kind) {
      this.kind = broad;
      this.since = Date.now();
    }
    if (this.told === broad || Date.now() - this.since < 1500) return;
    this.told = broad;
    this.say(words);
  }

  /** @param {string} words */
  say(words) {
    byId("announcer").textContent = words;
  }
}

class Page {
  constructor() {
    this.client = newClientId();
    this.output = new Output(byId("output"), byId("to-end"));
    this.training = new Training(this.output, this.client);
    this.inbox = new Inbox((message) => this.training.take(message), () => this.schedule());
    this.link = new Link({
      client: this.client,
      forced: new URLSearchParams(location.search).get("transport"),
      inbox: this.inbox,
      position: () => this.training.position,
      hasEnded: () => this.training.ending !== null,
      onSession: (session, restarted) => this.onSession(session, restarted),
      onChange: () => this.schedule(),
    });
    this.chart = new Chart(byId("chart"), () => this.redraw());
    this.announcer = new Announcer();
    this.timer = /** @type {ReturnType<typeof setTimeout> | null} */ (null);
    this.paintedAt = 0;
    this.chosen = /** @type {number | null} */ (null); // number of an earlier model; null: the current
    this.metric = "";
    this.log = remembered("log-scale") !== "no"; // losses span decades
    this.drawn = "";
    this.drawnAt = 0;
    this.stale = true; // the chart has to be drawn, whatever it shows
    this.chartSeen = true;
    this.asking = /** @type {"stop" | "cancel"} */ ("stop");
    this.shown = /** @type {Map<string, unknown>} */ (new Map());
  }

  start() {
    this.listen();
    loadPlotly().then((plotly) => this.chart.use(plotly)).catch(() => {
      write("chart-note", "The curves cannot be drawn: the plotting library could not be loaded. The values of each epoch are listed below.");
      byId("chart").classList.add("empty");
      this.shown.set("no-plotly", true);
    }).finally(() => this.redraw());
    setInterval(() => this.schedule(), 1000);
    void this.link.run();
    this.paint();
  }

  listen() {
    const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
    input("log-scale").checked = this.log;
    input("log-scale").addEventListener("change", () => {
      this.log = input("log-scale").checked;
      remember("log-scale", this.log ? "yes" : "no");
      this.chart.y = null;
      this.redraw();
    });
    byId("metric").addEventListener("change", () => {
      this.metric = input("metric").value;
      this.chart.y = null;
      this.redraw();
    });
    byId("models").addEventListener("change", () => this.choose(Number(input("models").value)));
    byId("zoom-in").addEventListener("click", () => this.chart.zoom(0.5));
    byId("zoom-out").addEventListener("click", () => this.chart.zoom(2));
    byId("pan-left").addEventListener("click", () => this.chart.pan(-0.5));
    byId("pan-right").addEventListener("click", () => this.chart.pan(0.5));
    byId("whole").addEventListener("click", () => this.chart.whole());
    byId("values").addEventListener("toggle", () => this.schedule());
    byId("retry").addEventListener("click", () => this.link.wake());
    this.listenToControls();
    this.listenToBrowser();
  }

  listenToControls() {
    byId("stop").addEventListener("click", () => this.ask("stop"));
    byId("cancel").addEventListener("click", () => this.ask("cancel"));
    const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
    byId("confirm-no").addEventListener("click", () => dialog.close());
    byId("confirm-yes").addEventListener("click", () => {
      dialog.close();
      this.order(this.asking);
    });
  }

  listenToBrowser() {
    addEventListener("online", () => {
      this.link.rtcFailed = false; // it may be another network
      this.link.wake();
    });
    addEventListener("pagehide", () => this.link.leave());
    addEventListener("pageshow", (event) => event.persisted && this.link.wake());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.link.wake();
      this.redraw();
    });
    const restyle = () => {
      this.chart.readColours();
      this.redraw();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    matchMedia("(pointer: coarse)").addEventListener("change", restyle);
    new ResizeObserver(() => this.redraw()).observe(byId("chart"));
    new IntersectionObserver((entries) => {
      this.chartSeen = entries[entries.length - 1].isIntersecting;
      this.schedule();
    }, { rootMargin: "100px" }).observe(byId("chart"));
  }

  /** @param {Session} session @param {boolean} restarted */
  onSession(session, restarted) {
    if (restarted) {
      this.output.clear();
      this.training = new Training(this.output, this.client);
      this.training.note("restart", `the worker was restarted: this is its new run, seen since ${clockTime(Date.now() / 1000)}`, { mild: true });
      this.shown.clear();
      this.chosen = null;
      this.chart.whole();
    }
    this.training.reconnect();
    this.training.clock.stands = session.replay;
    document.documentElement.dataset.control = session.may_control ? "yes" : "no";
  }

  // Controls

  /** Why nothing can be sent now, or "". @returns {string} */
  refusal() {
    if (!this.link.isOpen) return this.link.phase === "denied" ? "no access" : "not connected";
    if (this.training.ending || this.training.state === "ended") return "the training has ended";
    if (this.link.session?.replay) return "this is a recording";
    if (!this.link.session?.may_control) return "this link is for watching only";
    return "";
  }

  /** @param {"stop" | "cancel"} order */
  ask(order) {
    this.asking = order;
    const question = QUESTIONS[order];
    write("confirm-title", question.title);
    write("confirm-text", question.text);
    write("confirm-yes", question.yes);
    /** @type {HTMLDialogElement} */ (byId("confirm")).showModal();
  }

  /** @param {"stop" | "cancel"} order */
  order(order) {
    const sent = !this.refusal() && this.link.send(QUESTIONS[order].message);
    const words = sent ? "on its way to the worker" : `not sent: ${this.refusal() || "the connection was lost"}`;
    this.training.answer(`${QUESTIONS[order].name}, by you`, words, this.training.clock.now);
    this.schedule();
  }

  // Painting

  schedule() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.paint();
    }, Math.max(0, this.paintedAt + PAINT_INTERVAL - performance.now()));
  }

  redraw() {
    this.stale = true;
    this.schedule();
  }

  /** @returns {Run | null} the run that is shown */
  get run() {
    return this.training.runs.find((run) => run.number === this.chosen) ?? this.training.run;
  }

  /** @param {number} model */
  choose(model) {
    this.chosen = model === this.training.run?.number ? null : model;
    this.chart.whole();
  }

  paint() {
    this.paintedAt = performance.now();
    const { kind, words, note } = stateOf(this.training, this.link);
    this.paintTitle(kind, words);
    this.announcer.state(kind, words);
    if (document.hidden) return;
    write("state", words);
    byId("state").dataset.kind = kind;
    write("state-note", note);
    show("state-note", note !== "");
    show("retry", !this.link.isOpen && kind !== "connecting");
    this.paintMasthead();
    this.paintControls();
    this.paintProgress();
    paintFacts(this.training, this.run, this.link.isOpen);
    this.paintLists();
    this.output.paint();
    write("output-note", this.output.isEmpty ? "No output yet." : "");
    this.paintChart();
  }

  /** @param {string} kind @param {string} words */
  paintTitle(kind, words) {
    const run = this.training.run;
    const epoch = run?.current ?? null;
    const name = this.training.title || this.link.session?.title || "training";
    const progress = run && epoch ? `epoch ${ofTotal(run, epoch.number, "/")} · loss ${loss(run.batchLoss ?? epoch.training)}` : "";
    const isPlain = kind === "training" || kind === "validating";
    const state = isPlain && progress ? (kind === "validating" ? "validating · " : "") : `${words}${progress ? " · " : ""}`;
    const title = `${state}${progress} – ${name.slice(0, 200)}`;
    if (document.title !== title) document.title = title;
  }

  paintMasthead() {
    const { session, transport, isOpen } = this.link;
    const title = this.training.title || session?.title || "Training";
    write("title", title);
    byId("title").title = title; // a long one is cut
    write("host", session?.host ?? "");
    write("transport", isOpen && transport ? transport.name : this.link.phase === "over" ? "the worker has ended" : this.link.phase === "denied" ? "no access" : this.link.hasBeenOpen ? "reconnecting" : "connecting");
    write("version", session?.version ? `Worker version ${session.version}` : "");
    const address = this.run?.wandb ?? null;
    show("wandb", address !== null);
    if (address !== null && byId("wandb").getAttribute("href") !== address) byId("wandb").setAttribute("href", address);
    if (this.isNew("models", `${this.training.modelCount} ${this.training.runs.length}`)) paintModels(this.training.runs);
    const models = /** @type {HTMLSelectElement} */ (byId("models"));
    const value = String(this.run?.number ?? "");
    if (models.value !== value) models.value = value;
  }

  paintControls() {
    const refusal = this.refusal();
    const cancelling = this.training.state === "cancelling";
    const set = (/** @type {string} */ id, /** @type {boolean} */ disabled) => {
      const button = /** @type {HTMLButtonElement} */ (byId(id));
      if (button.disabled !== disabled) button.disabled = disabled;
    };
    set("stop", refusal !== "" || cancelling);
    set("cancel", refusal !== "");
    const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
    if (refusal && dialog.open && this.link.isOpen) dialog.close(); // there is nothing to confirm any more
    write("control-reason", refusal ? `Not possible: ${refusal}.` : cancelling ? "The trainer is being ended." : "");
  }

  paintProgress() {
    const run = this.run;
    const epoch = run?.current ?? null;
    const known = run !== null && run.ended === null && !this.training.ending && epoch !== null && epoch.ended === null && epoch.highest >= 0;
    show("batch-row", known);
    if (!known) return;
    const bar = /** @type {HTMLProgressElement} */ (byId("batch-progress"));
    if (epoch.expected) {
      bar.max = epoch.batches;
      bar.value = epoch.highest + 1;
      write("batch-text", `batch ${epoch.highest + 1} of ${epoch.batches}`);
    } else {
      bar.removeAttribute("value");
      write("batch-text", `batch ${epoch.highest + 1}`);
    }
  }

  /** Whether what `key` stands for is other than at the last call. @param {string} key @param {unknown} value */
  isNew(key, value) {
    if (this.shown.get(key) === value) return false;
    this.shown.set(key, value);
    return true;
  }

  paintLists() {
    const { training } = this;
    if (this.isNew("notes", training.noteRevision)) paintNotes([...training.notes.values()]);
    if (this.isNew("answers", training.answerCount)) {
      paintAnswers(training.answers);
      this.announceAnswer();
    }
    if (this.isNew("resources", training.resources)) paintResources(training.resources);
    if (this.isNew("ending", training.ending)) paintEnding(training.ending);
    if (this.run && /** @type {HTMLDetailsElement} */ (byId("values")).open) {
      if (this.isNew("values", `${this.run.number} ${this.training.epochCount} ${this.metric}`)) paintValues(this.run, this.metric);
    }
  }

  announceAnswer() {
    const last = this.training.answers[this.training.answers.length - 1];
    const isLive = last && this.link.isOpen && this.training.clock.now - last.time < 15;
    if (isLive) this.announcer.say(last.who ? `${last.who}: ${last.text}` : last.text);
  }

  paintChart() {
    const run = this.run;
    if (this.isNew("metrics", run ? `${run.number} ${run.metrics.size}` : "")) this.paintMetrics(run);
    if (this.shown.get("no-plotly")) return;
    const empty = !run || run.epochs.size === 0;
    byId("chart").classList.toggle("empty", empty);
    const note = this.chart.leavesOut ? "Values of 0 and below are not shown on a log scale." : "";
    write("chart-note", empty ? "The curves begin with the first epoch." : this.chart.plotly ? note : "The plotting library is being loaded.");
    if (empty || !this.chart.plotly || !this.chartSeen) return;
    const drawn = `${run.number} ${run.revision}`;
    if (!this.stale && drawn === this.drawn) return;
    // A slow machine, or one that is reading a long run, draws less often.
    const interval = Math.max(this.inbox.size > 1000 ? 1000 : PAINT_INTERVAL, 4 * this.chart.cost);
    if (!this.stale && performance.now() < this.drawnAt + interval) {
      this.schedule();
      return;
    }
    this.stale = false;
    this.drawn = drawn;
    this.chart.draw(run, { metric: this.metric, log: this.log });
    this.drawnAt = performance.now();
    describeChart(run, this.metric, this.log);
    if (this.chart.leavesOut !== (note !== "")) this.schedule();
  }

  /** @param {Run | null} run */
  paintMetrics(run) {
    const names = run ? [...run.metrics].filter((name) => name !== "train/loss" && name !== "val/loss").sort() : [];
    if (!names.includes(this.metric)) this.metric = "";
    const choices = ["", ...names].map((name) => {
      const option = /** @type {HTMLOptionElement} */ (element("option", "", name || "loss"));
      option.value = name;
      option.selected = name === this.metric;
      return option;
    });
    choices[0].textContent = "loss (training, validation)";
    byId("metric").replaceChildren(...choices);
    this.stale = true;
  }

  /** What has come and how it goes, in numbers. */
  counts() {
    const { training, link } = this;
    return {
      entries: training.entries,
      position: training.position,
      reports: training.reports,
      batches: training.batchCount,
      epochs: training.epochCount,
      models: training.modelCount,
      transport: link.isOpen ? link.transport?.name ?? null : null,
      state: stateOf(training, link).kind,
      connected: link.isOpen,
      reconnects: Math.max(0, link.opens - 1),
      instance: link.session?.instance ?? null,
      waiting: this.inbox.size,
      drawing: this.chart.cost,
      client: this.client,
    };
  }
}

const page = new Page();
// For tests, and for whoever looks with the browser's console.
Object.defineProperty(globalThis, "viewer", {
  value: Object.freeze({
    counts: () => page.counts(),
    send: (/** @type {string} */ message) => page.link.send(message),
    drop: () => page.link.drop(),
  }),
});
page.start();
