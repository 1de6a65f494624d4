// @ts-check
// Values of unknown origin, and JSON as the trainer writes it.

/** @typedef {Record<string, unknown>} Report */

/** @param {unknown} value */
export const text = (value) => (typeof value === "string" ? value.slice(0, 20_000) : "");

/** @param {unknown} value @returns {number | null} */
export const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** @param {unknown} value @returns {number | null} */
export const index = (value) => (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 1e9 ? Number(value) : null);

/** @param {unknown} value @returns {unknown[]} */
export const list = (value) => (Array.isArray(value) ? value : []);

/** @param {unknown} value @returns {Report} */
export const record = (value) => (typeof value === "object" && value !== null && !Array.isArray(value) ? /** @type {Report} */ (value) : {});

const BARE = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?Infinity|NaN/gs;
const MARKS = new Map([["\0NaN", NaN], ["\0Infinity", Infinity], ["\0-Infinity", -Infinity]]);

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
      const marked = source.replace(BARE, (token) => (token.startsWith('"') ? token : `"\\u0000${token}"`));
      value = JSON.parse(marked, (_, item) => (typeof item === "string" ? MARKS.get(item) ?? item : item));
    } catch {
      return null;
    }
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
}

// Terminal colours
