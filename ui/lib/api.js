// The API as calls. Whoever signs in with a session has a cookie; an embedded component brings its token.

/** Three days, the first and the last included. */
const SHORT_MS = 3 * 86400000;

/** A refusal, or no answer at all (`status` 0). */
export class ApiError extends Error {
  /** @param {Partial<import("../types.js").Problem>} problem */
  constructor(problem) {
    super(problem.detail ?? problem.title ?? "");
    this.status = problem.status ?? 0;
    this.code = problem.code ?? "unreachable";
    this.position = problem.position;
    this.requestId = problem.request_id;
    this.errors = problem.errors ?? [];
  }
}

/** A server, and in whose name it is asked. */
export class Api {
  /** @param {{ server?: string, token?: string | null, tenant?: string | null }} options */
  constructor({ server = "", token = null, tenant = null } = {}) {
    this.server = server.replace(/\/+$/, "");
    this.token = token;
    this.tenant = tenant;
    this.zone = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  }

  /** @param {string} path
   * @param {Record<string, string | number | null | undefined>} parameters */
  address(path, parameters = {}) {
    const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return `${this.server}${path}${search && "?"}${search}`;
  }

  /** @param {string} path
   * @param {RequestInit} [options]
   * @returns {Promise<Response>} an answer that is not a refusal */
  async call(path, options = {}) {
    const headers = new Headers(options.headers);
    if (this.token) headers.set("authorization", `Bearer ${this.token}`);
    const credentials = this.token ? "omit" : "same-origin";
    let response;
    try {
      response = await fetch(path, { cache: "no-store", ...options, headers, credentials });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ApiError({ detail: String(error) });
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new ApiError({ detail: response.statusText, ...problem, status: response.status });
  }

  /** @param {string} path
   * @param {Record<string, string | number | null | undefined>} [parameters]
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} */
  async get(path, parameters, signal) {
    const response = await this.call(this.address(path, parameters), { signal });
    return response.json();
  }

  /** What every question is asked with.
   * @param {string} query */
  question(query) {
    return { q: query, tz: this.zone, tenant: this.tenant };
  }

  /** How many entries match.
   * @param {string} query
   * @param {AbortSignal} [signal]
   * @returns {Promise<number>} */
  async count(query, signal) {
    return (await this.get("/v1/events/count", this.question(query), signal)).count;
  }

  /** Entries over time: by hours where all are within three days, else by days of UTC.
   * @param {string} query
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../types.js").Bucket[]>} */
  async histogram(query, signal) {
    const ask = async (/** @type {object} */ how) => (await this.get("/v1/events/histogram", { ...this.question(query), ...how }, signal)).buckets;
    const days = await ask({ tz: "UTC" });
    const isShort = days.length && Date.parse(days.at(-1).day) - Date.parse(days[0].day) < SHORT_MS;
    return isShort ? ask({ interval: "hour" }) : days;
  }

  /** One page of entries, newest first; of one thing where `target` is given.
   * @param {{ query: string, target?: string | null, after?: string | null, limit?: number }} asked
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../types.js").Page>} */
  page({ query, target, after, limit }, signal) {
    const path = target ? "/v1/history" : "/v1/events";
    return this.get(path, { ...this.question(query), target, after, limit }, signal);
  }

  /** Takes all that matches out as a file, which no link could: it cannot bring the token, and an address must not. It is
   * streamed to where the reader chooses; a browser without a way to do that keeps it until it is whole.
   * @param {string} name
   * @param {string} query */
  async save(name, query) {
    const file = await chosen(name);
    if (file === null) return;
    const response = await this.call(this.address(`/v1/${name}`, this.question(query)));
    if (file) {
      await response.body?.pipeTo(await file.createWritable());
      return;
    }
    const href = URL.createObjectURL(await response.blob());
    Object.assign(document.createElement("a"), { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  }

  /** Entries as they come, until the signal says to stop. Comes back after an interruption where it was.
   * @param {string} query
   * @param {{ entry: (entry: import("../types.js").Entry) => void, state: (connected: boolean) => void }} listener
   * @param {AbortSignal} signal */
  async tail(query, listener, signal) {
    /** @type {string | undefined} */
    let last;
    for (let waited = 500; !signal.aborted; waited = Math.min(waited * 2, 15000)) {
      try {
        const address = this.address("/v1/events/tail", { ...this.question(query), after: last });
        const response = await this.call(address, { signal });
        listener.state(true);
        for await (const { id, data } of serverSent(response)) {
          waited = 500;
          last = id ?? last;
          if (data) listener.entry(JSON.parse(data));
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status >= 400 && error.status < 500) throw error;
      }
      listener.state(false);
      await new Promise((resolve) => setTimeout(resolve, waited));
    }
  }
}

/** The file that the reader chooses, null where they change their mind, nothing where the browser cannot ask.
 * @param {string} name */
async function chosen(name) {
  try {
    return await /** @type {any} */ (window).showSaveFilePicker?.({ suggestedName: name });
  } catch (error) {
    return /** @type {Error} */ (error).name === "AbortError" ? null : undefined;
  }
}

/** The cursor of a URL of the API, which may have been written for another address of the server.
 * @param {string | null} url */
export function cursorOf(url) {
  return url ? new URL(url, "http://localhost").searchParams.get("after") : null;
}

/** The events of a stream of server-sent events.
 * @param {Response} response
 * @returns {AsyncGenerator<{ id?: string, data: string }>} */
async function* serverSent(response) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) yield parsedEvent(event);
  }
}

/** @param {string} text */
function parsedEvent(text) {
  /** @type {{ id?: string, data: string }} */
  const event = { data: "" };
  for (const line of text.split("\n")) {
    if (line.startsWith("id: ")) event.id = line.slice(4);
    if (line.startsWith("data: ")) event.data += line.slice(6);
  }
  return event;
}
