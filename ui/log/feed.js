// The list of entries: endless downwards by cursors, with few pages in memory, and growing at the top while it is live.

import { ApiError, cursorOf } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { NOWHERE } from "../lib/sentence.js";
import { term, withoutViews } from "../lib/query.js";
import { base, icon } from "../lib/style.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { Live } from "./live.js";
import { COLUMNS, groupRow, row, rowStyle, whenOf } from "./row.js";
import { groupTerm, lines, sheet } from "./window.js";

const PAGE_ENTRIES = 50;
/** How far from what is seen pages are held. */
const MARGIN = "1200px 0px";

/** @typedef {import("./window.js").Sheet} Sheet */

/** Tells `deedbook-open` with an entry, `deedbook-search` with a query, `deedbook-loaded` with what came. */
export class Feed extends Element {
  static properties = {
    api: { attribute: false }, words: { attribute: false }, places: { attribute: false }, scroller: { attribute: false },
    query: {}, target: {}, hidesViews: { attribute: false }, columns: { attribute: false }, relative: { type: Boolean }, live: { type: Boolean }, current: {},
    failure: { state: true }, isLoading: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api | null} */
    this.api = null;
    this.places = NOWHERE;
    /** @type {HTMLElement | null} */
    this.scroller = null;
    this.query = "";
    this.target = "";
    this.hidesViews = false;
    this.columns = new Set(COLUMNS);
    this.relative = false;
    this.live = false;
    /** @type {string | null} */
    this.current = null;
    /** @type {ApiError | null} */
    this.failure = null;
    this.isLoading = false;
    /** @type {Sheet[]} */
    this.sheets = [];
    /** The first page that came from the archive, in part at least; -1 while there is none. */
    this.archived = -1;
    /** @type {string | null} */
    this.next = null;
    this.hasMore = false;
    /** @type {Set<string>} */
    this.opened = new Set();
    this.asking = new AbortController();
    /** @type {IntersectionObserver | null} */
    this.observer = null;
    this.tail = new Live(this);
    this.clock = 0;
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    this.clock = window.setInterval(() => this.relative && this.requestUpdate(), 30_000);
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.clock);
    this.asking.abort();
    this.tail.stop();
    this.observer?.disconnect();
    this.observer = null;
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (["api", "query", "target", "hidesViews"].some((name) => changed.has(name)) && this.api) this.reload();
    else if (changed.has("live")) this.tail.follow();
  }

  /** Begins anew with the newest entries. */
  async reload() {
    this.asking.abort();
    this.asking = new AbortController();
    this.tail.stop();
    this.sheets = [];
    this.archived = -1;
    this.opened.clear();
    this.next = null;
    this.hasMore = true;
    this.failure = null;
    this.scroller?.scrollTo({ top: 0 });
    const page = await this.load(null);
    if (!page) return;
    this.tail.begin();
    this.tell("deedbook-loaded", { count: page.data.length, hasMore: page.has_more });
  }

  /** Reads the page after a cursor and puts it at the end.
   * @param {string | null} after */
  async load(after) {
    const { signal } = this.asking;
    this.isLoading = true;
    try {
      const page = await this.fetched(after, signal);
      if (page.archived && this.archived < 0) this.archived = this.sheets.length;
      this.sheets.push(sheet(this.sheets.length, after, page.data));
      this.next = cursorOf(page.next);
      this.hasMore = page.has_more && this.next !== null;
      this.failure = null;
      return page;
    } catch (error) {
      if (signal.aborted) return null;
      this.failure = error instanceof ApiError ? error : new ApiError({ status: 500, detail: String(error) });
      if (!this.sheets.length) this.tell("deedbook-failed", this.failure);
      return null;
    } finally {
      if (!signal.aborted) this.isLoading = false;
      this.requestUpdate();
    }
  }

  /** @param {string | null} after
   * @param {AbortSignal} signal */
  async fetched(after, signal) {
    const api = /** @type {import("../lib/api.js").Api} */ (this.api);
    const page = (/** @type {string} */ query) => api.page({ query, target: this.target || null, after, limit: PAGE_ENTRIES }, signal);
    try {
      return await page(this.asked);
    } catch (error) {
      // The place of an error is told in the query as it was typed.
      if (this.asked === this.query || /** @type {ApiError} */ (error).code !== "query_syntax") throw error;
      return page(this.query);
    }
  }

  /** The query with what is hidden from it. */
  get asked() {
    return this.hidesViews ? withoutViews(this.query) : this.query;
  }

  get focused() {
    return /** @type {ShadowRoot} */ (this.renderRoot).activeElement;
  }

  more() {
    if (!this.isLoading && this.hasMore && this.sheets.length) this.load(this.next);
  }

  /** What came near is read again, what went far is let go of.
   * @param {IntersectionObserverEntry[]} seen */
  seen(seen) {
    for (const { target, isIntersecting } of seen) {
      const place = /** @type {HTMLElement} */ (target);
      if (place.dataset.more !== undefined) {
        if (isIntersecting) this.more();
        continue;
      }
      const found = this.sheets[Number(place.dataset.sheet)];
      if (!found?.index) continue;
      if (isIntersecting && !found.entries) this.bringBack(found);
      if (!isIntersecting && found.entries && !this.isInUse(found, place)) {
        found.height = place.offsetHeight;
        found.entries = null;
        this.requestUpdate();
      }
    }
  }

  /** A page with the focus, or with a group that is open, stays.
   * @param {Sheet} sheet
   * @param {HTMLElement} place */
  isInUse(sheet, place) {
    return place.contains(this.focused) || sheet.runs.some(({ key }) => key !== null && this.opened.has(key));
  }

  /** @param {Sheet} sheet */
  async bringBack(sheet) {
    const { signal } = this.asking;
    const page = await this.fetched(sheet.after, signal).catch(() => null);
    if (!page || signal.aborted) return;
    sheet.entries = page.data.slice(0, sheet.size);
    this.requestUpdate();
  }

  /** @override */
  updated() {
    this.observer ??= new IntersectionObserver((seen) => this.seen(seen), { root: this.scroller, rootMargin: MARGIN });
    for (const place of /** @type {NodeListOf<HTMLElement>} */ (this.renderRoot.querySelectorAll("[data-sheet], [data-more]"))) {
      this.observer.observe(place);
      const released = this.sheets[Number(place.dataset.sheet)];
      if (place.dataset.sheet !== undefined) place.style.minHeight = released && !released.entries ? `${released.height}px` : "";
    }
    // A page may be so short that its end was never out of sight.
    const end = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[data-more]"));
    if (end && !this.isLoading && !this.failure) {
      this.observer.unobserve(end);
      this.observer.observe(end);
    }
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const path = /** @type {HTMLElement[]} */ (event.composedPath());
    const line = path.find((node) => node instanceof HTMLElement && node.matches("article[data-id]"));
    const link = path.find((node) => node instanceof HTMLElement && node.matches("a, button"));
    if (!line || (link && !link.classList.contains("opener")) || getSelection()?.toString()) return;
    event.preventDefault();
    this.tell("deedbook-open", { id: line.dataset.id, tenant: line.dataset.tenant });
  }

  /** Opens or closes the group that has the focus. */
  toggle() {
    /** @type {HTMLElement | null | undefined} */ (this.focused?.closest("article")?.querySelector(".toggle"))?.click();
  }

  /** Moves the focus to the next line, or the one before.
   * @param {1 | -1} step */
  step(step) {
    const openers = /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll(".opener")]);
    const line = this.focused?.closest("article")?.querySelector(".opener") ?? this.renderRoot.querySelector(".current .opener");
    const index = openers.indexOf(/** @type {HTMLElement} */ (line));
    const next = openers[index < 0 ? 0 : index + step];
    next?.focus({ preventScroll: true });
    next?.closest("article")?.scrollIntoView({ block: "nearest" });
    if (!next && step > 0) this.more();
    return next?.closest("article")?.dataset;
  }

  render() {
    if (!this.words || !this.api) return nothing;
    const isGrouped = !/(transaction|correlation)_id:/.test(this.query);
    const look = {
      words: this.words, places: this.places, columns: this.columns, relative: this.relative, now: Date.now(), current: this.current,
    };
    const sheets = [sheet(-1, null, this.tail.entries), ...this.sheets];
    let day = "";
    const pages = lines(sheets, isGrouped).map((items, place) => items.map((item) => {
      const first = "entry" in item ? item.entry : item.entries[0];
      const today = this.words.day(whenOf(first));
      const heading = today === day ? nothing : html`<h2 class="day">${day = today}</h2>`;
      return { key: first.id, view: html`${heading}${"entry" in item ? row(item.entry, look) : this.group(item, look, place)}` };
    }));
    return html`
      <section part="list" aria-label=${this.words.say("log.results")} aria-busy=${this.isLoading} @click=${this.clicked}>
        ${this.tail.bar()}
        ${pages.map((items, index) => html`<div data-sheet=${index - 1}>${index && index - 1 === this.archived ? html`<p class="end muted">${this.words.say("log.archived")}</p>` : nothing}${repeat(items, ({ key }) => key, ({ view }) => view)}</div>`)}
        ${this.end()}
      </section>`;
  }

  /** @param {Extract<import("./window.js").Item, { group: string }>} item
   * @param {import("./row.js").Look} look
   * @param {number} place */
  group(item, look, place) {
    const toggle = () => {
      if (!this.opened.delete(item.group)) this.opened.add(item.group);
      this.requestUpdate();
    };
    const all = () => this.tell("deedbook-search", { query: term(...groupTerm(item.group)) });
    const goesOn = this.hasMore && place === this.sheets.length && this.sheets.at(-1)?.runs.at(-1)?.key === item.group;
    return groupRow({ ...item, key: item.group, isOpen: this.opened.has(item.group), goesOn, toggle, all }, look);
  }

  /** What stands after the last line. */
  end() {
    const { say } = this.words;
    const count = this.sheets.reduce((sum, { size }) => sum + size, 0) + this.tail.entries.length;
    if (this.failure) return this.failed(this.failure, count > 0);
    if (this.isLoading && !count) return html`<div class="waiting" aria-hidden="true">${Array(12).fill(html`<div class="row"><i></i><i></i><i></i></div>`)}</div>`;
    if (!count && !this.hasMore) return this.query || this.target ? this.none() : html`<div class="state" part="empty">${icon("empty")}<h2>${say("empty.title")}</h2><p>${say("empty.text")}</p></div>`;
    if (this.hasMore) return html`<div class="end muted" data-more>${this.isLoading ? say("log.loading") : html`<button class="plain" @click=${this.more}>${say("log.more")}</button>`}</div>`;
    return html`<div class="end muted">${say(this.query || this.target ? "log.end.query" : "log.end")}</div>`;
  }

  none() {
    const { say } = this.words;
    return html`<div class="state" part="empty">${icon("search")}<h2>${say("none.title")}</h2><p>${say("none.text")}</p>
      ${this.query ? html`<button @click=${() => this.tell("deedbook-search", { query: "" })}>${say("none.clear")}</button>` : nothing}</div>`;
  }

  /** @param {ApiError} failure
   * @param {boolean} hasEntries */
  failed(failure, hasEntries) {
    const { say } = this.words;
    if (failure.code === "query_syntax") {
      return html`<div class="state" part="failure">${icon("search")}<h2>${say("wrong.title")}</h2><p>${say("wrong.text")}</p>
        <button @click=${() => this.tell("deedbook-help")}>${say("log.help")}</button></div>`;
    }
    const key = { 0: "offline", 401: "unauthorised", 403: "forbidden" }[failure.status] ?? "other";
    const text = key === "offline" || key === "unauthorised" ? say(`error.${key}.text`) : failure.message;
    const again = () => (this.sheets.length ? this.load(this.next) : this.reload());
    return html`<div class="state" role="alert" part="failure">${hasEntries ? nothing : icon(failure.status === 0 ? "offline" : "failure")}
      <h2>${say(`error.${key}`)}</h2><p>${text}</p>${failure.requestId ? html`<p class="mono">${say("error.request", { id: failure.requestId })}</p>` : nothing}
      <button @click=${again}>${say("error.again")}</button></div>`;
  }

  static styles = [base, rowStyle, css`
    :host { display: block; container-type: inline-size; }
    .day {
      padding: 1rem 0.875rem 0.25rem; border-block-end: 1px solid var(--_line); color: var(--_text); font-size: 0.8125rem;
    }
    .end { display: flex; justify-content: center; padding: 1rem; font-size: 0.8125rem; }
    .bar { display: flex; align-items: center; gap: 0.5rem; padding: 0.375rem 0.875rem; border-block-end: 1px solid var(--_line); color: var(--_muted); font-size: 0.8125rem; }
    .bar .icon { color: var(--_good); }
    .bar.lost .icon { color: var(--_bad); }
    .new { position: sticky; inset-block-start: 4.25rem; z-index: 2; display: flex; justify-content: center; block-size: 0; }
    .new button { translate: 0 0.5rem; border-radius: 1rem; box-shadow: 0 2px 10px light-dark(#1b1d1f2b, #00000080); }
    .waiting .row { cursor: default; padding-block: 0.6875rem; }
    .waiting i { block-size: 0.625rem; border-radius: 3px; background: var(--_line); }
    .waiting .row:nth-child(odd) i { inline-size: 62%; }
  `];
}

define("deedbook-feed", Feed);
