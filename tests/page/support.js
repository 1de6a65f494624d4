// What a worker sends, for the records of the page.

import { Training } from "../../actors/worker/viewer/page/training.js";

export const WIRE = {
  protocol: "sleap-progress.v2",
  piece_prefix: "PIECE::",
  event_mark: "__meta__",
  stop: "the stop order",
  cancel: "the cancel order",
  alive_interval: 10,
};

export const SESSION = {
  instance: "one",
  may_control: true,
  replay: false,
  time: 1e9,
  host: "gpu",
  title: "a run",
  version: "1",
  ice_servers: [],
  wire: WIRE,
};

/** A record and what it is told, by the worker's clock. */
export class Told {
  constructor() {
    this.lines = [];
    this.entries = []; // times and messages
    this.output = { add: (lines, changing) => this.lines.push(...lines, changing) };
    this.training = new Training(this.output, "client-1", WIRE);
    this.position = 0;
    this.time = 1000;
  }

  /** @param {string} text */
  text(text) {
    this.entries.push([this.time, text]);
    const page = { first: this.position, times: [this.time], messages: [text] };
    this.training.take(JSON.stringify(page));
  }

  /** The time and the position of what comes next, as after a pause. */
  clock(time = this.time, position = this.position + 1) {
    this.time = time;
    this.position = position - 1;
  }

  entry(fields) {
    this.position += 1;
    this.text(typeof fields === "string" ? fields : JSON.stringify(fields));
  }

  event(event, fields) {
    this.entry({ what: "__meta__", event, ...fields });
  }

  state(state, fields = {}) {
    this.event("state", { state, text: `it is ${state}`, title: "a run", epochs: null, ...fields });
  }

  report(event, fields = {}) {
    this.entry({ what: "", event, logs: null, ...fields });
  }

  /** One epoch of `seconds`, with so many batches. */
  epoch(number, logs, { batches = 2, seconds = 10, what = "" } = {}) {
    this.report("epoch_begin", { epoch: number, what });
    for (let batch = 0; batch < batches; batch++) {
      this.report("batch_end", { epoch: number, batch, logs: { loss: 1 / (batch + 1) }, what });
    }
    this.clock(this.time + seconds);
    this.report("epoch_end", { epoch: number, logs, what });
  }

  begin(fields = {}) {
    this.report("train_begin", { wandb_url: null, ...fields });
  }
}

/** A connection that is open, or as `fields` say. */
export const link = (fields = {}) => ({
  isOpen: true,
  hasBeenOpen: true,
  phase: "open",
  tries: 1,
  reason: "open the link",
  loaded: null,
  words: "reconnecting (try 1)",
  session: SESSION,
  ...fields,
});
