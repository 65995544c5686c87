// The API as calls. Whoever signs in with a session has a cookie; an embedded component brings its token.

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

  /** One page of entries, newest first; of one thing where `target` is given.
   * @param {{ query: string, target?: string | null, after?: string | null, limit?: number }} asked
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../types.js").Page>} */
  page({ query, target, after, limit }, signal) {
    const path = target ? "/v1/history" : "/v1/events";
    return this.get(path, { ...this.question(query), target, after, limit }, signal);
  }

  /** Entries as they come, until the signal says to stop. Comes back after an interruption where it was.
   * @param {{ query: string, after: string | null }} asked
   * @param {{ entry: (entry: import("../types.js").Entry) => void, state: (connected: boolean) => void }} listener
   * @param {AbortSignal} signal */
  async tail({ query, after }, listener, signal) {
    let last = after;
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

/** The cursor of a URL of the API, which may have been written for another address of the server.
 * @param {string | null} url
 * @param {string} name */
export function cursorOf(url, name) {
  return url ? new URL(url, "http://localhost").searchParams.get(name) : null;
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
