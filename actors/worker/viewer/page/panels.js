// @ts-check
// Parts of the page, each written from what it is given.

import { list, number, record, text } from "./values.js";
import { clockTime, duration, gibibytes, loss, plural } from "./words.js";
import { ofTotal } from "./run.js";
import { READ } from "./curves.js";
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
  byId("warnings").replaceChildren(
    ...notes.map((note) => element("li", note.mild ? "note" : "", note.text + note.more)),
  );
}

/** The models to choose from, or the name of the only one. @param {Run[]} runs */
export function paintModels(runs) {
  show("models-row", runs.length > 1);
  write("model", runs.length === 1 ? runs[0].name : "");
  byId("models").replaceChildren(
    ...runs.map((run, i) => {
      const twin = runs.some((other) => other !== run && other.label === run.label);
      const option = /** @type {HTMLOptionElement} */ (
        element(
          "option",
          "",
          `${run.label}${twin ? ` (${run.number})` : ""}${i === runs.length - 1 ? ", current" : ""}`,
        )
      );
      option.value = String(run.number);
      return option;
    }),
  );
}

/** @param {Training} training @param {Run | null} run the one that is shown @param {{isOpen: boolean, session: {replay: boolean} | null}} link */
export function paintFacts(training, run, { isOpen, session }) {
  const isCurrent = run === training.run;
  const began = run?.began ?? training.began;
  const over = isCurrent
    ? (training.endedAt ?? run?.ended ?? null)
    : (run?.ended ?? run?.last?.ended ?? began);
  const now = isOpen ? training.clock.now : training.clock.time;
  writeFact(
    "epoch",
    run?.current ? ofTotal(run, run.current.number) : "–",
    run && run.attempts > 1 ? `attempt ${run.attempts}` : "",
  );
  writeFact(
    "elapsed",
    began === null ? "–" : duration((over ?? now) - began),
    began === null ? "" : `began ${clockTime(began, false)}`,
  );
  const each = run?.perEpoch ?? null;
  const recent = run?.recent.length ?? 0;
  writeFact(
    "per-epoch",
    each === null ? "–" : duration(each),
    recent > 1 ? `mean of the last ${recent}` : "",
  );
  const goesOn = over === null && !session?.replay;
  const left = run && goesOn ? run.left(now) : null;
  const unknown = run && goesOn && run.total === null ? "not known" : "–";
  writeFact(
    "time-left",
    left === null ? unknown : `about ${duration(left)}`,
    left === null ? "" : `until ${clockTime(now + left, false)}, if all epochs run`,
  );
  writeFact(
    "best",
    run?.best ? `epoch ${run.best.number + 1}` : "–",
    run?.best
      ? [
          `validation loss ${loss(run.best.value)}`,
          ...(run.sinceBest ? [`${plural(run.sinceBest, "epoch")}\u00a0ago`] : []),
        ].join(" · ")
      : "",
  );
}

/** @param {Answer[]} answers */
export function paintAnswers(answers) {
  show("answers-row", answers.length > 0);
  byId("answers").replaceChildren(
    ...answers.map((answer) => {
      const item = element("li");
      item.append(element("time", "", clockTime(answer.time)));
      if (answer.who) item.append(element("span", "who", `${answer.who}: `));
      item.append(answer.text);
      return item;
    }),
  );
  byId("answers").scrollTop = byId("answers").scrollHeight;
}

/** @param {Report | null} use */
export function paintResources(use) {
  show("resources-card", use !== null);
  if (!use) return;
  const rows = /** @type {HTMLElement[]} */ ([]);
  const row = (
    /** @type {string} */ name,
    /** @type {string} */ words,
    /** @type {number | null} */ share,
  ) => {
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
  const memory = (/** @type {Report} */ of) => ({
    used: number(of.memory),
    total: number(of.memory_total),
  });
  const amount = (/** @type {{used: number | null, total: number | null}} */ m) =>
    m.used === null
      ? ""
      : `${gibibytes(m.used)}${m.total ? ` of ${gibibytes(m.total)}` : ""} GiB`.replaceAll(
          " ",
          "\u00a0",
        );
  const percent = number(use.percent);
  const cores = number(use.cores);
  if (percent !== null)
    row(
      "CPU",
      `${(percent / 100).toFixed(1)}${cores ? ` of ${plural(cores, "core")}` : " cores"}`.replaceAll(
        " ",
        "\u00a0",
      ),
      cores ? percent / 100 / cores : null,
    );
  const main = memory(use);
  if (main.used !== null) row("Memory", amount(main), main.total ? main.used / main.total : null);
  for (const item of list(use.gpus).slice(0, 16).map(record)) {
    const own = memory(item);
    row(
      text(item.name).slice(0, 100) || "GPU",
      [number(item.percent) === null ? "" : `${number(item.percent)}\u00a0%`, amount(own)]
        .filter(Boolean)
        .join(" · "),
      own.used !== null && own.total ? own.used / own.total : null,
    );
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
  const row = (/** @type {string} */ name, /** @type {(string | Node)[]} */ ...values) =>
    rows.push(
      element("dt", "", name),
      ...values.map((value) => {
        const place = element("dd");
        place.append(value);
        return place;
      }),
    );
  if (text(ending.cause)) row("Cause", element("span", "strong", text(ending.cause)));
  if (text(ending.advice)) row("Advice", element("span", "strong", text(ending.advice)));
  // What the sentence above says already is not said again.
  const told = text(ending.text);
  if (number(ending.exit_code) !== null && !told.includes(`exit code ${ending.exit_code}`))
    row("Exit code", String(ending.exit_code));
  if (text(ending.signal) && !told.includes(text(ending.signal)))
    row("Ended by", text(ending.signal));
  row(
    "End of training",
    ending.train_end ? "reported by the trainer" : "not reported by the trainer",
  );
  const files = list(ending.checkpoints).map(text);
  row(
    "Checkpoints",
    ...(files.length
      ? files.slice(0, 50).map((file) => element("code", "", file))
      : ["none known"]),
  );
  byId("report-facts").replaceChildren(...rows);
  const lines = list(ending.last_lines).map(text).slice(-100);
  show("report-lines", lines.length > 0);
  byId("report-output").replaceChildren(...lines.map(lineElement));
  byId("report-output").scrollTop = byId("report-output").scrollHeight;
}

/** @param {Run} run @param {string[]} names of the metrics beside the two losses */
export function paintValues(run, names) {
  const heads = ["Epoch", "Training loss", "Validation loss", ...names, "Duration"];
  byId("values-heads").replaceChildren(...heads.map((head) => headCell(head)));
  const ended = run.endedEpochs.slice(-ROWS_SHOWN).reverse();
  byId("values-rows").replaceChildren(
    ...ended.map(({ number, duration: took, read }) => {
      const isBest = number === run.best?.number;
      const row = element("tr", isBest ? "is-best" : "");
      const cells = [
        `${number + 1}${isBest ? " (best)" : ""}${read ? `, ${READ}` : ""}`,
        loss(run.training(number)),
        loss(run.validation(number)),
        ...names.map((name) => loss(run.value(name, number))),
        took === null ? "–" : duration(took),
      ];
      row.append(...cells.map((cell) => element("td", "", cell)));
      return row;
    }),
  );
}

/** @param {string} words @param {"col" | "row"} [scope] */
function headCell(words, scope = "col") {
  const cell = element("th", "", words);
  cell.setAttribute("scope", scope);
  return cell;
}

/** Lists and matrices of numbers, in their last state. @param {Run} run */
export function paintTables(run) {
  byId("tables-place").replaceChildren(
    ...[...run.tables].map(([name, { number, rows }]) =>
      heatTable(`${name}, epoch ${number + 1}`, rows),
    ),
  );
}

/** The darker a cell, the higher its value. @param {string} caption @param {number[][]} rows */
function heatTable(caption, rows) {
  const values = rows.flat().filter(Number.isFinite);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const table = element("table", "heat");
  const head = element("tr");
  const isList = rows.length === 1;
  head.append(
    ...(isList ? [] : [element("td")]),
    ...rows[0].map((_, i) => headCell(String(i + 1))),
  );
  const body = rows.map((row, i) => {
    const line = element("tr");
    if (!isList) line.append(headCell(String(i + 1), "row"));
    line.append(
      ...row.map((value) => {
        const cell = element("td", "", shortly(value));
        const share = high > low ? (value - low) / (high - low) : 0;
        if (Number.isFinite(value)) cell.style.setProperty("--share", `${Math.round(share * 45)}%`);
        return cell;
      }),
    );
    return line;
  });
  table.append(element("caption", "", caption), head, ...body);
  return table;
}

/** @param {number} value */
const shortly = (value) =>
  Number.isInteger(value) && Math.abs(value) < 1e6
    ? String(value)
    : Number.isFinite(value)
      ? String(Number(value.toPrecision(3)))
      : "–";
