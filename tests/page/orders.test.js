import assert from "node:assert/strict";
import { test } from "node:test";
import { QUESTIONS } from "../../actors/worker/viewer/page/orders.js";
import { WIRE } from "./support.js";

test("each order is asked about before it is sent, and has its text on the wire", () => {
  for (const [order, { name, title, text, yes }] of Object.entries(QUESTIONS)) {
    for (const words of [name, title, text, yes]) assert.ok(words.length > 5);
    assert.ok(order in WIRE);
  }
});
