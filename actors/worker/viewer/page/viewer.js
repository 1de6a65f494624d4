// @ts-check
/**
 * The page that shows a training live and can stop it.
 *
 * Texts come from a transport into the Inbox, which hands them to the Training record a few
 * milliseconds at a time. The record only learns; it draws nothing. The Page reads the record, at
 * most four times a second, and writes what has changed: all of it at once, so that all parts show
 * the same moment. Whatever comes from the trainer goes into the document as text, never as markup.
 */

import { loss, clockTime } from "./words.js";
import { ofTotal } from "./run.js";
import { record } from "./values.js";
import { Training } from "./training.js";
import { controlsOf, isOver, noCurves, noOutput, refusalOf, stateOf } from "./state.js";
import { Charts } from "./charts.js";
import { readColours } from "./chart.js";
import { Notices } from "./notices.js";
import { Output } from "./output.js";
import { Inbox } from "./inbox.js";
import { Link } from "./link.js";
import { byId, write, writeNote, show } from "./document.js";
import {
  paintAnswers,
  paintEnding,
  paintFacts,
  paintModels,
  paintNotes,
  paintResources,
  paintTables,
  paintValues,
} from "./panels.js";
import { csvOf, fileName, pictureOf, save } from "./take.js";
import { QUESTIONS } from "./orders.js";
/** @typedef {import("./transports.js").Session} Session */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./values.js").Report} Report */

const PAINT_INTERVAL = 250; // milliseconds
const PAINT_FACTOR = 5; // times what a painting costs: a slow machine paints less often
const HIDDEN_INTERVAL = 1000; // milliseconds

/** A browser has randomUUID in secure contexts only. */
function newClientId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** How the page is connected, in a word or two. @param {Link} link */
function connectionOf({ isOpen, transport, phase, session, hasBeenOpen }) {
  if (isOpen && transport) return transport.name;
  if (phase === "over")
    return session?.instance === "" ? "kept in this file" : "the worker has ended";
  if (phase === "denied") return "no access";
  return hasBeenOpen ? "reconnecting" : "connecting";
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
    this.inbox = new Inbox(
      (message) => this.training.take(message),
      () => this.schedule(),
    );
    this.link = new Link({
      client: this.client,
      forced: new URLSearchParams(location.search).get("transport"),
      inbox: this.inbox,
      position: () => this.training.position,
      hasEnded: () => this.training.ending !== null,
      onSession: (session, restarted) => this.onSession(session, restarted),
      onDigest: (digest) => this.onDigest(digest),
      onChange: () => this.schedule(),
    });
    this.charts = new Charts(() => this.schedule());
    this.announcer = new Announcer();
    this.notices = new Notices();
    this.timer = /** @type {ReturnType<typeof setTimeout> | null} */ (null);
    this.paintedAt = 0;
    this.cost = 0; // milliseconds of the last painting
    this.chosen = /** @type {number | null} */ (null); // number of an earlier model; null: the current
    this.asking = /** @type {"stop" | "cancel"} */ ("stop");
    this.shown = /** @type {Map<string, unknown>} */ (new Map());
  }

  start() {
    this.listen();
    const kept = document.getElementById("kept-run");
    if (kept) {
      this.showKept(record(JSON.parse(kept.textContent ?? "")));
      return;
    }
    setInterval(() => this.schedule(), 1000);
    void this.link.run();
    this.paint();
  }

  listen() {
    const models = /** @type {HTMLSelectElement} */ (byId("models"));
    models.addEventListener("change", () => this.choose(Number(models.value)));
    for (const id of ["values", "tables"])
      byId(id).addEventListener("toggle", () => this.schedule());
    byId("save-values").addEventListener("click", () => this.saveValues());
    byId("save-picture").addEventListener("click", () => this.savePicture());
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
      this.schedule();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      this.charts.restyle(),
    );
  }

  /** @param {Session} session @param {boolean} restarted */
  onSession(session, restarted) {
    if (restarted) {
      this.begin();
      this.chosen = null;
      this.training.note(
        "restart",
        `the worker was restarted: this is its new run, seen since ${clockTime(Date.now() / 1000)}`,
        { mild: true },
      );
    }
    this.meet(session);
    document.documentElement.dataset.control = session.may_control ? "yes" : "no";
    this.charts.compare.meet(session.wire, session.may_compare === true);
    this.charts.details.meet(session.instance);
  }

  /** The record learns what it needs of the worker. @param {Session} session */
  meet(session) {
    this.training.wire = session.wire;
    this.training.clock.stands = session.replay;
    this.training.reconnect(session.time);
  }

  /** Know nothing of the run. */
  begin() {
    this.output.clear();
    this.training = new Training(this.output, this.client);
    this.charts.stale = true;
    this.shown.clear();
  }

  /** The run so far. @param {Record<string, unknown>} digest */
  onDigest(digest) {
    if (this.training.position > 0) this.begin();
    const { session } = this.link;
    if (session) this.meet(session);
    this.training.recall(digest);
    this.link.loaded = null;
    this.paint();
  }

  // What can be taken away

  get title() {
    return this.training.title || this.link.session?.title || "training";
  }

  saveValues() {
    const content = new Blob([csvOf(this.training.runs)], { type: "text/csv" });
    save(content, fileName(this.title, "csv"));
  }

  savePicture() {
    const { fontFamily } = getComputedStyle(document.body);
    const look = { title: this.title, colours: readColours(), font: fontFamily };
    const picture = pictureOf(this.charts.drawings, look);
    picture.toBlob((content) => content && save(content, fileName(this.title, "png")));
  }

  /** The run in the file that this page is: there is no worker. @param {Report} kept */
  showKept(kept) {
    const session = /** @type {Session} */ (/** @type {unknown} */ (record(kept.session)));
    this.link.session = session;
    this.link.phase = "over";
    this.onSession(session, false);
    this.onDigest(record(kept.digest));
  }

  // Controls

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
    const refusal = refusalOf(this.training, this.link);
    const { session } = this.link;
    const sent = !refusal && session !== null && this.link.send(session.wire[order]);
    const words = sent
      ? "on its way to the worker"
      : `not sent: ${refusal || "the connection was lost"}`;
    this.answer(order, words);
    this.schedule();
  }

  /** The outcome of an order, as far as the worker does not say it. @param {"stop" | "cancel"} order @param {string} words */
  answer(order, words) {
    this.training.answer(`${QUESTIONS[order].name}, by you`, words, this.training.clock.now);
  }

  // Painting

  schedule() {
    const interval = Math.max(PAINT_INTERVAL, PAINT_FACTOR * this.cost);
    // In a hidden tab timers are slow, up to a minute.
    if (document.hidden && performance.now() > this.paintedAt + HIDDEN_INTERVAL) this.paint();
    this.timer ??= setTimeout(
      () => {
        this.timer = null;
        this.paint();
      },
      Math.max(0, this.paintedAt + interval - performance.now()),
    );
  }

  /** @returns {Run | null} the run that is shown */
  get run() {
    return this.training.runs.find((run) => run.number === this.chosen) ?? this.training.run;
  }

  /** @param {number} model */
  choose(model) {
    this.chosen = model === this.training.run?.number ? null : model;
    this.schedule();
  }

  paint() {
    this.paintedAt = performance.now();
    const { training, link } = this;
    const state = stateOf(training, link);
    const { kind, words, note } = state;
    const isReplay = link.session?.replay ?? false;
    this.announcer.state(kind, words);
    this.notices.title(this.tabTitle(kind, words));
    this.notices.icon(kind);
    if (!isReplay) this.notices.tell(training, state, training.title);
    if (document.hidden) return;
    this.notices.ask(link.isOpen && !isReplay && !isOver(training));
    write("state", words);
    byId("state").dataset.kind = kind;
    writeNote("state-note", note);
    show("retry", kind === "lost");
    this.paintMasthead();
    this.paintControls();
    this.paintProgress();
    paintFacts(training, this.run, link);
    this.paintLists();
    this.output.paint();
    write("output-note", this.output.isEmpty ? noOutput(training, link) : "");
    this.paintCharts();
    this.cost = performance.now() - this.paintedAt;
  }

  /** The tab's title: the state first, which is all that a narrow tab shows. @param {string} kind @param {string} words */
  tabTitle(kind, words) {
    const run = this.training.run;
    const epoch = run?.current ?? null;
    const name = this.title;
    const progress =
      run && epoch
        ? `epoch ${ofTotal(run, epoch.number, "/")} · loss ${loss(run.batchLoss ?? run.training(epoch.number))}`
        : "";
    const isPlain = kind === "training" || kind === "validating";
    const state =
      isPlain && progress
        ? kind === "validating"
          ? "validating · "
          : ""
        : `${words}${progress ? " · " : ""}`;
    return `${state}${progress} – ${name.slice(0, 200)}`;
  }

  paintMasthead() {
    const { session } = this.link;
    const title = this.training.title || session?.title || "Training";
    write("title", title);
    byId("title").title = title; // a long one is cut
    write("host", session?.host ?? "");
    write("transport", connectionOf(this.link));
    write("version", session?.version ? `Worker version ${session.version}` : "");
    const address =
      this.run?.wandb ?? this.training.runs.findLast((run) => run.wandb)?.wandb ?? null;
    show("wandb", address !== null);
    if (address !== null && byId("wandb").getAttribute("href") !== address)
      byId("wandb").setAttribute("href", address);
    if (this.isNew("models", this.training.runs.map((run) => run.label).join()))
      paintModels(this.training.runs);
    const models = /** @type {HTMLSelectElement} */ (byId("models"));
    const value = String(this.run?.number ?? "");
    if (models.value !== value) models.value = value;
  }

  paintControls() {
    const { shown, stop, cancel, reason } = controlsOf(this.training, this.link);
    const enable = (/** @type {string} */ id, /** @type {boolean} */ enabled) => {
      const button = /** @type {HTMLButtonElement} */ (byId(id));
      if (button.disabled === enabled) button.disabled = !enabled;
      button.hidden = !shown;
    };
    enable("stop", stop);
    enable("cancel", cancel);
    write("control-reason", reason);
    const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
    if (!dialog.open || !isOver(this.training)) return;
    dialog.close();
    this.answer(this.asking, "not sent: the training has ended meanwhile");
  }

  paintProgress() {
    const run = this.run;
    const epoch = run?.current ?? null;
    const known =
      run !== null &&
      run.ended === null &&
      !this.training.ending &&
      epoch !== null &&
      epoch.ended === null &&
      epoch.highest >= 0;
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
    const { run } = this;
    if (!run) return;
    const isOpen = (/** @type {string} */ id) => /** @type {HTMLDetailsElement} */ (byId(id)).open;
    const { names } = this.charts;
    if (
      isOpen("values") &&
      this.isNew("values", `${run.number} ${training.epochCount} ${names.join()}`)
    )
      paintValues(run, names);
    show("tables", run.tables.size > 0);
    if (isOpen("tables") && this.isNew("tables", `${run.number} ${training.epochCount}`))
      paintTables(run);
  }

  announceAnswer() {
    const last = this.training.answers[this.training.answers.length - 1];
    const isLive = last && this.link.isOpen && this.training.clock.now - last.time < 15;
    if (isLive) this.announcer.say(last.who ? `${last.who}: ${last.text}` : last.text);
  }

  paintCharts() {
    const { run } = this;
    const words = noCurves(this.training, this.link);
    write("chart-note", words);
    show("curves", words === "");
    show("tools", words === "");
    const isNobodys = this.link.phase === "denied" && this.training.position === 0;
    for (const id of ["facts", "columns"]) show(id, !isNobodys);
    if (run && !words) this.charts.paint(run, this.isNew("run", run.number));
  }

  /** What has come and how it goes, in numbers. */
  counts() {
    const { training, link } = this;
    return {
      entries: training.entries,
      position: training.position,
      reports: training.reports,
      batches: training.batchCount,
      losses: this.run?.batches.added ?? 0, // of batches of the model that is shown
      epochs: training.epochCount,
      models: training.modelCount,
      transport: link.isOpen ? (link.transport?.name ?? null) : null,
      state: stateOf(training, link).kind,
      connected: link.isOpen,
      reconnects: Math.max(0, link.opens - 1),
      instance: link.session?.instance ?? null,
      waiting: this.inbox.size,
      drawing: this.charts.cost,
      ...this.charts.counts,
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
