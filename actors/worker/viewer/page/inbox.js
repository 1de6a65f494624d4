// @ts-check
// Texts on their way from a transport to the record.

const TURN_BUDGET = 8; // milliseconds of work on messages before the browser has its turn

/** Texts in the order they came; read for TURN_BUDGET at a time, then the browser has its turn. */
export class Inbox {
  /** @param {(text: string) => void} read @param {() => void} afterTurn */
  constructor(read, afterTurn) {
    this.read = read;
    this.afterTurn = afterTurn;
    this.texts = /** @type {string[]} */ ([]);
    this.at = 0;
    this.running = false;
    this.waiting = /** @type {(() => void)[]} */ ([]);
    // A posted message comes back at once, also in a hidden tab, where timers are slow.
    this.turns = new MessageChannel();
    this.turns.port1.onmessage = () => this.turn();
  }

  /** @param {string} message */
  put(message) {
    this.texts.push(message);
    if (this.running) return;
    this.running = true;
    this.turns.port2.postMessage(null);
  }

  get size() {
    return this.texts.length - this.at;
  }

  turn() {
    const end = performance.now() + TURN_BUDGET;
    while (this.at < this.texts.length && performance.now() < end) this.readNext();
    if (this.at === this.texts.length || this.at > 50_000) {
      this.texts.splice(0, this.at);
      this.at = 0;
    }
    this.running = this.texts.length > 0;
    if (this.running) this.turns.port2.postMessage(null);
    else for (const resolve of this.waiting.splice(0)) resolve();
    this.afterTurn();
  }

  readNext() {
    const message = this.texts[this.at];
    this.texts[this.at++] = "";
    try {
      this.read(message);
    } catch (error) {
      console.error("a message could not be read", error);
    }
  }

  /** @returns {Promise<void>} */
  whenEmpty() {
    return this.running ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve();
  }
}
