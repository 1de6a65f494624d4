// @ts-check
// What a chart reckons with: ranges, ticks, which points are drawn, smoothing. It draws nothing.

/** @typedef {[number, number]} Range */
/** @typedef {(i: number) => number} At */

/**
 * About `most` of the indices from `from` to `to` whose points lie between `left` and `right`; gaps
 * are left out. The lowest and the highest point of each stretch of x are kept, so that no peak is
 * lost, and an even sample of all, so that a cloud is not drawn as two edges. The sample is of
 * round indices: points do not flicker while others come.
 * @param {At} x
 * @param {At} y
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
  for (const i of inside) {
    const value = y(i);
    const bucket = Math.min(buckets - 1, Math.floor(((x(i) - left) / (right - left)) * buckets));
    if (lowest[bucket] < 0 || value < y(lowest[bucket])) lowest[bucket] = i;
    if (highest[bucket] < 0 || value > y(highest[bucket])) highest[bucket] = i;
  }
  const extremes = new Set([...lowest, ...highest]);
  return inside.filter((i) => i % step === 0 || extremes.has(i));
}

/**
 * The indices from `from` to `to` that a line is drawn through: of each of `buckets` stretches of x
 * the first, the lowest, the highest and the last point. The points are in the order of x; NaN is a
 * gap, of which one is kept.
 * @param {At} x
 * @param {At} y
 * @param {{from: number, to: number, left: number, right: number, buckets: number}} range
 * @returns {number[]}
 */
export function trace(x, y, { from, to, left, right, buckets }) {
  // One point beyond each edge, so that the line runs to it.
  const begin = Math.max(from, lowerBound(x, from, to, left) - 1);
  const end = Math.min(to, lowerBound(x, from, to, right) + 1);
  if (end - begin <= 4 * buckets)
    return [...Array(Math.max(0, end - begin)).keys()].map((i) => begin + i);
  const kept = /** @type {number[]} */ ([]);
  let bucket = NaN;
  let corners = { first: -1, lowest: -1, highest: -1, last: -1, gap: -1 };
  const leave = () => {
    const found = new Set(Object.values(corners).filter((i) => i >= 0));
    kept.push(...[...found].sort((a, b) => a - b));
  };
  for (let i = begin; i < end; i++) {
    const at = Math.floor(((x(i) - left) / (right - left)) * buckets);
    if (at !== bucket) {
      leave();
      bucket = at;
      corners = { first: i, lowest: -1, highest: -1, last: i, gap: -1 };
    }
    const value = y(i);
    corners.last = i;
    if (!Number.isFinite(value)) corners.gap = i;
    else {
      if (corners.lowest < 0 || value < y(corners.lowest)) corners.lowest = i;
      if (corners.highest < 0 || value > y(corners.highest)) corners.highest = i;
    }
  }
  leave();
  return kept;
}

/** The first index from `from` to `to` at which x is no smaller than `least`. @param {At} x @param {number} from @param {number} to @param {number} least */
export function lowerBound(x, from, to, least) {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x(middle) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A step of 1, 2 or 5 times a power of ten that is no smaller than `least`. @param {number} least */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  const digit = [1, 2, 5].find((item) => item * power >= least * (1 - 1e-9)) ?? 10;
  return Number((power * digit).toPrecision(12));
}

/** Round numbers from `low` to `high`, some `most` of them, and never one alone. @param {number} low @param {number} high @param {number} most @param {number} [least] the smallest step */
export function linearTicks(low, high, most, least = 0) {
  if (!(high > low)) return [low];
  const step = roundStep((high - low) / Math.max(1, most));
  const found = multiples(low, high, Math.max(least, step));
  // One alone has no scale.
  return found.length > 1 ? found : multiples(low, high, Math.max(least, roundStep(step / 2.5)));
}

/** @param {number} low @param {number} high @param {number} step */
function multiples(low, high, step) {
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Ticks of a logarithmic axis: decades that are there, with what lies between where they are few. @param {number} low @param {number} high @param {number} most */
export function logTicks(low, high, most) {
  const decades = Math.log10(high / low);
  for (const digits of [[1, 2, 5], [1]]) {
    const found = [];
    const every = digits.length > 1 ? 1 : Math.max(1, Math.ceil(decades / Math.max(1, most)));
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      if (power % every) continue;
      for (const digit of digits) {
        const tick = Number(`${digit}e${power}`);
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) found.push(tick);
      }
    }
    if (found.length <= most || digits.length === 1)
      return found.length >= 2 ? found : linearTicks(low, high, most);
  }
  return [];
}

/** @param {number} value */
export function tickText(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7))
    return value.toExponential().replace("e+", "e").replace("-", "−").replace("e-", "e−");
  return String(Number(value.toPrecision(12))).replace("-", "−");
}

/** Whether a value has a place on an axis: a logarithmic one has none for 0 and below. @param {number} value @param {boolean} log */
export const hasPlace = (value, log) => Number.isFinite(value) && !(log && value <= 0);

/**
 * The limits of an axis on which all `values` are to be seen, with a little room; null for none.
 * @param {Iterable<number>} values
 * @param {boolean} log
 * @returns {Range | null}
 */
export function limits(values, log) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!hasPlace(value, log)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return null;
  if (log) {
    const room = Math.max(0.04 * Math.log10(high / low), 0.02);
    return [low / 10 ** room, high * 10 ** room];
  }
  const room = 0.05 * (high - low) || Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}

/**
 * Smoothed as TensorBoard does it: an exponential moving average, corrected for its start. What has
 * been smoothed is kept, and only what came since is added.
 */
export class Smoothed {
  /** @param {number} weight of what came before: 0 up to 1 */
  constructor(weight) {
    this.weight = weight;
    this.values = /** @type {number[]} */ ([]);
    this.count = 0; // of all that were given
    this.average = 0;
    this.weights = 0; // 1 minus the weight of nothing
  }

  /** @param {At} y @param {number} from @param {number} to @param {number} kept the newest that are kept */
  extend(y, from, to, kept) {
    for (let i = Math.max(from, this.count); i < to; i++) {
      const value = y(i);
      if (Number.isFinite(value)) {
        this.average = this.weight * this.average + (1 - this.weight) * value;
        this.weights = this.weight * this.weights + (1 - this.weight);
      }
      this.values[i % kept] = Number.isFinite(value) ? this.average / this.weights : NaN;
    }
    this.count = Math.max(this.count, to);
  }
}
