import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox } from "../../actors/worker/viewer/page/inbox.js";

/** An inbox that is closed at the end, since an open one keeps a process up. */
function opened(t, read) {
  let turns = 0;
  const inbox = new Inbox(read, () => (turns += 1));
  t.after(() => inbox.turns.port1.close());
  return { inbox, turns: () => turns };
}

test("texts are read in their order", async (t) => {
  const read = [];
  const { inbox, turns } = opened(t, (text) => read.push(text));
  const texts = Array.from({ length: 60_000 }, (_, i) => String(i));
  for (const text of texts) inbox.put(text);
  await inbox.whenEmpty();
  assert.deepEqual(read, texts);
  assert.equal(inbox.size, 0);
  assert.ok(turns() >= 1);
});

test("work is done for some milliseconds at a time", async (t) => {
  const slow = () => {
    const end = performance.now() + 1;
    while (performance.now() < end);
  };
  const { inbox, turns } = opened(t, slow);
  for (let i = 0; i < 64; i++) inbox.put("text");
  await inbox.whenEmpty();
  assert.ok(turns() >= 3, String(turns()));
});

test("a text that cannot be read costs itself alone", async (t) => {
  const read = [];
  t.mock.method(console, "error", () => {});
  const { inbox } = opened(t, (text) => {
    if (text === "bad") throw new Error("bad");
    read.push(text);
  });
  for (const text of ["one", "bad", "two"]) inbox.put(text);
  await inbox.whenEmpty();
  assert.deepEqual(read, ["one", "two"]);
  assert.equal(console.error.mock.callCount(), 1);
  await inbox.whenEmpty();
});
