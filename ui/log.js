// `<deedbook-log>`: the log to search and to read, in one element, for the pages of Deedbook and for those of a product.
// docs/ui.md says how it is embedded.

import { Api, ApiError } from "./lib/api.js";
import { rangeOf, term, VIEWS, withoutTerms, withoutViews, withRange, withTerm } from "./lib/query.js";
import { css, define, Element, html, nothing } from "./lib/element.js";
import { NOWHERE } from "./lib/sentence.js";
import { base, icon, scheme } from "./lib/style.js";
import { Words } from "./lib/texts.js";
import "./log/entry.js";
import "./log/facets.js";
import { Feed } from "./log/feed.js";
import { Help } from "./log/help.js";
import "./log/histogram.js";
import { COLUMNS } from "./log/row.js";
import "./log/search.js";

/** Tells `deedbook-state` when what it shows has changed: `{query, entry, live, relative, views}`; whoever has an address for it
 * keeps it there and sets the properties again. */
export class DeedbookLog extends Element {
  static properties = {
    server: {}, token: {}, tenant: {}, query: {}, target: {}, locale: {}, theme: { reflect: true }, columns: {}, entry: {},
    live: { type: Boolean }, relative: { type: Boolean }, views: { type: Boolean }, api: { attribute: false }, places: { attribute: false },
    filter: { state: true }, shown: { state: true }, buckets: { state: true }, facets: { state: true }, failure: { state: true },
    count: { state: true }, unseen: { state: true }, mayExport: { state: true }, taking: { state: true },
  };

  constructor() {
    super();
    this.server = "";
    /** @type {string | null} */
    this.token = null;
    /** @type {string | null} */
    this.tenant = null;
    this.query = "";
    this.target = "";
    /** @type {string | null} */
    this.locale = null;
    this.theme = "";
    this.columns = COLUMNS.join(",");
    /** The entry that is open, as `ID` or `TENANT/ID`. @type {string | null} */
    this.entry = null;
    this.live = false;
    this.relative = false;
    /** Whether entries of somebody having looked at the log are shown. */
    this.views = false;
    /** @type {Api | null} */
    this.api = null;
    this.places = NOWHERE;
    this.filter = false;
    /** @type {import("./types.js").Entry | null} */
    this.shown = null;
    /** @type {import("./types.js").Bucket[]} */
    this.buckets = [];
    /** @type {import("./types.js").Facets | null} */
    this.facets = null;
    /** @type {ApiError | null} */
    this.failure = null;
    /** @type {number | null} */
    this.count = null;
    /** How many views there are, while they are not shown. */
    this.unseen = 0;
    this.mayExport = false;
    /** What is told of a file that is on its way. */
    this.taking = "";
    this.words = new Words();
    /** @type {Api | null} */
    this.asked = null;
    this.asking = new AbortController();
    /** @type {HTMLElement | null} where the focus goes back to */
    this.opener = null;
    this.addEventListener("keydown", (event) => this.key(event));
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    if (!this.hasAttribute("tabindex")) this.tabIndex = -1;
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    this.asking.abort();
  }

  get feed() {
    return /** @type {Feed} */ (this.renderRoot.querySelector("deedbook-feed"));
  }

  get help() {
    return /** @type {Help} */ (this.renderRoot.querySelector("deedbook-help"));
  }

  get box() {
    return /** @type {HTMLElement} */ (this.renderRoot.querySelector("deedbook-search"));
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (changed.has("locale")) this.words = new Words(this.locale);
    if (["api", "server", "token", "tenant"].some((name) => changed.has(name)) || !this.asked) {
      this.asked = this.api ?? new Api({ server: this.server, token: this.token, tenant: this.tenant });
      this.learnRights(this.asked);
    }
    if (changed.has("query") || changed.has("target") || !this.hasUpdated) this.failure = null;
    if (changed.has("entry")) this.openEntry();
  }

  /** A viewer session knows whether files may be taken out; who has another token is told when they try.
   * @param {Api} api */
  async learnRights(api) {
    this.mayExport = !api.token;
    if (!api.token) return;
    const may = await api.get("/v1/viewer-sessions/current").then(({ capabilities }) => capabilities.includes("export"), ({ status }) => status === 404);
    if (api === this.asked) this.mayExport = may;
  }

  /** What every figure beside the list is asked with. */
  get narrowed() {
    return this.target ? withTerm(this.query, term("target", this.target)) : this.query;
  }

  /** Without views to hide, a query as it was typed is answered sooner.
   * @param {string} query */
  shownOf(query) {
    return this.views || !this.unseen ? query : withoutViews(query);
  }

  /** The list came: the query is right, and its figures can be asked for. */
  async summarise() {
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    const api = /** @type {Api} */ (this.asked);
    const tellNothing = () => null;
    const canHide = !this.views && withoutViews(this.query) !== this.query;
    const views = () => (canHide ? api.count(withTerm(this.narrowed, VIEWS), signal).catch(tellNothing) : 0);
    const hidden = await views();
    if (signal.aborted) return;
    this.unseen = hidden ?? 0;
    const query = this.shownOf(this.narrowed);
    const [buckets, facets, count] = await Promise.all([
      api.histogram(query, signal).catch(tellNothing),
      api.get("/v1/events/facets", { ...api.question(query), limit: 6 }, signal).catch(tellNothing),
      api.count(query, signal).catch(tellNothing),
    ]);
    // The view that this reading itself is may have been entered meanwhile: then the figures have it, and are asked for anew.
    const late = hidden === 0 ? await views() : 0;
    if (signal.aborted) return;
    if (late) return void this.summarise();
    this.buckets = buckets ?? [];
    this.facets = facets?.facets ?? null;
    this.count = count;
  }

  async openEntry() {
    const wanted = this.entry;
    if (!wanted) return void (this.shown = null);
    if (this.shown && [this.shown.id, `${this.shown.tenant}/${this.shown.id}`].includes(wanted)) return;
    const [id, tenant] = wanted.split("/").reverse();
    const api = /** @type {Api} */ (this.asked);
    const found = await api.get(`/v1/events/${escaped(id)}`, { tenant: tenant ?? api.tenant }).catch(() => null);
    if (this.entry === wanted) this.shown = found;
  }

  /** @param {string} query */
  search(query) {
    this.failure = null;
    if (query === this.query) this.feed.reload();
    this.query = query;
    this.changed();
  }

  /** Tells of the new state; `push` where it is one to come back to. */
  changed(push = true) {
    const { query, entry, live, relative, views } = this;
    this.tell("deedbook-state", { query, entry, live, relative, views, push });
  }

  /** @param {string | null} entry */
  show(entry) {
    if (entry && !this.entry) this.opener = deepFocus(this.renderRoot);
    this.entry = entry;
    this.changed();
    if (entry) this.updateComplete.then(() => this.renderRoot.querySelector("aside")?.focus({ preventScroll: true }));
    else this.opener?.focus({ preventScroll: true });
  }

  /** @param {import("./lib/days.js").Range | null} range */
  narrow(range) {
    const query = range ? withRange(this.query, range) : withoutTerms(this.query, (text) => text.startsWith("occurred:"));
    this.search(query);
  }

  toggleLive() {
    this.live = !this.live;
    this.changed(false);
  }

  toggleTimes() {
    this.relative = !this.relative;
    this.changed(false);
  }

  toggleViews() {
    this.views = !this.views;
    this.changed();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || this.help.isOpen) return;
    const path = /** @type {HTMLElement[]} */ (event.composedPath());
    const isTyping = path[0] instanceof HTMLInputElement && path[0].type === "text";
    if (event.key === "Escape") {
      if (this.entry) this.show(null);
      else if (this.filter) this.filter = false;
      else if (isTyping) this.step(1);
      else return;
    } else if (isTyping) return;
    else if (!this.acted(event.key)) return;
    event.preventDefault();
  }

  /** @param {string} key
   * @returns {boolean} whether the key has a meaning */
  acted(key) {
    if (key === "/") this.box.focus();
    else if (key === "j") this.step(1);
    else if (key === "k") this.step(-1);
    else if (key === "f") this.filter = !this.filter;
    else if (key === "l") this.toggleLive();
    else if (key === "t") this.toggleTimes();
    else if (key === "?") this.help.show();
    else if (key === "x") this.feed.toggle();
    else return false;
    return true;
  }

  /** @param {1 | -1} step */
  step(step) {
    const line = this.feed.step(step);
    if (this.entry && line?.id) this.show(named(line));
  }

  render() {
    const { words } = this;
    const api = /** @type {Api} */ (this.asked);
    const error = this.failure?.code === "query_syntax" ? { message: this.failure.message, position: this.failure.position } : null;
    return html`
      <div class="layout" dir=${words.direction} lang=${words.locale}
        @deedbook-search=${this.own((detail) => this.search(detail.query))}
        @deedbook-narrow=${this.own((detail) => this.search(withTerm(this.query, term(detail.field, detail.value))))}
        @deedbook-range=${this.own((detail) => this.narrow(detail))}
        @deedbook-open=${this.own((detail) => this.show(named(detail)))}
        @deedbook-help=${this.own(() => this.help.show())}
        @deedbook-close=${this.own(() => this.show(null))}
        @deedbook-loaded=${this.own(() => this.summarise())}
        @deedbook-failed=${this.own((detail) => this.fail(detail))}>
        <div class="top" part="toolbar">
          <deedbook-search .api=${api} .words=${words} .query=${this.query} .error=${error}></deedbook-search>
          <slot name="tools"></slot>
          ${this.tools()}
        </div>
        <div class="middle">
          <div class=${this.filter ? "facets open" : "facets"} id="facets" part="facets">
            <deedbook-facets .facets=${this.facets} .query=${this.query} .words=${words}></deedbook-facets></div>
          <div class="main">
            <div class="summary"><p class="numbers" role="status" part="count">${this.count === null ? html`&nbsp;` : words.say("log.count", { count: this.count })}</p>${this.viewsSwitch()}${this.exports(api)}</div>
            <deedbook-histogram .buckets=${this.buckets} .range=${rangeOf(this.query)} .words=${words}></deedbook-histogram>
            <deedbook-feed .api=${api} .words=${words} .places=${this.places} .scroller=${this} .query=${this.query} .target=${this.target} .hidesViews=${!this.views}
              .columns=${new Set(this.columns.split(",").map((name) => name.trim()))} .relative=${this.relative} .live=${this.live} .current=${this.shown?.id ?? null}></deedbook-feed>
          </div>
          ${this.shown ? html`<aside tabindex="-1" part="entry" aria-label=${words.say("entry.title")}>
            <deedbook-entry closable .entry=${this.shown} .words=${words} .places=${this.places}></deedbook-entry></aside>` : nothing}
        </div>
        <deedbook-help .words=${words}></deedbook-help>
      </div>`;
  }

  /** An event from within means this element, and nobody around it.
   * @param {(detail: any) => void} act */
  own(act) {
    return (/** @type {CustomEvent} */ event) => {
      event.stopPropagation();
      act(event.detail);
    };
  }

  /** @param {ApiError} failure */
  fail(failure) {
    this.asking.abort();
    this.failure = failure;
    this.count = null;
    this.buckets = [];
    this.facets = null;
    this.tell("deedbook-failure", failure);
  }

  tools() {
    const { say } = this.words;
    return html`
      <button class="facet-toggle" aria-expanded=${this.filter} aria-controls="facets" title=${say("log.filter")} @click=${() => { this.filter = !this.filter; }}>${icon("filter")}<span>${say("log.filter")}</span></button>
      <button aria-pressed=${this.live} title=${say(this.live ? "log.live.pause" : "log.live.off")} @click=${this.toggleLive}>${icon(this.live ? "pause" : "live")}<span>${say(this.live ? "log.live.pause" : "log.live")}</span></button>
      <button class="plain" aria-pressed=${this.relative} aria-label=${say("log.times.relative")} title=${say(this.relative ? "log.times.absolute" : "log.times.relative")} @click=${this.toggleTimes}>${icon("clock")}</button>
      <button class="plain" aria-label=${say("log.help")} title=${say("log.help")} @click=${() => this.help.show()}>${icon("unknown")}</button>`;
  }

  viewsSwitch() {
    if (!this.unseen && !this.views) return nothing;
    return html`<button class="plain views" aria-pressed=${this.views} title=${this.words.say("log.views.title")} @click=${this.toggleViews}>
      ${this.views ? this.words.say("log.views") : this.words.say("log.views.hidden", { count: this.unseen })}</button>`;
  }

  /** Files of what matches. With a session they are plain links, which the browser streams to the disk.
   * @param {Api} api */
  exports(api) {
    if (this.target || !this.count || !this.mayExport) return nothing;
    const { say } = this.words;
    const query = this.shownOf(this.query);
    const file = (/** @type {string} */ name, /** @type {string} */ text) => api.token
      ? html`<button class="plain link" @click=${() => this.take(api, name, query)}>${text}</button>`
      : html`<a class="link" download href=${api.address(`/v1/${name}`, api.question(query))}>${text}</a>`;
    return html`<p class="exports muted" title=${say("log.export.title")}>${icon("export")}<span role="status">${this.taking || say("log.export")}</span>
      ${file("events.csv", say("log.export.csv"))} ${file("events.ndjson", say("log.export.ndjson"))}</p>`;
  }

  /** @param {Api} api
   * @param {string} name
   * @param {string} query */
  async take(api, name, query) {
    const { say } = this.words;
    this.taking = say("log.export.underway");
    this.taking = await api.save(name, query).then(() => "", ({ message }) => say("log.export.failed", { message }));
  }

  static styles = [base, scheme, css`
    :host { display: block; block-size: min(44rem, 100dvh); overflow: auto; outline: none; container-type: inline-size; overscroll-behavior: contain; }
    .layout { min-block-size: 100%; }
    .top { position: sticky; inset-block-start: 0; z-index: 4; display: flex; gap: 0.375rem; align-items: flex-start; padding: 0.75rem 0.875rem; background: var(--_ground); border-block-end: 1px solid var(--_line); }
    .top > button { min-block-size: 2.25rem; }
    .middle { display: grid; grid-template-columns: 15rem minmax(0, 1fr); }
    .middle:has(> aside) { grid-template-columns: 15rem minmax(0, 1fr) minmax(22rem, 32rem); }
    .facets { position: sticky; inset-block-start: 3.8125rem; align-self: start; max-block-size: calc(100cqb - 4rem); padding: 0.75rem 0.375rem 1rem; overflow: auto; border-inline-end: 1px solid transparent; }
    .main { min-inline-size: 0; border-inline-start: 1px solid var(--_line); min-block-size: 30rem; }
    .summary { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.125rem 1rem; padding: 0.625rem 0.875rem 0.25rem; font-size: 0.8125rem; }
    .summary p:first-child { font-weight: 600; }
    .summary button { min-block-size: 0; padding: 0 0.25rem; font-size: inherit; font-weight: 400; }
    .views { margin-inline-end: auto; color: var(--_muted); text-decoration: underline dotted; text-underline-offset: 3px; }
    .exports { display: flex; align-items: center; gap: 0.4375rem; }
    .exports .icon { inline-size: 0.875rem; block-size: 0.875rem; }
    deedbook-histogram { padding-inline: 0.875rem; }
    aside { position: sticky; inset-block-start: 3.8125rem; align-self: start; max-block-size: calc(100dvh - 4rem); overflow: auto; padding: 0.875rem 1.125rem; border-inline-start: 1px solid var(--_line); background: var(--_ground); outline-offset: -2px; container-type: inline-size; }
    .facet-toggle { display: none; }
    @container (max-width: 78rem) {
      .middle:has(> aside) { grid-template-columns: minmax(0, 1fr) minmax(22rem, 30rem); }
      .middle:has(> aside) .facets { display: none; }
      .middle:has(> aside) .main { border: 0; }
    }
    @container (max-width: 56rem) {
      .middle, .middle:has(> aside) { grid-template-columns: minmax(0, 1fr); }
      .facets { display: none; position: static; max-block-size: none; border-block-end: 1px solid var(--_line); }
      .facets.open { display: block; }
      .main { border: 0; }
      .facet-toggle { display: inline-flex; }
      aside { position: fixed; inset: 0; z-index: 6; max-block-size: none; border: 0; }
    }
    @container (max-width: 36rem) {
      .top { flex-wrap: wrap; padding-block: 0.5rem; }
      .top deedbook-search { flex-basis: 100%; }
      .top > button { min-block-size: 2rem; }
    }
    @media (max-height: 26rem) { .top, .facets { position: static; } }
  `];
}

/** @param {{ id?: string, tenant?: string }} entry */
function named({ id, tenant }) {
  return tenant && tenant !== "default" ? `${tenant}/${id}` : String(id);
}

/** An id in a path; one that is the name of an endpoint by an escape.
 * @param {string} id */
export function escaped(id) {
  const text = encodeURIComponent(id);
  return /^(count|facets|histogram|tail)$/.test(text) ? `%${text.charCodeAt(0).toString(16)}${text.slice(1)}` : text;
}

/** The element that has the focus, through shadow roots.
 * @param {HTMLElement | DocumentFragment} root
 * @returns {HTMLElement | null} */
function deepFocus(root) {
  const active = root instanceof ShadowRoot ? /** @type {HTMLElement | null} */ (root.activeElement) : null;
  return active?.shadowRoot ? deepFocus(active.shadowRoot) ?? active : active;
}

define("deedbook-log", DeedbookLog);
