// @ts-check
// One chart, drawn on a canvas. All charts of a page share one view: the epochs that are seen.

import { element } from "./document.js";
import { hasPlace, limits, linearTicks, logTicks, thin, tickText, trace } from "./scale.js";
/** @typedef {import("./scale.js").Range} Range */
/** @typedef {import("./curves.js").Picture} Picture */
/** @typedef {import("./curves.js").Series} Series */
/** @typedef {{left: number, right: number, top: number, bottom: number, width: number, height: number}} Box */
/** @typedef {{series: Series, indices: number[], marked: boolean}} Drawn */

const POINTS_DRAWN = 4000; // of a cloud, at most
const MARKS_DRAWN = 60; // points of a line that are marked, at most
const REACH = 40; // pixels: the pointer tells of a point within
const DRAG_LEAST = 8; // pixels
const ROOM = 0.02; // share of the width beside the first and the last epoch
const FONT_SIZE = 12.5; // pixels
const ROW = 18; // pixels: a row of names above the curves
const COLOURS = [
  "ink",
  "quiet",
  "card",
  "edge",
  "grid",
  "train",
  "val",
  "third",
  "fourth",
  "batch",
  "smooth",
  "best",
  "other-1",
  "other-2",
  "other-3",
  "other-4",
  "other-5",
];

/** @param {number} one @param {number} other @returns {Range} */
const pair = (one, other) => [one, other];

/** The epochs that are seen, the same in all charts. */
export class View {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.x = /** @type {Range | null} */ (null); // null: the whole run
    this.whole = /** @type {Range} */ ([0, 1]);
  }

  /** @returns {Range} */
  get range() {
    return this.x ?? this.whole;
  }

  /** @param {Range | null} x */
  show(x) {
    this.x = x;
    this.onChange();
  }

  /** @param {number} left @param {number} right in epochs; as much of them as there is */
  look(left, right) {
    const [start, end] = this.whole;
    const width = Math.min(right - left, end - start);
    const from = Math.max(start, Math.min(left, end - width / 2));
    this.show(right - left >= end - start ? null : [from, from + width]);
  }

  /** @param {number} factor */
  zoom(factor) {
    const [left, right] = this.range;
    const width = (right - left) * factor;
    // From the whole run the zoom goes to its newest part; from there about the middle.
    const middle = this.x ? (left + right) / 2 : right - width / 2;
    this.look(middle - width / 2, middle + width / 2);
  }

  /** @param {number} share of the width */
  pan(share) {
    if (!this.x) return;
    const [left, right] = this.x;
    this.look(left + (right - left) * share, right + (right - left) * share);
  }
}

/** The colours of the page, as its style sheet names them. @returns {Record<string, string>} */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
}

export class Chart {
  /** @param {HTMLElement} place @param {View} view */
  constructor(place, view) {
    this.place = place;
    this.view = view;
    this.canvas = /** @type {HTMLCanvasElement} */ (element("canvas"));
    this.above = /** @type {HTMLCanvasElement} */ (element("canvas")); // what follows the pointer
    this.tip = element("div", "tip");
    this.tip.hidden = true;
    place.replaceChildren(this.canvas, this.above, this.tip);
    this.drawn = /** @type {Drawn[]} */ ([]);
    this.box = /** @type {Box} */ ({ left: 0, right: 0, top: 0, bottom: 0, width: 0, height: 0 });
    this.x = /** @type {Range} */ ([0, 1]);
    this.y = /** @type {Range} */ ([0, 1]);
    this.log = false;
    this.leavesOut = false; // values that a logarithmic scale does not have
    this.dragged = /** @type {Range | null} */ (null); // pixels
    this.pointer = /** @type {{x: number, y: number} | null} */ (null);
    this.colours = readColours();
    this.listen();
  }

  listen() {
    const at = (/** @type {PointerEvent} */ event) => {
      const { left, top } = this.canvas.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    const end = () => {
      this.dragged = null;
      this.hover(null);
    };
    this.above.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return; // a finger scrolls the page
      const { x } = at(event);
      this.dragged = pair(x, x);
      this.above.setPointerCapture(event.pointerId);
    });
    this.above.addEventListener("pointermove", (event) => {
      const point = at(event);
      if (this.dragged) this.dragged = pair(this.dragged[0], point.x);
      this.hover(point);
    });
    this.above.addEventListener("pointerup", () => {
      const dragged = this.dragged;
      this.dragged = null;
      if (dragged && Math.abs(dragged[1] - dragged[0]) >= DRAG_LEAST) this.zoomTo(dragged);
      this.paintAbove();
    });
    this.above.addEventListener("pointerleave", () => this.dragged ?? this.hover(null));
    this.above.addEventListener("pointercancel", end);
    this.above.addEventListener("lostpointercapture", () => {
      this.dragged = null;
    });
    this.above.addEventListener("dblclick", () => this.view.show(null));
  }

  /** @param {Range} pixels */
  zoomTo(pixels) {
    const [one, other] = pixels;
    const from = this.epochAt(Math.min(one, other));
    const to = this.epochAt(Math.max(one, other));
    if (to - from > 1e-6) this.view.show([from, to]);
  }

  // Positions

  /** @param {number} epoch */
  left(epoch) {
    return this.box.left + ((epoch - this.x[0]) / (this.x[1] - this.x[0])) * this.box.width;
  }

  /** @param {number} pixel */
  epochAt(pixel) {
    const share = Math.min(1, Math.max(0, (pixel - this.box.left) / this.box.width));
    return this.x[0] + share * (this.x[1] - this.x[0]);
  }

  /** @param {number} value */
  top(value) {
    const [low, high] = this.y;
    const share = this.log
      ? Math.log(value / low) / Math.log(high / low)
      : (value - low) / (high - low);
    return this.box.bottom - share * this.box.height;
  }

  // Drawing

  /** @param {Picture} picture @param {boolean} log */
  draw(picture, log) {
    const width = this.place.clientWidth;
    const height = this.place.clientHeight;
    if (!width || !height) return;
    const [left, right] = this.view.range;
    const room = this.view.x ? 0 : ROOM * (right - left);
    this.x = pair(left - room, right + room);
    this.log = log;
    this.drawn = picture.series.map((series) => {
      const indices = this.choose(series, width);
      return { series, indices, marked: series.mark !== "" && indices.length <= MARKS_DRAWN };
    });
    const values = this.drawn.flatMap(({ series, indices }) =>
      this.inside(series, indices).map(series.y),
    );
    const finite = values.filter(Number.isFinite);
    this.leavesOut = log && finite.some((value) => value <= 0);
    this.y = limits(values, log) ?? (log ? [0.1, 1] : [0, 1]);
    const context = fit(this.canvas, width, height);
    context.font = `${FONT_SIZE}px ${getComputedStyle(this.place).fontFamily}`;
    this.measure(context, width, height, picture);
    this.paintAxes(context);
    context.save();
    context.beginPath();
    context.rect(this.box.left, this.box.top - 4, this.box.width, this.box.height + 8);
    context.clip();
    this.paintMarks(context, picture);
    for (const item of this.drawn) this.paintSeries(context, item);
    context.restore();
    this.paintNames(context, picture);
    this.paintAbove();
  }

  /** @param {Series} series @param {number} width @returns {number[]} */
  choose({ style, from, to, x, y }, width) {
    const [left, right] = this.x;
    if (style === "points")
      return thin(x, y, { from, to, left, right, most: Math.min(POINTS_DRAWN, 4 * width) });
    return trace(x, y, { from, to, left, right, buckets: width });
  }

  /** A line runs on to what is beyond the edges; its limits do not. @param {Series} series @param {number[]} indices */
  inside({ x }, indices) {
    return indices.filter((i) => this.shows(x(i)));
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {Picture} picture */
  measure(context, width, height, picture) {
    const rows = Number(picture.best !== null) + Number(picture.marks.length > 0);
    const top = 8 + rows * ROW;
    const bottom = height - 38;
    const widest = Math.max(
      ...this.ticksOfY(bottom - top).map((tick) => context.measureText(tickText(tick)).width),
      12,
    );
    const left = Math.ceil(widest) + 10;
    const right = width - 10;
    this.box = { left, right, top, bottom, width: right - left, height: bottom - top };
  }

  /** @param {number} height */
  ticksOfY(height) {
    const most = Math.max(2, Math.floor(height / 42));
    return this.log
      ? logTicks(this.y[0], this.y[1], most)
      : linearTicks(this.y[0], this.y[1], most);
  }

  /** @param {CanvasRenderingContext2D} context */
  paintAxes(context) {
    const { left, right, top, bottom, width, height } = this.box;
    const { grid, edge, quiet } = this.colours;
    context.lineWidth = 1;
    context.fillStyle = quiet;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const tick of this.ticksOfY(height)) {
      const at = Math.round(this.top(tick)) + 0.5;
      stroke(context, grid, [left, at, right, at]);
      context.fillText(tickText(tick), left - 7, at);
    }
    context.textAlign = "center";
    const most = Math.max(2, Math.floor(width / (width < 450 ? 46 : 70)));
    for (const tick of linearTicks(this.x[0], this.x[1], most, this.x[1] - this.x[0] > 2 ? 1 : 0)) {
      const at = Math.round(this.left(tick)) + 0.5;
      stroke(context, grid, [at, top, at, bottom]);
      context.fillText(tickText(tick), Math.min(at, right - 4), bottom + 12);
    }
    stroke(context, edge, [left + 0.5, top, left + 0.5, bottom + 0.5, right, bottom + 0.5]);
    context.fillText("epoch", left + width / 2, bottom + 29);
  }

  /** Breaks, and the best epoch: a line up to its name, behind the curves. @param {CanvasRenderingContext2D} context @param {Picture} picture */
  paintMarks(context, picture) {
    const { top, bottom } = this.box;
    context.setLineDash([3, 4]);
    for (const { x } of picture.marks)
      stroke(context, this.colours.quiet, [this.left(x), top - 4, this.left(x), bottom]);
    if (picture.best && this.shows(picture.best.x) && hasPlace(picture.best.y, this.log)) {
      stroke(context, this.colours.best, [
        this.left(picture.best.x),
        top - 4,
        this.left(picture.best.x),
        this.top(picture.best.y) - 7,
      ]);
    }
    context.setLineDash([]);
  }

  /** @param {number} x */
  shows(x) {
    return x >= this.x[0] && x <= this.x[1];
  }

  /** The names of the marks, above all curves, and a ring about the best point. @param {CanvasRenderingContext2D} context @param {Picture} picture */
  paintNames(context, picture) {
    const { best, marks } = picture;
    const { left, right, top } = this.box;
    const name = (
      /** @type {string} */ words,
      /** @type {number} */ x,
      /** @type {number} */ y,
      /** @type {string} */ colour,
    ) => {
      const half = context.measureText(words).width / 2;
      const at = Math.max(left + half, Math.min(right - half, this.left(x)));
      context.fillStyle = colour;
      context.fillText(words, at, y);
      return at + half;
    };
    context.textAlign = "center";
    if (best && this.shows(best.x)) {
      name(
        `★ ${best.text}`,
        best.x,
        top - ROW / 2 - 3 - (marks.length ? ROW : 0),
        this.colours.best,
      );
      if (hasPlace(best.y, this.log))
        ring(context, this.left(best.x), this.top(best.y), 7, this.colours.best);
    }
    let taken = -Infinity;
    for (const mark of marks) {
      if (
        !this.shows(mark.x) ||
        this.left(mark.x) - context.measureText(mark.text).width / 2 < taken + 6
      )
        continue;
      taken = name(mark.text, mark.x, top - ROW / 2 - 3, this.colours.quiet);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Drawn} drawn */
  paintSeries(context, { series, indices, marked }) {
    const { x, y, style, mark, colour, faint } = series;
    if (style === "points") {
      context.fillStyle = this.colours[colour];
      // Where they are many they lie over each other.
      context.globalAlpha = Math.max(0.3, Math.min(0.7, 500 / indices.length));
      for (const i of indices) {
        if (hasPlace(y(i), this.log))
          context.fillRect(this.left(x(i)) - 1.75, this.top(y(i)) - 1.75, 3.5, 3.5);
      }
      context.globalAlpha = 1;
      return;
    }
    context.strokeStyle = context.fillStyle = this.colours[colour];
    context.lineWidth = faint ? 1.5 : 2;
    context.globalAlpha = faint ? 0.75 : 1;
    context.lineJoin = "round";
    // Without marks the validation's line is told from the training's by its dashes.
    context.setLineDash(!marked && mark === "square" ? [7, 3] : []);
    context.beginPath();
    let isAfterGap = true;
    for (const i of indices) {
      const isGap = !hasPlace(y(i), this.log);
      if (!isGap && isAfterGap) context.moveTo(this.left(x(i)), this.top(y(i)));
      else if (!isGap) context.lineTo(this.left(x(i)), this.top(y(i)));
      isAfterGap = isGap;
    }
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    for (const i of indices) if (marked || series.hollow?.(i)) this.paintMark(context, series, i);
  }

  /** @param {CanvasRenderingContext2D} context @param {Series} series @param {number} i */
  paintMark(context, { x, y, mark, hollow }, i) {
    if (!hasPlace(y(i), this.log)) return;
    const [left, top] = [this.left(x(i)), this.top(y(i))];
    if (hollow?.(i)) {
      const { fillStyle } = context;
      context.fillStyle = this.colours.card;
      context.beginPath();
      context.arc(left, top, 3.5, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
      context.fillStyle = fillStyle;
      return;
    }
    if (mark === "square") {
      context.fillRect(left - 3, top - 3, 6, 6);
    } else {
      context.beginPath();
      context.arc(left, top, 3.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  // What follows the pointer

  /** @param {{x: number, y: number} | null} point */
  hover(point) {
    this.pointer = point;
    this.paintAbove();
  }

  paintAbove() {
    const { left, right, top, height } = this.box;
    const context = fit(this.above, this.place.clientWidth, this.place.clientHeight);
    const found = this.pointer && !this.dragged ? this.nearest(this.pointer) : null;
    if (this.dragged) {
      const [from, to] = this.dragged.map((pixel) => Math.max(left, Math.min(right, pixel)));
      context.fillStyle = this.colours.quiet;
      context.globalAlpha = 0.25;
      context.fillRect(from, top, to - from, height);
    }
    this.tip.hidden = found === null;
    if (!found) return;
    ring(context, found.left, found.top, 6, this.colours.ink);
    if (this.tip.textContent !== found.words) this.tip.textContent = found.words;
    const { offsetWidth, offsetHeight } = this.tip;
    const x = Math.max(
      0,
      Math.min(this.place.clientWidth - offsetWidth, found.left - offsetWidth / 2),
    );
    const y = found.top > offsetHeight + 16 ? found.top - offsetHeight - 12 : found.top + 14;
    this.tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  /** The point that is drawn nearest to the pointer; those of lines first. @param {{x: number, y: number}} pointer */
  nearest({ x: px, y: py }) {
    let least = REACH;
    let found = /** @type {{left: number, top: number, words: string} | null} */ (null);
    for (const { series, indices } of this.drawn) {
      const handicap = series.style === "points" ? 6 : 0;
      for (const i of indices) {
        const left = this.left(series.x(i));
        const top = this.top(series.y(i));
        const distance = Math.hypot(left - px, top - py) + handicap;
        if (distance < least && left >= this.box.left - 1 && left <= this.box.right + 1) {
          least = distance;
          found = { left, top, words: series.words(i) };
        }
      }
    }
    return found;
  }
}

/** The canvas in the size of its place, with a point for each of the screen's. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function fit(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.globalAlpha = 1;
  return context;
}

/** @param {CanvasRenderingContext2D} context @param {string} colour @param {number[]} points */
function stroke(context, colour, points) {
  context.strokeStyle = colour;
  context.beginPath();
  for (let i = 0; i < points.length; i += 2) context.lineTo(points[i], points[i + 1]);
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius @param {string} colour */
function ring(context, x, y, radius, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}
