// Loads the log from Deedbook and gives it a session, which it renews for as long as the page is open.

/** How long before its end a session is renewed, or half of what is left. */
const AHEAD_MS = 60_000;

/** Asks the product's own server. */
async function ask(path, body = {}) {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** A code of the product's server for the token of a session, which Deedbook gives to this page alone. */
async function session() {
  const { server, code } = await ask("/audit/session");
  const response = await fetch(`${server}/v1/viewer-sessions/exchange`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });
  if (!response.ok) throw new Error(`exchange: ${response.status}`);
  return { server, ...(await response.json()) };
}

const log = document.querySelector("deedbook-log");
const failure = document.querySelector("[role=alert]");
let timer = 0;

function renewLater({ id, expires_at }) {
  const left = new Date(expires_at) - Date.now();
  clearTimeout(timer);
  timer = setTimeout(async () => {
    try {
      // The token stays the same, so that nothing on the page is loaded anew.
      renewLater({ id, ...(await ask("/audit/renew", { id })) });
    } catch {
      begin();
    }
  }, Math.max(left - AHEAD_MS, left / 2));
}

async function begin() {
  try {
    const { server, token, ...begun } = await session();
    log.server = server;
    log.token = token;
    await import(`${server}/ui/log.js`);
    renewLater(begun);
    failure.textContent = "";
  } catch (error) {
    console.warn(error);
    failure.textContent = "The log cannot be shown at this moment.";
  }
}

// A computer that slept may have slept through the end of the session.
log.addEventListener("deedbook-failure", (event) => {
  if (event.detail.status === 401) begin();
});
begin();
