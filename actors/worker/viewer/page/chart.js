// @ts-check
// The curves of one run.

import { list } from "./values.js";
import { BATCHES_KEPT } from "./run.js";
/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./run.js").Epoch} Epoch */

/** @typedef {[number, number]} Range */

const POINTS_DRAWN = 1000; // each is an element of the document

/**
 * About `most` of the indices from `from` to `to` whose points lie between `left` and `right`; gaps
 * are left out. The lowest and the highest point of each stretch of x are kept, so that no peak is
 * lost, and an even sample of all, so that a cloud is not drawn as two edges. The sample is of
 * round indices: points do not flicker while others come.
 * @param {(i: number) => number} x
 * @param {(i: number) => number} y
 * @param {{from: number, to: number, left: number, right: number, most: number}} range
 * @returns {number[]}
 */
export function thin(x, y, { from, to, left, right, most }) {
  const inside = [];
  for (let i = from; i < to; i++) {
    const at = x(i);
    if (at >= left && at <= right && Number.isFinite(y(i))) inside.push(i);
  }
  if (inside.length <= most) return inside;
  const step = 2 ** Math.ceil(Math.log2(inside.length / (0.75 * most)));
  const buckets = Math.floor(most / 8);
  const lowest = new Int32Array(buckets).fill(-1);
  const highest = new Int32Array(buckets).fill(-1);
  const kept = new Set();
  for (const i of inside) {
    if (i % step === 0) kept.add(i);
    const value = y(i);
    const bucket = Math.min(buckets - 1, Math.floor(((x(i) - left) / (right - left)) * buckets));
    if (lowest[bucket] < 0 || value < y(lowest[bucket])) lowest[bucket] = i;
    if (highest[bucket] < 0 || value > y(highest[bucket])) highest[bucket] = i;
  }
  for (const i of [...lowest, ...highest]) if (i >= 0) kept.add(i);
  return [...kept].sort((a, b) => a - b);
}

/** A step of 1, 2 or 5 times a power of ten that is no smaller than `least`. @param {number} least */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((digit) => digit * power >= least) ?? 10);
}

/** Ticks of a logarithmic axis, as plain numbers. @param {number} low @param {number} high */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  if (!(decades >= 1 && decades < 30)) return {}; // Plotly's own do for less than a decade
  const values = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of decades > 3 ? [1] : [1, 2, 5]) values.push(Number(`${digit}e${power}`));
  }
  return { tickmode: "array", tickvals: values, ticktext: values.map((value) => String(value)) };
}

/** Text for Plotly, which takes some tags, links and templates for markup. @param {string} value */
const plain = (value) =>
  value.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%/g, "&#37;").replace(/\$/g, "&#36;");

/** The curves of one run, drawn by Plotly as SVG; its WebGL would need eval. */
export class Chart {
  /** @param {HTMLElement} place @param {() => void} onZoom */
  constructor(place, onZoom) {
    this.place = place;
    this.onZoom = onZoom;
    this.plotly = /** @type {any} */ (null);
    this.x = /** @type {Range | null} */ (null); // null: the whole run
    this.y = /** @type {Range | null} */ (null);
    this.colours = /** @type {Record<string, string>} */ ({});
    this.cost = 0; // milliseconds of the last drawing
    this.span = 1; // epochs, of the run that was drawn last
    this.leavesOut = false; // values that a logarithmic scale does not have
    this.readColours();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "quiet", "card", "edge", "train", "val", "batch", "best", "grid"]) {
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
  }

  /** @param {any} plotly */
  use(plotly) {
    this.plotly = plotly;
  }

  listen() {
    const place = /** @type {any} */ (this.place);
    place.on("plotly_relayout", (/** @type {Record<string, unknown>} */ change) => {
      if (!Object.keys(change).some((key) => /^[xy]axis/.test(key))) return;
      const { xaxis, yaxis } = place.layout;
      this.x = xaxis.autorange ? null : asRange(xaxis.range);
      this.y = yaxis.autorange ? null : asRange(yaxis.range);
      this.onZoom();
    });
    // A double click shows the whole run again; Plotly's own reset knows the first ranges only.
    place.on("plotly_doubleclick", () => {
      this.whole();
      return false;
    });
  }

  whole() {
    this.x = this.y = null;
    this.onZoom();
  }

  /** @param {number} factor */
  zoom(factor) {
    const [left, right] = this.x ?? [0, this.span];
    const width = (right - left) * factor;
    // From the whole run the zoom goes to its newest part; from there about the middle.
    const middle = this.x ? (left + right) / 2 : right - width / 2;
    this.look(middle - width / 2, width);
  }

  /** @param {number} left @param {number} width in epochs */
  look(left, width) {
    const start = Math.max(0, Math.min(left, this.span - width / 2));
    this.x = width >= this.span ? null : asRange([start, start + width]);
    this.y = null;
    this.onZoom();
  }

  /** @param {number} share of the width */
  pan(share) {
    if (!this.x) return;
    const [left, right] = this.x;
    this.look(left + (right - left) * share, right - left);
  }

  /** @param {Run} run @param {{metric: string, log: boolean}} options */
  draw(run, { metric, log }) {
    const began = performance.now();
    const width = this.place.clientWidth;
    const height = this.place.clientHeight;
    if (!width || !height) return;
    const epochs = [...run.epochs.values()].sort((a, b) => a.number - b.number);
    this.span = Math.max(1, epochs.length ? epochs[epochs.length - 1].number + 1 : 1);
    const range = this.x ?? /** @type {Range} */ ([0, this.span]);
    const traces = metric ? [this.line(epochs, plain(metric), (epoch) => epoch.values.get(metric) ?? null, { colour: "train", range, symbol: "circle" })] : this.losses(run, epochs, range, width);
    const drawn = traces.flatMap((trace) => list(trace.y)).filter((value) => value !== null).map(Number);
    const shown = drawn.filter((value) => !log || value > 0);
    this.leavesOut = shown.length < drawn.length;
    const ticks = log && !this.y && shown.length ? logTicks(Math.min(...shown), Math.max(...shown)) : {};
    const first = !(/** @type {any} */ (this.place)._fullLayout);
    const config = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: false, doubleClick: false, showTips: false };
    const layout = { ...this.layout({ metric, log, width, height, range, ticks }), annotations: run.best && !metric ? [this.label(run.best, log, range)] : [] };
    this.plotly.react(this.place, traces, layout, config);
    if (first) this.listen();
    this.cost = performance.now() - began;
  }

  /** @param {Run} run @param {Epoch[]} epochs @param {Range} range @param {number} width */
  losses(run, epochs, range, width) {
    const traces = [
      this.points(run, range, width),
      this.line(epochs, "training", (epoch) => epoch.training, { colour: "train", range, symbol: "circle" }),
      this.line(epochs, "validation", (epoch) => epoch.validation, { colour: "val", range, symbol: "square" }),
    ];
    const { best } = run;
    if (best) {
      traces.push({
        type: "scatter", mode: "markers", name: "best epoch", x: [best.number + 1], y: [best.value], showlegend: false,
        marker: { symbol: "star", size: 13, color: this.colours.best, line: { width: 1, color: this.colours.card } },
        hovertemplate: `best epoch %{x}: validation loss %{y:.5~g}<extra></extra>`,
      });
    }
    return traces;
  }

  /** The name of the best epoch, well above it: below a curve that falls there is no room. @param {{number: number, value: number}} best @param {boolean} log @param {Range} range */
  label({ number, value }, log, [left, right]) {
    const at = (number + 1 - left) / (right - left);
    return {
      x: number + 1, y: log ? Math.log10(value) : value, text: `best: epoch ${number + 1}`, visible: at >= 0 && at <= 1 && !(log && value <= 0),
      ax: at > 0.85 ? -36 : at < 0.15 ? 36 : 0, ay: -64, arrowhead: 0, arrowwidth: 1, arrowcolor: this.colours.best, standoff: 7,
      font: { color: this.colours.best, size: 13 }, bgcolor: this.colours.card, borderpad: 2,
    };
  }

  /** @param {Run} run @param {Range} range @param {number} width @returns {Record<string, unknown>} */
  points(run, [left, right], width) {
    const { batches } = run;
    const places = new Map([...run.epochs.values()].map((epoch) => [epoch.number, epoch.batches || 1]));
    let number = -1; // neighbours are nearly always of the same epoch
    let size = 1;
    const x = (/** @type {number} */ i) => {
      const at = i % BATCHES_KEPT;
      const epoch = batches.epochs[at];
      if (epoch !== number) {
        number = epoch;
        size = places.get(epoch) ?? 1;
      }
      return epoch + batches.numbers[at] / size;
    };
    const y = (/** @type {number} */ i) => batches.losses[i % BATCHES_KEPT];
    const kept = thin(x, y, { from: batches.first, to: batches.added, left, right, most: Math.min(POINTS_DRAWN, Math.max(250, width)) });
    return {
      type: "scatter", mode: "markers", name: "batches", x: kept.map(x), y: kept.map(y),
      customdata: kept.map((i) => [batches.epochs[i % BATCHES_KEPT] + 1, batches.numbers[i % BATCHES_KEPT] + 1]),
      marker: { size: 4, color: this.colours.batch, opacity: 0.35 },
      hovertemplate: "epoch %{customdata[0]}, batch %{customdata[1]}: loss %{y:.5~g}<extra></extra>",
    };
  }

  /**
   * @param {Epoch[]} epochs
   * @param {string} name
   * @param {(epoch: Epoch) => number | null} value
   * @param {{colour: string, range: Range, symbol: string}} options
   * @returns {Record<string, unknown>}
   */
  line(epochs, name, value, { colour, range, symbol }) {
    // One point beyond each edge, so that the line runs to it.
    const near = epochs.filter((epoch) => epoch.ended !== null && epoch.number + 1 >= range[0] - 1 && epoch.number + 1 <= range[1] + 1);
    let shown = near;
    if (near.length > 1500) {
      const kept = thin((i) => near[i].number, (i) => value(near[i]) ?? NaN, { from: 0, to: near.length, left: near[0].number, right: near[near.length - 1].number, most: 1500 });
      shown = kept.map((i) => near[i]);
    }
    const points = shown.map(value).map((item) => (item !== null && Number.isFinite(item) ? item : null));
    const marked = shown.length <= 60;
    return {
      type: "scatter", mode: marked ? "lines+markers" : "lines", name, connectgaps: false,
      x: shown.map((epoch) => epoch.number + 1), y: points,
      line: { color: this.colours[colour], width: 2, dash: !marked && symbol === "square" ? "6px,2px" : "solid" },
      marker: { size: 7, symbol, color: this.colours[colour] },
      hovertemplate: `epoch %{x}, ${name}: %{y:.5~g}<extra></extra>`,
    };
  }

  /** @param {{metric: string, log: boolean, width: number, height: number, range: Range, ticks: object}} options */
  layout({ metric, log, width, height, range, ticks }) {
    const { ink, quiet, grid, card, edge } = this.colours;
    const axis = { gridcolor: grid, linecolor: edge, zeroline: false, tickfont: { color: quiet }, automargin: true };
    const narrow = width < 500;
    const epochs = range[1] - range[0];
    const padding = epochs * 0.02;
    const step = roundStep(epochs / Math.max(2, width / (narrow ? 55 : 80)));
    const name = metric.length > 50 ? `${metric.slice(0, 49)}…` : metric || "loss";
    const limits = this.y ? { autorange: false, range: this.y } : { autorange: true };
    return {
      width, height, margin: { l: 12, r: 10, t: 8, b: 12, pad: 0 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 12 : 13, color: ink },
      showlegend: !metric, legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
      hovermode: "closest", hoverlabel: { bgcolor: card, bordercolor: quiet, font: { color: ink } },
      // A finger scrolls the page; the buttons zoom.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      uirevision: "constant",
      xaxis: { ...axis, title: { text: "epoch", standoff: 8 }, autorange: false, range: this.x ?? [range[0] - padding, range[1] + padding], tick0: 0, dtick: epochs > 3 ? Math.max(1, step) : step },
      yaxis: { ...axis, title: { text: narrow && !metric ? "" : plain(name), standoff: 8 }, type: log ? "log" : "linear", exponentformat: "power", ...limits, ...ticks },
    };
  }
}

/** @param {unknown[]} value @returns {Range} */
const asRange = (value) => [Number(value[0]), Number(value[1])];

/** @returns {Promise<any>} Plotly, which comes last: the page works without it. */
export function loadPlotly() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "plotly.min.js";
    script.addEventListener("load", () => resolve(/** @type {any} */ (globalThis).Plotly ?? null));
    script.addEventListener("error", () => reject(new Error("plotly.min.js did not come")));
    document.head.append(script);
  });
}
