// @ts-check
// The charts of the run that is shown: one for each chosen group of metrics, the loss first.

import { Chart, View, readColours } from "./chart.js";
import { Compare } from "./compare.js";
import { Details } from "./details.js";
import { requestJson } from "./transports.js";
import { Curves, LOSS, groups, isLoss } from "./curves.js";
import {
  byId,
  element,
  remember,
  remembered,
  rememberedNames,
  write,
  writeNote,
} from "./document.js";
import { checkbox, listenToMenu, searchOf } from "./menu.js";
import { counterpart } from "./others.js";
import { besideLosses } from "./run.js";
import { loss, plural } from "./words.js";
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./curves.js").Picture} Picture */
/** @typedef {import("./details.js").Detail} Detail */

const CHARTS_SHOWN = 12;
const CHOICES_LISTED = 100;

/** A chart with its legend, and how it is scaled. */
class Panel {
  /** @param {string} group @param {View} view @param {() => void} onChange */
  constructor(group, view, onChange) {
    this.group = group;
    this.log = isLoss(group) && remembered("log-scale") !== "no";
    this.figure = element("figure", group === LOSS ? "panel first" : "panel");
    this.legend = element("span", "legend");
    const input = checkbox(this.log, (checked) => {
      this.log = checked;
      if (isLoss(group)) remember("log-scale", this.log ? "yes" : "no");
      onChange();
    });
    if (group === LOSS) input.id = "log-scale";
    const label = element("label", "field");
    label.append(input, group === LOSS ? "Log scale" : "Log");
    this.caption = element("figcaption");
    this.caption.append(element("span", "group", group), this.legend, label);
    this.place = element("div", "plot");
    if (group === LOSS) this.place.id = "chart";
    this.place.setAttribute("role", "img");
    this.place.setAttribute("aria-label", `Chart of ${group}`);
    this.note = element("p", "quiet");
    this.figure.append(this.caption, this.place, this.note);
    this.chart = new Chart(this.place, view);
    this.drawn = /** @type {{name: string, points: number}[]} */ ([]);
  }

  /** @param {Run} run @param {Picture} picture @param {string} words to be said of it */
  draw(run, picture, words) {
    this.chart.draw(picture, this.log);
    this.drawn = this.chart.drawn.map(({ series, indices }) => ({
      name: series.name,
      points: indices.filter((i) => Number.isFinite(series.y(i))).length,
    }));
    const shown = this.chart.drawn.filter((_, i) => this.drawn[i].points > 0);
    const keys = shown.map(({ series: { colour, style, mark, name, faint }, marked }) => [
      `key ${colour} ${style} ${mark} ${marked ? "marked" : ""} ${faint ? "faint" : ""}`,
      name,
    ]);
    if (this.legend.dataset.shown !== keys.join()) {
      this.legend.dataset.shown = keys.join();
      this.legend.replaceChildren(...keys.map(([classes, name]) => keyOf(classes, name)));
    }
    const left = this.chart.leavesOut ? "Values of 0 and below are not shown on a log scale." : "";
    const note = [words, left].filter(Boolean).join(" ");
    if (this.note.textContent !== note) this.note.textContent = note;
    const label = describe(run, this.group, this.log, picture);
    if (this.place.getAttribute("aria-label") !== label)
      this.place.setAttribute("aria-label", label);
  }
}

/** All charts, and the menu in which they are chosen. */
export class Charts {
  /** @param {() => void} onChange something is to be drawn */
  constructor(onChange) {
    this.onChange = () => {
      this.stale = true;
      onChange();
    };
    this.view = new View(this.onChange);
    this.curves = new Curves();
    this.compare = new Compare(this.onChange);
    this.details = new Details(askFor, this.onChange);
    this.detail = /** @type {Detail | null} */ (null); // what is shown of them
    this.panels = /** @type {Map<string, Panel>} */ (new Map());
    this.chosen = new Set(rememberedNames("metrics"));
    this.smoothing = Number(remembered("smoothing")) || 0;
    this.known = /** @type {Map<string, string[]>} */ (new Map());
    this.metricCount = 0;
    this.stale = true; // they have to be drawn, whatever they show
    this.drawn = "";
    this.cost = 0; // milliseconds of the last drawing
    this.listen();
  }

  listen() {
    for (const [id, action] of /** @type {[string, () => void][]} */ ([
      ["zoom-in", () => this.view.zoom(0.5)],
      ["zoom-out", () => this.view.zoom(2)],
      ["pan-left", () => this.view.pan(-0.5)],
      ["pan-right", () => this.view.pan(0.5)],
      ["whole", () => this.view.show(null)],
    ]))
      byId(id).addEventListener("click", action);
    const slider = /** @type {HTMLInputElement} */ (byId("smoothing"));
    slider.value = String(this.smoothing);
    slider.addEventListener("input", () => {
      this.smoothing = Number(slider.value);
      remember("smoothing", slider.value);
      this.onChange();
    });
    byId("metrics-search").addEventListener("input", () => this.paintChoices());
    listenToMenu("metrics", () => this.paintChoices());
    new ResizeObserver(() => this.onChange()).observe(byId("charts"));
  }

  restyle() {
    const colours = readColours();
    for (const panel of this.panels.values()) panel.chart.colours = colours;
    this.onChange();
  }

  /** The metrics that are drawn beside the training's and the validation's loss. */
  get names() {
    return besideLosses([...this.panels.keys()].flatMap((group) => this.known.get(group) ?? []));
  }

  /** How many curves there are with something in them, and of how many points. */
  get counts() {
    const all = [...this.panels.values()]
      .flatMap((panel) => panel.drawn)
      .filter(({ points }) => points > 0);
    return {
      charts: this.panels.size,
      compared: this.compare.others.length,
      detailed: this.detail?.count ?? 0,
      curves: all.length,
      points: all.reduce((sum, { points }) => sum + points, 0),
    };
  }

  /** What is drawn, for a picture of it. */
  get drawings() {
    return [...this.panels.values()].map(({ group, chart }) => ({
      canvas: chart.canvas,
      title: group,
      keys: chart.drawn.map(({ series: { name, colour } }) => ({ name, colour })),
    }));
  }

  /** @param {Run} run @param {boolean} isNew another run than before */
  paint(run, isNew) {
    const key = `${run.number} ${run.revision}`;
    if (!this.stale && !isNew && key === this.drawn) return;
    const began = performance.now();
    if (isNew) this.view.x = null;
    if (isNew || this.metricCount !== run.metrics.size) {
      this.metricCount = run.metrics.size;
      this.known = groups(run);
      this.arrange();
      this.paintChoices();
    }
    this.stale = false;
    this.drawn = key;
    this.detail = this.details.look(run, this.view.x);
    for (const panel of this.panels.values()) {
      const picture = this.curves.picture(
        run,
        panel.group,
        this.known.get(panel.group) ?? [],
        this.smoothing,
        this.compare.others,
        this.detail,
      );
      this.view.whole = [picture.start, picture.end];
      panel.draw(run, picture, panel.group === LOSS ? this.details.note : "");
    }
    const absent = this.compare.others.filter(({ runs }) => !counterpart(run, runs)).length;
    writeNote("compare-absent", absent ? notDrawn(absent) : "");
    const { value } = /** @type {HTMLInputElement} */ (byId("smoothing"));
    write("smoothing-value", Number(value) > 0 ? value : "off");
    for (const id of ["pan-left", "pan-right", "whole"])
      /** @type {HTMLButtonElement} */ (byId(id)).disabled = this.view.x === null;
    this.cost = performance.now() - began;
  }

  /** The panels of what is chosen, in the order of the list. */
  arrange() {
    const wanted = [...this.known.keys()]
      .filter((group) => group === LOSS || this.chosen.has(group))
      .slice(0, CHARTS_SHOWN);
    const made = this.panels;
    this.panels = new Map(
      wanted.map((group) => [group, made.get(group) ?? new Panel(group, this.view, this.onChange)]),
    );
    const figures = [...this.panels.values()].map((panel) => panel.figure);
    const place = byId("charts");
    if (
      figures.length !== place.childElementCount ||
      figures.some((figure, i) => place.children[i] !== figure)
    )
      place.replaceChildren(...figures);
    this.limit();
  }

  paintChoices() {
    const isFound = searchOf("metrics-search");
    const all = [...this.known].filter(([group]) => group !== LOSS);
    const found = all.filter(([group, names]) => isFound(group, ...names));
    // What is chosen stays in sight.
    const listed = found
      .sort(
        ([a], [b]) => Number(this.chosen.has(b)) - Number(this.chosen.has(a)) || a.localeCompare(b),
      )
      .slice(0, CHOICES_LISTED);
    byId("metrics-list").replaceChildren(
      ...listed.map(([group, names]) => this.choice(group, names)),
    );
    const more = found.length - listed.length;
    const note =
      all.length === 0
        ? "The trainer has reported no other metrics yet."
        : found.length === 0
          ? "Nothing matches the search."
          : more > 0
            ? `${plural(more, "more metric")}: search for them.`
            : "";
    writeNote("metrics-note", note);
    this.limit();
  }

  /** No more can be chosen than there is room for. */
  limit() {
    const isFull = this.panels.size >= CHARTS_SHOWN;
    for (const box of byId("metrics-list").querySelectorAll("input"))
      box.disabled = isFull && !box.checked;
    write("metrics-count", this.panels.size > 1 ? `(${this.panels.size})` : "");
  }

  /** @param {string} group @param {string[]} names */
  choice(group, names) {
    const label = element("label", "field");
    const box = checkbox(this.chosen.has(group), (checked) => {
      if (checked) this.chosen.add(group);
      else this.chosen.delete(group);
      remember("metrics", JSON.stringify([...this.chosen].slice(-50)));
      this.arrange();
      this.onChange();
    });
    box.value = group;
    label.append(
      box,
      element("span", "", group),
      ...(names.length > 1 ? [element("small", "quiet", plural(names.length, "curve"))] : []),
    );
    return label;
  }
}

/** @param {string} classes @param {string} name */
function keyOf(classes, name) {
  const key = element("span", classes, name);
  key.title = name; // a long one is cut
  return key;
}

/** @param {number} count of runs that are chosen */
const notDrawn = (count) =>
  count === 1
    ? "1 run is not drawn: it has no model like this one."
    : `${count} runs are not drawn: they have no model like this one.`;

/** More of the batch losses, of the worker. @param {import("./details.js").Question} question @param {string} instance */
function askFor({ model, from, to }, instance) {
  // Not in a query: some proxies lose it.
  return requestJson(`batches/${instance}/${model}/${from.join("-")}/${to.join("-")}`);
}

/** The chart in words. @param {Run} run @param {string} group @param {boolean} log @param {Picture} picture */
function describe(run, group, log, { series }) {
  const { last, best } = run;
  const curves = series.filter(
    ({ style, name, to, faint }) =>
      style === "line" && to > 0 && !faint && name !== "batches, smoothed",
  );
  const now = last
    ? `After epoch ${last.number + 1}: ${curves.map(({ name, y, to }) => `${name} ${loss(y(to - 1))}`).join(", ")}.`
    : "No epoch has ended yet.";
  const lowest =
    best && group === LOSS
      ? ` Lowest validation loss ${loss(best.value)} in epoch ${best.number + 1}.`
      : "";
  const behind = new Set(series.filter(({ faint }) => faint).map(({ colour }) => colour)).size;
  const compared = behind ? ` Behind it ${plural(behind, "earlier run")}.` : "";
  return `Chart of ${group} against epoch${log ? ", logarithmic" : ""}. ${now}${lowest}${compared}`;
}
