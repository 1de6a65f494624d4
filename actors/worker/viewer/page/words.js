// @ts-check
// Words for numbers, as the page shows them. No line breaks within a figure.

const SPACE = "\u00a0"; // a space at which no line is broken

/** @param {string} words */
const unbroken = (words) => words.replaceAll(" ", SPACE);

/** @param {number | null | undefined} value */
export function loss(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(3) : value.toPrecision(4);
}

/** @param {number} seconds */
export const duration = (seconds) => unbroken(inUnits(seconds));

/** @param {number} seconds */
function inUnits(seconds) {
  const s = Math.max(0, seconds);
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const two = (/** @type {number} */ n) => String(Math.floor(n)).padStart(2, "0");
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** @param {number} bytes */
export const gibibytes = (bytes) =>
  (bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : bytes < 100 * 2 ** 30 ? 1 : 0);

/**
 * The time of day, with the date where that is not today's.
 * @param {number} seconds since 1970
 * @param {boolean} [precise]
 */
export function clockTime(seconds, precise = true) {
  const date = new Date(seconds * 1000);
  const today = new Date();
  const isToday = date.toDateString() === today.toDateString();
  return date.toLocaleString([], {
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    ...(precise ? { second: "2-digit" } : {}),
    ...(isToday ? {} : { day: "numeric", month: "short" }),
    ...(date.getFullYear() === today.getFullYear() ? {} : { year: "numeric" }),
  });
}

/** @param {number} count @param {string} noun */
export const plural = (count, noun) => unbroken(`${count} ${noun}${count === 1 ? "" : "s"}`);
