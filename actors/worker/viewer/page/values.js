// @ts-check
// Values of unknown origin, and JSON as the trainer writes it.

/** @typedef {Record<string, unknown>} Report */

/** @param {unknown} value */
export const text = (value) => (typeof value === "string" ? value.slice(0, 20_000) : "");

/** @param {unknown} value @returns {number | null} */
export const number = (value) =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** @param {unknown} value @returns {number | null} */
export const index = (value) =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < 1e9 ? Number(value) : null;

/** @param {unknown} value @returns {unknown[]} */
export const list = (value) => (Array.isArray(value) ? value : []);

/** @param {unknown} value @returns {Report} */
export const record = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? /** @type {Report} */ (value)
    : {};

/** The lists that a record has under `names`. @param {Report} from @param {string[]} names @returns {unknown[][]} */
export const columnsOf = (from, ...names) => names.map((name) => list(from[name]));

const BARE = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?Infinity|NaN/gs;
const MARKS = new Map([
  ["\0NaN", NaN],
  ["\0Infinity", Infinity],
  ["\0-Infinity", -Infinity],
]);

/**
 * The object that `source` is the JSON of, or null. Python writes NaN, Infinity and -Infinity bare,
 * which JSON does not know: outside of strings they are read as the numbers they name.
 * @param {string} source
 * @returns {Report | null}
 */
export function readReport(source) {
  let value;
  try {
    value = JSON.parse(source);
  } catch {
    if (!/NaN|Infinity/.test(source)) return null;
    try {
      const marked = source.replace(BARE, (token) =>
        token.startsWith('"') ? token : `"\\u0000${token}"`,
      );
      value = JSON.parse(marked, (_, item) =>
        typeof item === "string" ? (MARKS.get(item) ?? item) : item,
      );
    } catch {
      return null;
    }
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
}

const NUMBER = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*$/i;
const NO_NUMBERS = new Map([
  ["nan", NaN],
  ["inf", Infinity],
  ["infinity", Infinity],
  ["-inf", -Infinity],
  ["-infinity", -Infinity],
]);

/** The number that `value` is or spells, as Python does; null for what is none. @param {unknown} value @returns {number | null} */
export function numeric(value) {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "string" || value.length > 40) return null;
  if (NUMBER.test(value)) return Number(value);
  return NO_NUMBERS.get(value.trim().toLowerCase()) ?? null;
}

const NAME_LENGTH = 200;
const DEPTH = 8;
const TABLE_SIDE = 64; // rows, and columns
const OTHER_NAMES = new Map([
  ["val_loss", "val/loss"],
  ["train_loss", "train/loss"],
]);

/** @typedef {number[][]} Table */

/**
 * What a report's `logs` hold: numbers by their names, lists and matrices of numbers by theirs, and
 * the names of what is neither. The name of what stands in a dict begins with the dict's.
 * @param {Report} logs
 */
export function readLogs(logs) {
  const found = {
    numbers: /** @type {Map<string, number>} */ (new Map()),
    tables: /** @type {Map<string, Table>} */ (new Map()),
    others: /** @type {string[]} */ ([]),
  };
  for (const [key, value] of Object.entries(logs))
    if (key !== "epoch") readValue(found, key, value, 1);
  return found;
}

/** @param {ReturnType<typeof readLogs>} found @param {string} path @param {unknown} value @param {number} depth */
function readValue(found, path, value, depth) {
  const name = OTHER_NAMES.get(path) ?? path.slice(0, NAME_LENGTH);
  if (value === null || value === undefined) return; // nothing was measured
  const single = numeric(value);
  const table = single === null && Array.isArray(value) ? tableOf(value) : null;
  if (single !== null) {
    found.numbers.set(name, single);
  } else if (table) {
    if (table.length === 1 && table[0].length === 1) found.numbers.set(name, table[0][0]);
    else found.tables.set(name, table);
  } else if (
    typeof value === "object" &&
    !Array.isArray(value) &&
    depth < DEPTH &&
    !isPython(value)
  ) {
    for (const [key, item] of Object.entries(value))
      readValue(found, `${path}/${key}`, item, depth + 1);
  } else {
    found.others.push(name);
  }
}

/** Whether jsonpickle wrote it for an object of Python's. @param {object} value */
const isPython = (value) => Object.keys(value).some((key) => key.startsWith("py/"));

/** A list is a table of one row. @param {unknown[]} values @returns {Table | null} */
function tableOf(values) {
  const rows = values.every(Array.isArray) ? /** @type {unknown[][]} */ (values) : [values];
  if (rows.length === 0 || rows.length > TABLE_SIDE) return null;
  const table = rows.map((row) => row.map((item) => (item === null ? NaN : numeric(item))));
  const width = table[0].length;
  const isTable =
    width > 0 &&
    width <= TABLE_SIDE &&
    table.every((row) => row.length === width && !row.includes(null));
  return isTable ? /** @type {Table} */ (table) : null;
}
