// The live end of the list: entries as they come, shown at once where the reader is at the top, else counted.

import { ApiError } from "../lib/api.js";
import { html, nothing } from "../lib/element.js";
import { term } from "../lib/query.js";
import { icon } from "../lib/style.js";

/** More than so many new entries are not kept: the list begins anew. */
const ENTRIES_MAX = 200;
/** How often what came is shown. */
const SHOW_MS = 100;
/** Who scrolled further down than this must not have the list move. */
const TOP_PX = 40;

/** @param {import("../types.js").Entry} entry */
const key = ({ id, tenant }) => `${tenant} ${id}`;

/** What is new, for one list. */
export class Live {
  /** @param {import("./feed.js").Feed} feed */
  constructor(feed) {
    this.feed = feed;
    /** @type {import("../types.js").Entry[]} */
    this.entries = [];
    /** @type {import("../types.js").Entry[]} */
    this.arrived = [];
    this.waiting = 0;
    this.isConnected = true;
    /** @type {AbortController | null} */
    this.stream = null;
    this.timer = 0;
  }

  stop() {
    this.stream?.abort();
    this.stream = null;
    clearTimeout(this.timer);
    this.timer = 0;
    this.entries = [];
    this.arrived = [];
    this.waiting = 0;
    this.isConnected = true;
  }

  /** The list has been read anew; what comes after is new. */
  begin() {
    if (this.feed.live) this.open();
  }

  /** The reader switched it on or off. */
  follow() {
    if (!this.feed.live) {
      this.stream?.abort();
      this.stream = null;
    } else if (this.feed.sheets.length) {
      // What came meanwhile is not known; reading anew shows it.
      this.feed.reload();
    }
  }

  open() {
    const { api, asked: query, target } = this.feed;
    if (!api) return;
    const stream = (this.stream = new AbortController());
    const narrowed = target ? `${query ? `(${query}) ` : ""}${term("target", target)}` : query;
    const listener = {
      entry: (/** @type {import("../types.js").Entry} */ entry) => this.take(entry),
      state: (/** @type {boolean} */ connected) => {
        this.isConnected = connected;
        if (connected) this.fill(stream.signal);
        this.feed.requestUpdate();
      },
    };
    api.tail(narrowed, listener, stream.signal).catch((error) => {
      if (error instanceof ApiError && !stream.signal.aborted) this.feed.failure = error;
    });
  }

  /** What came between the reading of the list and the beginning of the stream.
   * @param {AbortSignal} signal */
  async fill(signal) {
    const page = await this.feed.fetched(null, signal).catch(() => null);
    if (!page || signal.aborted) return;
    const known = this.known();
    const end = page.data.findIndex((entry) => known.has(key(entry)));
    for (const entry of page.data.slice(0, end < 0 ? undefined : end)) this.take(entry, "unshift");
  }

  known() {
    return new Set([...this.entries, ...(this.feed.sheets[0]?.entries ?? [])].map(key));
  }

  /** @param {import("../types.js").Entry} entry
   * @param {"push" | "unshift"} [end] */
  take(entry, end = "push") {
    if (this.arrived.some((other) => key(other) === key(entry))) return;
    this.arrived[end](entry);
    if (this.arrived.length > ENTRIES_MAX) this.arrived.shift();
    this.waiting += 1;
    this.timer ||= window.setTimeout(() => this.show(), SHOW_MS);
  }

  show() {
    this.timer = 0;
    if ((this.feed.scroller?.scrollTop ?? 0) > TOP_PX) return this.feed.requestUpdate();
    if (this.entries.length + this.waiting > ENTRIES_MAX) return void this.feed.reload();
    const known = this.known();
    const fresh = this.arrived.filter((entry) => !known.has(key(entry)));
    this.entries = [...fresh.reverse(), ...this.entries];
    this.arrived = [];
    this.waiting = 0;
    this.feed.requestUpdate();
  }

  /** Shows what waited. */
  catchUp() {
    this.feed.scroller?.scrollTo({ top: 0 });
    this.show();
  }

  /** The line above the list while it is live. */
  bar() {
    if (!this.feed.live) return nothing;
    const { say } = this.feed.words;
    return html`
      <div class=${this.isConnected ? "bar" : "bar lost"} role="status">
        <span class="pulse">${icon(this.isConnected ? "live" : "offline")}</span>${say(this.isConnected ? "log.live.on" : "log.live.lost")}
      </div>
      ${this.waiting ? html`<div class="new"><button class="main" @click=${this.catchUp.bind(this)}>${say("log.live.new", { count: this.waiting })}</button></div>` : nothing}
      <div class="unseen" role="status">${this.entries.length ? say("log.live.new", { count: this.entries.length }) : nothing}</div>`;
  }
}
