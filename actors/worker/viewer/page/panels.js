// @ts-check
// Parts of the page, each written from what it is given.

import { list, number, record, text } from "./values.js";
import { clockTime, duration, gibibytes, loss, plural } from "./words.js";
import { ofTotal } from "./run.js";
import { lineElement } from "./output.js";
import { byId, element, show, write, writeFact } from "./document.js";
/** @typedef {import("./values.js").Report} Report */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./training.js").Training} Training */
/** @typedef {import("./training.js").Answer} Answer */
/** @typedef {import("./training.js").Note} Note */

const ROWS_SHOWN = 200;

/** @param {Note[]} notes */
export function paintNotes(notes) {
  show("warnings-card", notes.length > 0);
  const warnings = notes.filter((note) => !note.mild).length;
  show("warnings-link", warnings > 0);
  write("warnings-link", plural(warnings, "warning"));
  byId("warnings").replaceChildren(...notes.map((note) => element("li", note.mild ? "note" : "", note.text + note.more)));
}

/** The models to choose from. @param {Run[]} runs */
export function paintModels(runs) {
  show("models-row", runs.length > 1);
  byId("models").replaceChildren(...runs.map((run, i) => {
    const option = /** @type {HTMLOptionElement} */ (element("option", "", `model ${run.number}${i === runs.length - 1 ? " (current)" : ""}`));
    option.value = String(run.number);
    return option;
  }));
}

/** @param {Training} training @param {Run | null} run the one that is shown @param {boolean} isOpen */
export function paintFacts(training, run, isOpen) {
  if (!run) {
    for (const id of ["epoch", "elapsed", "per-epoch", "time-left", "best"]) writeFact(id, "–");
    return;
  }
  const isCurrent = run === training.run;
  const over = run.ended ?? (isCurrent ? training.endedAt : run.done?.ended ?? run.began);
  const now = isOpen ? training.clock.now : training.clock.time;
  writeFact("epoch", run.current ? ofTotal(run, run.current.number) : "–");
  writeFact("elapsed", duration((over ?? now) - run.began), `began ${clockTime(run.began, false)}`);
  writeFact("per-epoch", run.perEpoch === null ? "–" : duration(run.perEpoch), run.durations.length > 1 ? `mean of the last ${run.durations.length}` : "");
  const left = over === null ? run.left(now) : null;
  const unknown = over !== null ? "–" : run.total === null ? "not known" : "–";
  writeFact("time-left", left === null ? unknown : `about ${duration(left)}`, left === null ? "" : `until ${clockTime(now + left, false)}, if all epochs run`);
  writeFact("best", run.best ? `epoch ${run.best.number + 1}` : "–", run.best ? `validation loss ${loss(run.best.value)}` : "");
}

/** @param {Answer[]} answers */
export function paintAnswers(answers) {
  show("answers-row", answers.length > 0);
  byId("answers").replaceChildren(...answers.map((answer) => {
    const item = element("li");
    item.append(element("time", "", clockTime(answer.time)));
    if (answer.who) item.append(element("span", "who", `${answer.who}: `));
    item.append(answer.text);
    return item;
  }));
  byId("answers").scrollTop = byId("answers").scrollHeight;
}

/** @param {Report | null} use */
export function paintResources(use) {
  show("resources-card", use !== null);
  if (!use) return;
  const rows = /** @type {HTMLElement[]} */ ([]);
  const row = (/** @type {string} */ name, /** @type {string} */ words, /** @type {number | null} */ share) => {
    const place = element("div");
    place.append(element("dt", "", name), element("dd", "", words));
    if (share !== null && Number.isFinite(share)) {
      const bar = /** @type {HTMLProgressElement} */ (element("progress"));
      bar.value = Math.min(1, Math.max(0, share));
      bar.setAttribute("aria-hidden", "true");
      place.append(bar);
    }
    rows.push(place);
  };
  const memory = (/** @type {Report} */ of) => ({ used: number(of.memory), total: number(of.memory_total) });
  const amount = (/** @type {{used: number | null, total: number | null}} */ m) => (m.used === null ? "" : `${gibibytes(m.used)}${m.total ? ` of ${gibibytes(m.total)}` : ""} GiB`);
  const percent = number(use.percent);
  const cores = number(use.cores);
  if (percent !== null) row("CPU", `${(percent / 100).toFixed(1)}${cores ? ` of ${plural(cores, "core")}` : " cores"}`, cores ? percent / 100 / cores : null);
  const main = memory(use);
  if (main.used !== null) row("Memory", amount(main), main.total ? main.used / main.total : null);
  for (const item of list(use.gpus).slice(0, 16).map(record)) {
    const own = memory(item);
    row(text(item.name).slice(0, 100) || "GPU", [number(item.percent) === null ? "" : `${number(item.percent)} %`, amount(own)].filter(Boolean).join(" · "), own.used !== null && own.total ? own.used / own.total : null);
  }
  byId("resources").replaceChildren(...rows);
}

/** @param {Report | null} ending */
export function paintEnding(ending) {
  show("report", ending !== null);
  if (!ending) return;
  byId("report").dataset.outcome = text(ending.outcome);
  write("report-text", text(ending.text));
  const rows = /** @type {HTMLElement[]} */ ([]);
  const row = (/** @type {string} */ name, /** @type {(string | Node)[]} */ ...values) => rows.push(element("dt", "", name), ...values.map((value) => {
    const place = element("dd");
    place.append(value);
    return place;
  }));
  if (text(ending.cause)) row("Cause", element("span", "strong", text(ending.cause)));
  if (text(ending.advice)) row("Advice", element("span", "strong", text(ending.advice)));
  if (number(ending.exit_code) !== null) row("Exit code", String(ending.exit_code));
  if (text(ending.signal)) row("Ended by", text(ending.signal));
  row("End of training", ending.train_end ? "reported by the trainer" : "not reported by the trainer");
  const files = list(ending.checkpoints).map(text);
  row("Checkpoints", ...(files.length ? files.slice(0, 50).map((file) => element("code", "", file)) : ["none known"]));
  byId("report-facts").replaceChildren(...rows);
  const lines = list(ending.last_lines).map(text).slice(-100);
  show("report-lines", lines.length > 0);
  byId("report-output").replaceChildren(...lines.map(lineElement));
  byId("report-output").scrollTop = byId("report-output").scrollHeight;
}

/** @param {Run} run @param {string} metric */
export function paintValues(run, metric) {
  write("values-metric", metric);
  show("values-metric", metric !== "");
  const epochs = [...run.epochs.values()].filter((epoch) => epoch.ended !== null).sort((a, b) => b.number - a.number).slice(0, ROWS_SHOWN);
  byId("values-rows").replaceChildren(...epochs.map((epoch) => {
    const row = element("tr", epoch.number === run.best?.number ? "is-best" : "");
    const cells = [`${epoch.number + 1}${epoch.number === run.best?.number ? " (best)" : ""}`, loss(epoch.training), loss(epoch.validation), ...(metric ? [loss(epoch.values.get(metric))] : []), duration((epoch.ended ?? 0) - epoch.began)];
    row.append(...cells.map((cell) => element("td", "", cell)));
    return row;
  }));
}

/** The chart in words. @param {Run} run @param {string} metric @param {boolean} log */
export function describeChart(run, metric, log) {
  const subject = metric || "training and validation loss";
  const last = run.done;
  const now = last ? `After ${plural(last.number + 1, "epoch")}: training loss ${loss(last.training)}, validation loss ${loss(last.validation)}.` : "No epoch has ended yet.";
  const best = run.best ? ` Lowest validation loss ${loss(run.best.value)} in epoch ${run.best.number + 1}.` : "";
  const words = `Chart of ${subject} against epoch${log ? ", logarithmic" : ""}. ${now}${best}`;
  if (byId("chart").getAttribute("aria-label") !== words) byId("chart").setAttribute("aria-label", words);
}
