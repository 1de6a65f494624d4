// @ts-check
// The two ways to the worker: a WebRTC data channel and a WebSocket, with the same texts.

import { headers, protocols } from "./access.js";
import { text, record } from "./values.js";

/** @typedef {{protocol: string, piece_prefix: string, event_mark: string, stop: string, cancel: string, alive_interval: number}} Wire */
/** @typedef {{instance: string, may_control: boolean, may_compare?: boolean, replay: boolean, host: string, title: string, version: string, time: number, ice_servers: RTCIceServer[], wire: Wire}} Session */
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
  const response = await request(path, { signal: AbortSignal.timeout(REQUEST_WAIT), ...options });
  const answer = await jsonOf(response);
  if (answer === null) throw new Refused(401, refusalOfProxy(response));
  return answer;
}

/** @param {string} path @param {RequestInit} options @returns {Promise<Response>} */
async function request(path, options) {
  const response = await fetch(path, {
    credentials: "same-origin", // the cookies are those of a proxy that wants to know who it is
    cache: "no-store",
    ...options,
    headers: { ...options.headers, ...headers() },
  });
  if (response.ok) return response;
  const answer = record(await jsonOf(response));
  throw new Refused(response.status, text(answer.error) || refusalOfProxy(response));
}

/** What an answer holds; null when it is not JSON. @param {Response} response @returns {Promise<unknown>} */
function jsonOf(response) {
  return response.json().catch((error) => {
    if (error instanceof SyntaxError) return null;
    throw error; // the connection was lost meanwhile
  });
}

/** What an answer means that the worker has not written. @param {Response} response */
function refusalOfProxy({ ok, status }) {
  if (ok || status === 401 || status === 403)
    return "a proxy in front of the worker wants you to sign in first: reload this page";
  if (status === 502 || status === 503 || status === 504) return "the worker cannot be reached";
  return `the worker answered ${status}`;
}

/**
 * The run so far. It may take long over a slow line, but never REQUEST_WAIT without a byte.
 * @param {(share: number) => void} onProgress is told how much of it is there, from 0 to 1
 * @returns {Promise<{instance: string, digest: Record<string, unknown>}>}
 */
export async function requestDigest(onProgress) {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), REQUEST_WAIT);
  try {
    const response = await request("digest", { signal: abort.signal });
    const size = Number(response.headers.get("X-Unpacked-Length"));
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    let json = "";
    let count = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), REQUEST_WAIT);
      json += decoder.decode(value, { stream: true });
      count += value.length;
      if (size > 0) onProgress(Math.min(1, count / size));
    }
    const instance = response.headers.get("X-Instance") ?? "";
    return { instance, digest: record(JSON.parse(json)) };
  } finally {
    clearTimeout(timer);
  }
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
          lost.then(() => Promise.reject(new Error("no connection to the worker could be made"))),
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
  // Not in a query: some proxies lose it.
  const address = new URL(`ws/${client}/${after}/${session.instance}`, location.href);
  address.protocol = address.protocol.replace("http", "ws");
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
        lost.then(() =>
          Promise.reject(
            new Error(
              "no WebSocket could be opened, which a proxy before the worker has to pass on",
            ),
          ),
        ),
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
