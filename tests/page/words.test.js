import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clockTime,
  duration,
  gibibytes,
  loss,
  plural,
} from "../../actors/worker/viewer/page/words.js";

const SPACE = "\u00a0";

test("durations have two units at the most, and no line is broken in them", () => {
  const shown = [
    [-1, "0.0 s"],
    [3.14, "3.1 s"],
    [9.97, "10 s"],
    [199, "3 min 19 s"],
    [3600, "1 h 00 min"],
    [5400, "1 h 30 min"],
    [172_800, "2 d 0 h"],
  ];
  for (const [seconds, words] of shown) {
    assert.equal(duration(seconds), words.replaceAll(" ", SPACE));
  }
});

test("a time has its date where that is not today's", () => {
  const noon = new Date();
  noon.setHours(12, 0, 0, 0);
  assert.equal(clockTime(noon.getTime() / 1000).replace(/\D/g, ""), "120000");
  const other = new Date(noon);
  other.setDate(noon.getDate() - 400);
  const words = clockTime(other.getTime() / 1000, false);
  for (const part of ["12:00", String(other.getDate()), String(other.getFullYear())])
    assert.ok(words.includes(part), words);
});

test("losses have four significant digits", () => {
  assert.equal(loss(0.123456), "0.1235");
  assert.equal(loss(0), "0.000");
  assert.equal(loss(4.1e-7), "4.100e-7");
  for (const value of [null, undefined, NaN, Infinity]) assert.equal(loss(value), "–");
});

test("counts and sizes", () => {
  assert.equal(plural(1, "epoch"), `1${SPACE}epoch`);
  assert.equal(plural(2, "epoch"), `2${SPACE}epochs`);
  assert.equal(gibibytes(2 ** 29), "0.50");
  assert.equal(gibibytes(24 * 2 ** 30), "24.0");
});
