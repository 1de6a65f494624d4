// @ts-check
// The trainer's output, with its colours.

import { element } from "./document.js";

const LINES_KEPT = 500;
// Control sequences (CSI), commands to the terminal (OSC), other escapes, control characters.
const ESCAPES =
  /\x1b\[([0-9;:]*)([@-~])|\x1b\[[^@-~]*[@-~]?|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f]/gs;

/**
 * The pieces of a line, each with its CSS classes: 16 colours and bold, all else is left out.
 * @param {string} line
 * @returns {{text: string, classes: string}[]}
 */
function parseAnsi(line) {
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) return [{ text: line, classes: "" }];
  const pieces = [];
  const style = { bold: false, front: -1, back: -1 };
  let at = 0;
  for (const match of line.matchAll(ESCAPES)) {
    if (match.index > at)
      pieces.push({ text: line.slice(at, match.index), classes: ansiClasses(style) });
    at = match.index + match[0].length;
    if (match[2] === "m") setAnsi(style, match[1].split(/[;:]/).map(Number));
  }
  if (at < line.length) pieces.push({ text: line.slice(at), classes: ansiClasses(style) });
  return pieces;
}

/** @param {{bold: boolean, front: number, back: number}} style */
const ansiClasses = ({ bold, front, back }) =>
  [bold && "bold", front >= 0 && `f${front}`, back >= 0 && `b${back}`].filter(Boolean).join(" ");

/** @param {{bold: boolean, front: number, back: number}} style @param {number[]} codes */
function setAnsi(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    const ten = Math.floor(code / 10);
    if (code === 0) Object.assign(style, { bold: false, front: -1, back: -1 });
    else if (code === 1) style.bold = true;
    else if (code === 22) style.bold = false;
    else if (code === 38 || code === 48) {
      // An indexed or a direct colour: of the indexed ones, the first 16 are known here.
      const colour = codes[i + 1] === 5 && codes[i + 2] < 16 ? codes[i + 2] % 8 : -1;
      style[code === 38 ? "front" : "back"] = colour;
      i += codes[i + 1] === 2 ? 4 : 2;
    } else if (code % 10 < 8 && (ten === 3 || ten === 9)) style.front = code % 10;
    else if (code % 10 < 8 && (ten === 4 || ten === 10)) style.back = code % 10;
    else if (code === 39) style.front = -1;
    else if (code === 49) style.back = -1;
  }
}

/** The last LINES_KEPT lines, and those that are still changing. It follows the end unless the reader has scrolled up. */
export class Output {
  /** @param {HTMLElement} place @param {HTMLElement} toEnd */
  constructor(place, toEnd) {
    this.place = place;
    this.toEnd = toEnd;
    this.lines = /** @type {string[]} */ ([]);
    this.fresh = 0; // lines that are not in the document yet
    this.changing = /** @type {string | null} */ (null);
    this.changed = false;
    this.following = true;
    this.last = element("div", "changing");
    place.addEventListener("scroll", () => this.notice(), { passive: true });
    toEnd.addEventListener("click", () => {
      this.follow();
      place.focus();
    });
  }

  /** @param {string[]} lines @param {string | null} changing */
  add(lines, changing) {
    for (const line of lines)
      this.lines.push(line.length > 10_000 ? `${line.slice(0, 10_000)}…` : line);
    this.fresh += lines.length;
    if (this.lines.length > 2 * LINES_KEPT) this.lines.splice(0, this.lines.length - LINES_KEPT);
    this.changing = changing;
    this.changed = true;
  }

  clear() {
    this.lines = [];
    this.fresh = 0;
    this.changing = null;
    this.changed = true;
    this.following = true;
    this.place.replaceChildren();
  }

  get isEmpty() {
    return this.lines.length === 0 && this.changing === null;
  }

  paint() {
    if (!this.changed) return;
    this.changed = false;
    const fresh = this.lines.slice(-Math.min(this.fresh, LINES_KEPT, this.lines.length || 1));
    const added = this.fresh ? fresh.map((line) => lineElement(line)) : [];
    this.fresh = 0;
    this.last.remove();
    this.place.append(...added);
    this.removeOld();
    if (this.changing !== null) {
      this.last.replaceChildren(...this.changing.split("\n").map(lineElement));
      this.place.append(this.last);
    }
    if (this.following) this.place.scrollTop = this.place.scrollHeight;
  }

  removeOld() {
    const surplus = this.place.childElementCount - LINES_KEPT;
    if (surplus <= 0) return;
    const before = this.place.scrollHeight;
    for (let i = 0; i < surplus; i++) this.place.firstElementChild?.remove();
    // What is being read stays where it is.
    if (!this.following) this.place.scrollTop -= before - this.place.scrollHeight;
  }

  notice() {
    const { scrollHeight, scrollTop, clientHeight } = this.place;
    this.following = scrollHeight - scrollTop - clientHeight < 24;
    this.toEnd.hidden = this.following;
  }

  follow() {
    this.following = true;
    this.toEnd.hidden = true;
    this.place.scrollTop = this.place.scrollHeight;
  }
}

/** @param {string} line */
export function lineElement(line) {
  const place = element("div", "line");
  for (const piece of parseAnsi(line)) {
    place.append(piece.classes ? element("span", piece.classes, piece.text) : piece.text);
  }
  return place;
}
