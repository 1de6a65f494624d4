// @ts-check
// The connection to the worker, for as long as the page is open.

import { Refused, requestDigest, requestJson, openRtc, openWebSocket } from "./transports.js";
/** @typedef {import("./transports.js").Session} Session */
/** @typedef {import("./transports.js").Transport} Transport */
/** @typedef {import("./transports.js").Wish} Wish */
/** @typedef {import("./inbox.js").Inbox} Inbox */

const LOST_AFTER = 2.5; // times the interval of the worker's signs of life without any message
const DIGEST_AFTER = 60; // seconds away: what came meanwhile is told at once
const STEADY_AFTER = 5; // seconds that a connection has to last to be counted as a good one
const RETRY_FIRST = 0.5; // seconds
const RETRY_MOST = 10; // seconds
const TRIES_AFTER_END = 4; // the worker of an ended run is most likely gone

/** The connection's life: connect, stay, be lost, wait, connect again. */
export class Link {
  /** @param {{client: string, forced: string | null, inbox: Inbox, position: () => number, hasEnded: () => boolean, onSession: (session: Session, restarted: boolean) => void, onDigest: (digest: Record<string, unknown>) => void, onChange: () => void}} owner */
  constructor(owner) {
    this.owner = owner;
    this.phase = /** @type {"connecting" | "open" | "pausing" | "denied" | "over"} */ (
      "connecting"
    );
    this.session = /** @type {Session | null} */ (null);
    this.transport = /** @type {Transport | null} */ (null);
    this.tries = 0;
    this.opens = 0;
    this.nextAt = 0;
    this.reason = "";
    this.lastHeard = 0;
    this.loaded = /** @type {number | null} */ (null); // share of the digest that is there
    this.loading = /** @type {object | null} */ (null); // the digest that is waited for
    this.isOther = false; // the worker was started again
    this.rtcFailed = false;
    this.away = false; // the page is being left
    this.wakeUp = () => {};
  }

  get isOpen() {
    return this.phase === "open";
  }

  get hasBeenOpen() {
    return this.opens > 0;
  }

  get words() {
    const reason = this.reason ? `${this.reason}; ` : "";
    if (this.phase === "over") return `${reason}the worker has ended`;
    if (this.phase === "connecting") return `${reason}reconnecting (try ${this.tries || 1})`;
    const seconds = Math.max(0, Math.ceil((this.nextAt - Date.now()) / 1000));
    return `${reason}reconnecting (try ${this.tries + 1}, next in ${seconds} s)`;
  }

  /** Runs for as long as the page does. */
  async run() {
    setInterval(() => this.checkSilence(), 1000);
    for (;;) {
      await this.owner.inbox.whenEmpty();
      const began = Date.now();
      try {
        await this.connect();
        if (Date.now() - began > STEADY_AFTER * 1000) this.tries = 0;
        this.reason = "";
      } catch (error) {
        this.note(error);
      }
      this.transport = null;
      await this.rest();
    }
  }

  /** Returns when a connection that was open is lost. */
  async connect() {
    this.become("connecting");
    this.tries += 1;
    const session = await this.load();
    const wish = {
      session,
      client: this.owner.client,
      after: this.owner.position(),
      onText: (/** @type {string} */ message) => this.hear(message),
    };
    this.transport = await this.open(wish);
    this.opens += 1;
    this.lastHeard = Date.now();
    this.become("open");
    await this.transport.lost;
  }

  /** What the worker is, and the run so far where the page does not know nearly all of it. */
  async load() {
    const isLate = Date.now() - this.lastHeard > DIGEST_AFTER * 1000;
    const asked = isLate ? this.askForDigest() : null; // at once with the session
    asked?.catch(() => {}); // it is waited for below
    try {
      const session = await this.readSession();
      if (!asked && !this.isOther) return session;
      const told = await (asked ?? this.askForDigest()).catch((error) => this.doWithout(error));
      if (told) {
        const { instance, digest } = told;
        if (instance !== session.instance) throw new Error("the worker was restarted meanwhile");
        this.owner.onDigest(digest);
      }
      this.lastHeard = Date.now();
      return session;
    } finally {
      this.loaded = this.loading = null;
    }
  }

  /** A worker that cannot tell its run at once, again and again, tells it report by report. @param {unknown} error */
  doWithout(error) {
    const isUnable = error instanceof Refused && error.status === 503 && this.tries > 2;
    if (!isUnable || this.session?.replay) throw error;
    return null;
  }

  askForDigest() {
    const loading = (this.loading = {});
    this.loaded = 0;
    return requestDigest((share) => {
      if (this.loading !== loading) return; // nobody waits for it any more
      this.loaded = share;
      this.owner.onChange();
    });
  }

  async readSession() {
    const session = /** @type {Session} */ (await requestJson("session"));
    const restarted = this.session !== null && this.session.instance !== session.instance;
    this.session = session;
    this.isOther = restarted;
    if (restarted) this.tries = 1;
    this.owner.onSession(session, restarted);
    return session;
  }

  /** @param {Wish} wish @returns {Promise<Transport>} */
  async open(wish) {
    const { forced } = this.owner;
    if (
      forced === "ws" ||
      (forced !== "rtc" && (this.rtcFailed || !("RTCPeerConnection" in globalThis)))
    )
      return openWebSocket(wish);
    try {
      return await openRtc(wish);
    } catch (error) {
      if (forced === "rtc" || error instanceof Refused) throw error;
      const transport = await openWebSocket(wish);
      this.rtcFailed = true; // where only this works, the next try would wait in vain again
      return transport;
    }
  }

  /** @param {string} message */
  hear(message) {
    this.lastHeard = Date.now();
    this.owner.inbox.put(message);
  }

  /** @param {unknown} error */
  note(error) {
    if (error instanceof Refused && [401, 403, 421].includes(error.status)) this.become("denied");
    const unreachable = error instanceof TypeError || error instanceof DOMException; // fetch's own
    this.reason =
      unreachable || !(error instanceof Error) ? "the worker cannot be reached" : error.message;
  }

  /** Wait for the next try, or until something says that it is worth one. */
  async rest() {
    const exponential = Math.min(RETRY_MOST, RETRY_FIRST * 2 ** Math.max(0, this.tries - 1));
    const seconds = Math.min(RETRY_MOST, exponential * (0.75 + Math.random() / 2));
    const gone = this.owner.hasEnded() && this.tries >= TRIES_AFTER_END;
    const waits = this.phase === "denied" || gone || this.away;
    this.nextAt = Date.now() + seconds * 1000;
    if (this.phase !== "denied") this.become(gone ? "over" : "pausing");
    await new Promise((resolve) => {
      this.wakeUp = () => resolve(undefined);
      if (!waits) setTimeout(resolve, seconds * 1000);
    });
    this.wakeUp = () => {};
  }

  /** The network is back, or somebody looks. */
  wake() {
    this.away = false;
    this.checkSilence();
    this.wakeUp();
  }

  /** The page is left: the worker need not find out by itself. */
  leave() {
    this.away = true;
    this.drop();
  }

  /** Give the connection up; the next one is made as after any loss. */
  drop() {
    this.transport?.close();
  }

  checkSilence() {
    const interval = this.session?.wire.alive_interval ?? Infinity;
    if (this.isOpen && Date.now() - this.lastHeard > LOST_AFTER * interval * 1000) this.drop();
  }

  /** @param {string} message @returns {boolean} whether it was sent */
  send(message) {
    if (!this.isOpen || !this.transport) return false;
    try {
      this.transport.send(message);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {Link["phase"]} phase */
  become(phase) {
    this.phase = phase;
    this.owner.onChange();
  }
}
