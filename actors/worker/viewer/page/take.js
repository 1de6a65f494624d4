// @ts-check
// What can be taken away of a run: its values, and a picture of its curves.

import { besideLosses } from "./run.js";
/** @typedef {import("./run.js").Run} Run */

const CAPTION = 26; // pixels above each chart of the picture
const MARGIN = 14; // pixels

/**
 * The values of all epochs as CSV: a row for each epoch of each model, empty where none was told.
 * @param {Run[]} runs
 */
export function csvOf(runs) {
  const names = new Set(runs.flatMap((run) => [...run.metrics.keys()]));
  const others = besideLosses([...names].sort());
  const rows = [["model", "epoch", "train/loss", "val/loss", ...others, "seconds"]];
  for (const run of runs) {
    for (const { number, duration } of run.endedEpochs) {
      const values = [
        run.training(number),
        run.validation(number),
        ...others.map((name) => run.value(name, number)),
      ];
      const seconds = duration?.toFixed(3) ?? ""; // of what came late nobody knows
      rows.push([run.label, String(number + 1), ...values.map(figure), seconds]);
    }
  }
  return rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

/** As a spreadsheet and Python read it. @param {number | null} value */
const figure = (value) => (value === null ? "" : String(value));

/** A text that a spreadsheet takes for no formula. @param {string} field */
function quoted(field) {
  const text = /^[=+@\t\r]|^-(?![\dI])/.test(field) ? `'${field}` : field;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A name for a file, of the run's title. @param {string} title @param {string} ending */
export function fileName(title, ending) {
  const plain = title.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "");
  return `${plain.slice(0, 80) || "training"}.${ending}`;
}

/**
 * All charts one below the other, each with its name and its legend.
 * @param {{canvas: HTMLCanvasElement, title: string, keys: {name: string, colour: string}[]}[]} charts
 * @param {{title: string, colours: Record<string, string>, font: string}} look
 */
export function pictureOf(charts, { title, colours, font }) {
  const scale = charts[0].canvas.width / charts[0].canvas.clientWidth;
  const width = Math.max(...charts.map(({ canvas }) => canvas.clientWidth)) + 2 * MARGIN;
  const heights = charts.map(({ canvas }) => canvas.clientHeight + CAPTION);
  const height = heights.reduce((sum, item) => sum + item, CAPTION + 2 * MARGIN);
  const canvas = document.createElement("canvas");
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(scale, scale);
  context.fillStyle = colours.card;
  context.fillRect(0, 0, width, height);
  context.textBaseline = "middle";
  const write = (
    /** @type {string} */ words,
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {string} */ colour,
  ) => {
    context.fillStyle = colour;
    context.fillText(words, x, y, width - x - MARGIN);
    return x + context.measureText(words).width;
  };
  context.font = `bold 14px ${font}`;
  write(title, MARGIN, MARGIN + CAPTION / 2, colours.ink);
  let top = MARGIN + CAPTION;
  charts.forEach(({ canvas: chart, title: name, keys }, i) => {
    context.font = `13px ${font}`;
    let at = write(name, MARGIN, top + CAPTION / 2, colours.ink);
    for (const key of keys)
      at = write(`■ ${key.name}`, at + 14, top + CAPTION / 2, colours[key.colour]);
    context.drawImage(chart, MARGIN, top + CAPTION, chart.clientWidth, chart.clientHeight);
    top += heights[i];
  });
  return canvas;
}

/** Hand a file to the browser. @param {Blob} content @param {string} name */
export function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
