// @ts-check
// The token of the link, which permits to watch, or to stop too.
//
// It comes in the address's fragment, which a browser sends to nobody. It is kept for this tab, so
// that a reload has it, and for this path: behind a proxy several workers may have one origin.

const KEY = `sleap-progress-token ${location.pathname}`;
const HEADER = "X-Sleap-Progress-Token";
const ORIGIN_HEADER = "X-Sleap-Progress-Origin";
const PROTOCOL_PREFIX = "token.";
const TOKEN_FIELD = "token=";

/** @param {string} field */
const isToken = (field) => field.startsWith(TOKEN_FIELD);

const token = takeToken() || stored();

// A link that is opened in the page's own tab changes the fragment alone.
addEventListener("hashchange", () => {
  if (takeToken()) location.reload();
});

/** Move a token from the address to the tab's store; the token as the link has it, or "". */
function takeToken() {
  const address = new URL(location.href);
  const fields = address.hash.slice(1).split("&");
  const given = fields.find(isToken)?.slice(TOKEN_FIELD.length) ?? "";
  if (!given) return "";
  try {
    sessionStorage.setItem(KEY, given);
  } catch {
    return given; // a browser may forbid it: the token stays in the address, for a reload
  }
  address.hash = "";
  const others = fields.filter((field) => !isToken(field)).join("&");
  for (const [name, value] of new URLSearchParams(others)) address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
  return given;
}

function stored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/**
 * What goes with each request. Browsers do not say where a GET of the same origin comes from, and a
 * server that is not known under this name is to say so at once.
 * @returns {Record<string, string>}
 */
export const headers = () => ({
  ...(token ? { [HEADER]: token } : {}),
  [ORIGIN_HEADER]: location.origin,
});

/** The sub-protocols that a WebSocket offers: no header of it can be set. @param {string[]} spoken */
export const protocols = (...spoken) =>
  token ? [...spoken, PROTOCOL_PREFIX + base64url(token)] : spoken;

/** @param {string} ascii */
const base64url = (ascii) =>
  btoa(ascii).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
