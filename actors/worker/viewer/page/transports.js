// @ts-check
// The two ways to the worker: a WebRTC data channel and a WebSocket, with the same texts.

import { headers, protocols } from "./access.js";
import { text, record } from "./values.js";

/** @typedef {{protocol: string, report_prefix: string, event_mark: string, stop: string, cancel: string, alive_interval: number}} Wire */
/** @typedef {{instance: string, may_control: boolean, replay: boolean, host: string, title: string, version: string, ice_servers: RTCIceServer[], wire: Wire}} Session */
/** @typedef {{name: string, send: (text: string) => void, close: () => void, lost: Promise<void>}} Transport */
/** @typedef {{session: Session, client: string, after: number, onText: (text: string) => void}} Wish */

const RTC_WAIT = 3000; // milliseconds until the data channel has to be open
const GATHERING_WAIT = 2000; // milliseconds
const REQUEST_WAIT = 8000; // milliseconds

/** The server has answered, and the answer is no. */
export class Refused extends Error {
  /** @param {number} status @param {string} reason */
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
export async function requestJson(path, options = {}) {
  const response = await fetch(path, {
    credentials: "same-origin", // the cookies are those of a proxy that wants to know who it is
    cache: "no-store",
    signal: AbortSignal.timeout(REQUEST_WAIT),
    ...options,
    headers: { ...options.headers, ...headers() },
  });
  const answer = await response.json().catch((error) => {
    if (!(error instanceof SyntaxError)) throw error; // the connection was lost meanwhile
    return null;
  });
  if (response.ok && answer !== null) return answer;
  const status = response.ok ? 401 : response.status;
  throw new Refused(status, text(record(answer).error) || refusalOfProxy(response));
}

/** What an answer means that the worker has not written. @param {Response} response */
function refusalOfProxy({ ok, status }) {
  if (ok || status === 401 || status === 403)
    return "a proxy before the worker lets nobody through who is not signed in: reload this page to sign in";
  if (status === 502 || status === 503 || status === 504) return "the worker cannot be reached";
  return `the worker answered ${status}`;
}

/**
 * A WebRTC data channel to the worker, open within RTC_WAIT. Candidates are not trickled: the offer
 * is sent when they have been gathered.
 * @param {Wish} wish
 * @returns {Promise<Transport>}
 */
export async function openRtc({ session, client, after, onText }) {
  const peer = new RTCPeerConnection({ iceServers: session.ice_servers ?? [] });
  const channel = peer.createDataChannel("training", { protocol: session.wire.protocol });
  const abort = new AbortController();
  const opened = new Promise((resolve) => channel.addEventListener("open", resolve));
  const lost = new Promise((resolve) => {
    channel.addEventListener("close", resolve);
    peer.addEventListener(
      "connectionstatechange",
      () => ["failed", "closed"].includes(peer.connectionState) && resolve(undefined),
    );
    abort.signal.addEventListener("abort", resolve);
  });
  channel.addEventListener(
    "message",
    ({ data }) => typeof data === "string" && !abort.signal.aborted && onText(data),
  );
  const close = () => {
    abort.abort();
    peer.close();
  };
  try {
    await within(
      RTC_WAIT,
      (async () => {
        await peer.setLocalDescription();
        await gathered(peer);
        const body = JSON.stringify({
          sdp: peer.localDescription?.sdp,
          type: "offer",
          client,
          after,
          instance: session.instance,
        });
        const answer = await requestJson("offer", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body,
          signal: abort.signal,
        });
        await peer.setRemoteDescription(answer);
        await Promise.race([
          opened,
          lost.then(() => Promise.reject(new Error("no way to the worker was found"))),
        ]);
      })(),
    );
  } catch (error) {
    close();
    throw error;
  }
  return {
    name: "WebRTC",
    send: (message) => channel.send(message),
    close,
    lost: lost.then(() => undefined),
  };
}

/** @param {RTCPeerConnection} peer */
function gathered(peer) {
  const complete = new Promise((resolve) => {
    const look = () => peer.iceGatheringState === "complete" && resolve(undefined);
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
  return Promise.race([complete, pause(GATHERING_WAIT)]);
}

/** @param {Wish} wish @returns {Promise<Transport>} */
export async function openWebSocket({ session, client, after, onText }) {
  const address = new URL("ws", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = String(
    new URLSearchParams({ client, after: String(after), instance: session.instance }),
  );
  const socket = new WebSocket(address, protocols(session.wire.protocol));
  let closed = false;
  const opened = new Promise((resolve) => socket.addEventListener("open", resolve));
  /** @type {() => void} */
  let lose = () => {};
  const lost = /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      lose = resolve;
      socket.addEventListener("close", () => resolve());
    })
  );
  socket.addEventListener(
    "message",
    ({ data }) => typeof data === "string" && !closed && onText(data),
  );
  const close = () => {
    closed = true;
    socket.close();
    lose(); // a socket without a network may take a minute to close
  };
  try {
    await within(
      REQUEST_WAIT,
      Promise.race([
        opened,
        lost.then(() => Promise.reject(new Error("no WebSocket could be opened, which a proxy before the worker has to pass on"))),
      ]),
    );
  } catch (error) {
    close();
    throw error;
  }
  return { name: "WebSocket", send: (message) => socket.send(message), close, lost };
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @template T @param {number} milliseconds @param {Promise<T>} work @returns {Promise<T>} */
function within(milliseconds, work) {
  const late = pause(milliseconds).then(() => Promise.reject(new Error("it took too long")));
  work.catch(() => {}); // when it is late, nobody waits for it any more
  return Promise.race([work, late]);
}
