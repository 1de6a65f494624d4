import assert from "node:assert/strict";
import { test } from "node:test";
import { SESSION } from "./support.js";

// What the module that reads the link's token finds in a browser.
globalThis.location = new URL("http://127.0.0.1:8765/");
globalThis.addEventListener = () => {};
const { Link } = await import("../../actors/worker/viewer/page/link.js");

/** Sockets that a test opens and loses. */
class Socket extends EventTarget {
  static all = [];
  constructor(address, protocols) {
    super();
    this.address = String(address);
    this.protocols = protocols;
    this.sent = [];
    Socket.all.push(this);
  }
  send(text) {
    this.sent.push(text);
  }
  close() {
    this.dispatchEvent(new Event("close"));
  }
  hear(text) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: text }));
  }
}

/** A link whose world is the test's: its clock, its server, its sockets. */
function opened(t, { hasEnded = () => false } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 });
  const world = { status: 200, session: SESSION, phases: [], texts: [], sessions: [] };
  Object.assign(world, { digests: [], shares: [], parts: ['{"posi', 'tion": 7}'], of: "one" });
  t.mock.method(globalThis, "fetch", async (path) => {
    if (world.status === 0) throw new TypeError("Failed to fetch");
    if (path === "digest" && world.unable) return new Response("{}", { status: 503 });
    if (path === "digest" && world.status === 200) return digestOf(world);
    return new Response(JSON.stringify(world.status === 200 ? world.session : { error: "no" }), {
      status: world.status,
    });
  });
  t.mock.method(AbortSignal, "timeout", () => new AbortController().signal);
  t.mock.method(Math, "random", () => 0.5);
  globalThis.WebSocket = Socket;
  Socket.all = [];
  const link = new Link({
    client: "client-1",
    forced: "ws",
    inbox: { put: (text) => world.texts.push(text), whenEmpty: async () => {} },
    position: () => 7,
    hasEnded,
    onSession: (session, restarted) => world.sessions.push([session.instance, restarted]),
    onDigest: (digest) => world.digests.push(digest),
    onChange: () => {
      world.phases.push(link.phase);
      if (link.loaded !== null) world.shares.push(link.loaded);
    },
  });
  void link.run();
  return { link, world };
}

/** A digest on its way, in parts; `of` is the instance that tells it. */
function digestOf({ parts, of }) {
  const body = new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
  const size = parts.join("").length;
  return new Response(body, { headers: { "X-Unpacked-Length": size, "X-Instance": of } });
}

/** What is due runs, without a moment that passes. */
const settle = async () => {
  for (let i = 0; i < 50; i++) await null;
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 50; i++) await null;
};

async function connected(t, options) {
  const made = opened(t, options);
  await settle();
  Socket.all[0].dispatchEvent(new Event("open"));
  await settle();
  assert.equal(made.link.phase, "open");
  return made;
}

test("it connects, hears and sends", async (t) => {
  const { link, world } = await connected(t);
  const [socket] = Socket.all;
  assert.match(socket.address, /\/ws\/client-1\/7\/one$/);
  assert.ok([socket.protocols].flat().includes(SESSION.wire.protocol));
  socket.hear("a text");
  assert.deepEqual(world.texts, ["a text"]);
  assert.equal(link.send("an order"), true);
  assert.deepEqual(socket.sent, ["an order"]);
  assert.deepEqual(world.sessions, [["one", false]]);
});

test("the run so far comes first, and how much of it has come is told", async (t) => {
  const { link, world } = await connected(t);
  assert.deepEqual(world.digests, [{ position: 7 }]);
  assert.deepEqual(world.shares, [0.4, 1]);
  assert.equal(link.loaded, null);
});

test("after a short loss it goes on, after a long one it is told the run so far", async (t) => {
  const { world } = await connected(t);
  Socket.all[0].close();
  await settle();
  t.mock.timers.tick(500);
  await settle();
  assert.equal(Socket.all.length, 2);
  assert.equal(world.digests.length, 1);
  world.status = 0;
  Socket.all[1].close();
  await settle();
  for (let i = 0; i < 10; i++) {
    t.mock.timers.tick(10_000);
    await settle();
  }
  world.status = 200;
  t.mock.timers.tick(10_000);
  await settle();
  assert.equal(world.digests.length, 2);
});

test("the run of another instance is not taken for this one's", async (t) => {
  const { link, world } = opened(t);
  world.of = "another";
  await settle();
  assert.deepEqual(world.digests, []);
  assert.equal(link.phase, "pausing");
  assert.match(link.words, /restarted meanwhile/);
  world.of = "one";
  t.mock.timers.tick(500);
  await settle();
  assert.deepEqual(world.digests, [{ position: 7 }]);
});

test("a worker that cannot tell its run at once tells it report by report", async (t) => {
  const { link, world } = opened(t);
  world.unable = true;
  for (let i = 0; i < 2; i++) {
    await settle();
    assert.equal(link.phase, "pausing");
    assert.equal(link.loaded, null);
    t.mock.timers.tick(10_000);
  }
  await settle();
  assert.equal(Socket.all.length, 1);
  assert.deepEqual(world.digests, []);
});

test("a connection that is lost is made again, later each time", async (t) => {
  const { link, world } = await connected(t);
  world.status = 0;
  Socket.all[0].close();
  await settle();
  assert.equal(link.phase, "pausing");
  assert.equal(link.send("an order"), false);
  const waits = [];
  for (let i = 0; i < 6; i++) {
    waits.push(Math.round(link.nextAt - Date.now()));
    t.mock.timers.tick(waits[i]);
    await settle();
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 10_000]);
  assert.match(link.words, /the worker cannot be reached; reconnecting \(try 8, next in 10 s\)/);
  world.status = 200;
  link.wake();
  await settle();
  Socket.all[1].dispatchEvent(new Event("open"));
  await settle();
  assert.equal(link.phase, "open");
});

test("silence is a loss, when it is longer than the worker's signs of life allow", async (t) => {
  const { link } = await connected(t);
  t.mock.timers.tick(20_000);
  Socket.all[0].hear("alive");
  t.mock.timers.tick(24_000);
  assert.equal(link.phase, "open");
  t.mock.timers.tick(2_000);
  await settle();
  assert.equal(link.phase, "pausing");
});

test("a worker that was started again is another one", async (t) => {
  const { world } = await connected(t);
  world.session = { ...SESSION, instance: "two" };
  world.of = "two";
  Socket.all[0].close();
  await settle();
  t.mock.timers.tick(500);
  await settle();
  assert.deepEqual(world.sessions[1], ["two", true]);
  assert.equal(world.digests.length, 2, "it is told all of its run");
});

test("without access it waits until somebody asks again", async (t) => {
  const { link, world } = opened(t);
  world.status = 401;
  await settle();
  assert.equal(link.phase, "denied");
  t.mock.timers.tick(600_000);
  await settle();
  assert.equal(link.tries, 1);
  link.wake();
  await settle();
  assert.equal(link.tries, 2);
});

test("after the end of the run it looks for the worker a few times", async (t) => {
  const { link, world } = await connected(t, { hasEnded: () => true });
  world.status = 0;
  Socket.all[0].close();
  for (let i = 0; i < 6; i++) {
    await settle();
    t.mock.timers.tick(10_000);
  }
  await settle();
  assert.equal(link.phase, "over");
  assert.match(link.words, /the worker has ended/);
  const { tries } = link;
  t.mock.timers.tick(600_000);
  await settle();
  assert.equal(link.tries, tries);
});
