// @ts-check
// Elements of the document, written only where something has changed.

/** @param {string} tag @param {string} [className] @param {string} [content] */
export function element(tag, className = "", content = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content) made.textContent = content;
  return made;
}

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found;
}

/** Write only what has changed: screen readers and selections are left in peace. @param {string} id @param {string} value */
export function write(id, value) {
  const place = byId(id);
  if (place.textContent !== value) place.textContent = value;
}

/** A value with a smaller line below it. @param {string} id @param {string} value @param {string} [below] */
export function writeFact(id, value, below = "") {
  const place = byId(id);
  if (place.dataset.shown === `${value}\n${below}`) return;
  place.dataset.shown = `${value}\n${below}`;
  place.replaceChildren(value, ...(below ? [" ", element("small", "", below)] : []));
}

/** @param {string} id @param {boolean} shown */
export const show = (id, shown) => {
  byId(id).hidden = !shown;
};

/** A line that is there when there is something to say. @param {string} id @param {string} words */
export function writeNote(id, words) {
  write(id, words);
  show(id, words !== "");
}

/** @typedef {"localStorage" | "sessionStorage"} Store for good, or for this tab */

/** @param {string} key @param {Store} [store] */
export function remembered(key, store = "localStorage") {
  try {
    return globalThis[store].getItem(key);
  } catch {
    return null; // a browser may forbid it
  }
}

/** The names in a list that is remembered as JSON. @param {string} key @param {Store} [store] @returns {string[]} */
export function rememberedNames(key, store) {
  try {
    const found = JSON.parse(remembered(key, store) ?? "[]");
    return Array.isArray(found) ? found.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

/** @param {string} key @param {string} value @param {Store} [store] */
export function remember(key, value, store = "localStorage") {
  try {
    globalThis[store].setItem(key, value);
  } catch {
    // It is a convenience.
  }
}
