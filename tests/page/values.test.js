import assert from "node:assert/strict";
import { test } from "node:test";
import { numeric, readLogs, readReport } from "../../actors/worker/viewer/page/values.js";

test("JSON as Python writes it is read", () => {
  assert.deepEqual(readReport('{"a": NaN, "b": -Infinity, "c": [Infinity]}'), {
    a: NaN,
    b: -Infinity,
    c: [Infinity],
  });
  assert.deepEqual(readReport('{"a": "NaN, \\"NaN\\" and Infinity", "b": NaN}'), {
    a: 'NaN, "NaN" and Infinity',
    b: NaN,
  });
  for (const text of ["", "no json", "[1]", "3", "null", '{"a": NaN', '{"a": nan}']) {
    assert.equal(readReport(text), null, text);
  }
});

test("numbers in text are numbers, and what only begins like one is none", () => {
  const numbers = [
    ["0.5", 0.5],
    [" 1e-3 ", 0.001],
    ["-.5", -0.5],
    ["7.", 7],
    ["inf", Infinity],
  ];
  for (const [text, value] of numbers) assert.equal(numeric(text), value);
  assert.ok(Number.isNaN(numeric("nan")));
  assert.equal(numeric(true), 1);
  for (const text of ["", " ", "1,5", "0x10", "1 2", "12%", "one", "9".repeat(50)]) {
    assert.equal(numeric(text), null, text);
  }
  assert.equal(numeric(null), null);
  assert.equal(numeric([1]), null);
});

test("nested dicts have names with slashes", () => {
  const { numbers } = readLogs({
    epoch: 3,
    val: { loss: 0.5, oks: { nose: "0.25" } },
    val_loss: 0.1,
    "train/loss": 0.75,
    nothing: null,
  });
  assert.deepEqual(Object.fromEntries(numbers), {
    "val/loss": 0.1,
    "val/oks/nose": 0.25,
    "train/loss": 0.75,
  });
});

test("lists and matrices of numbers are tables, and one number is one", () => {
  const { numbers, tables, others } = readLogs({
    per_node: [1, "2", null],
    confusion: [
      [1, 2],
      [3, 4],
    ],
    single: [[7]],
    ragged: [[1, 2], [3]],
    words: [1, "two"],
    empty: [],
    long: Array(65).fill(0),
  });
  assert.deepEqual(tables.get("per_node"), [[1, 2, NaN]]);
  assert.deepEqual(tables.get("confusion"), [
    [1, 2],
    [3, 4],
  ]);
  assert.equal(numbers.get("single"), 7);
  assert.deepEqual(others, ["ragged", "words", "empty", "long"]);
});

test("what is no number is named, also far inside", () => {
  const deep = { a: { b: { c: { d: { e: { f: { g: { h: 1 } } } } } } } };
  const { numbers, others } = readLogs({
    note: "best so far",
    array: { "py/reduce": [{}, [1]] },
    deep,
  });
  assert.equal(numbers.size, 0);
  assert.deepEqual(others, ["note", "array", "deep/a/b/c/d/e/f/g"]);
});
