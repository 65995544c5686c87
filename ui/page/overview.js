// The page that shows the log as a whole: how much is recorded, what most, by whom, and what failed or was denied.

import { ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { term, withRange } from "../lib/query.js";
import { base } from "../lib/style.js";
import "../log/histogram.js";
import { countTable, failureView, pageStyle } from "./parts.js";
import { PAGES } from "./places.js";

const ROWS_MAX = 10;
const DAY_MS = 86400000;
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const RANGES = ["-24h", "-7d", "-30d", "-90d", ""];

/** @typedef {{ range: string, total: number, failure: number, denied: number, buckets: import("../types.js").Bucket[], facets: import("../types.js").Facets, refused: import("../types.js").Facets }} Figures */

/** @typedef {{ bytes: number, entries: number, sealed: { bytes: number, entries: number }, archived: { bytes: number }, recent: { since: string, entries: number } }} Storage */

/** Figures of the log, for a range of time. */
export class OverviewPage extends Element {
  static properties = { api: { attribute: false }, words: { attribute: false }, range: {}, oversees: { attribute: false }, figures: { state: true }, storage: { state: true }, failure: { state: true } };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    this.range = "-30d";
    /** Whether the reader may know what all tenants take together. */
    this.oversees = false;
    /** @type {Storage | null} */
    this.storage = null;
    /** @type {Figures | null} */
    this.figures = null;
    /** @type {ApiError | null} */
    this.failure = null;
    this.asking = new AbortController();
  }

  get query() {
    return RANGES.includes(this.range) && this.range ? `occurred:>=${this.range}` : "";
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (changed.has("range") || !this.hasUpdated) this.load();
    if (changed.has("oversees")) this.measure();
  }

  async load() {
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    const { range } = this;
    this.failure = null;
    const ask = (/** @type {string} */ path, /** @type {string} */ query, more = {}) => this.api.get(path, { ...this.api.question(query), ...more }, signal);
    try {
      const [total, buckets, facets, refused] = await Promise.all([
        this.api.count(this.query, signal),
        this.api.histogram(this.query, signal),
        ask("/v1/events/facets", this.query, { limit: ROWS_MAX }),
        ask("/v1/events/facets", `${this.query} outcome:(failure,denied)`, { by: "action,actor,outcome", limit: ROWS_MAX }),
      ]);
      const of = (/** @type {string} */ outcome) => refused.facets.outcome.values.find((/** @type {import("../types.js").FacetValue} */ { value }) => value === outcome)?.count ?? 0;
      this.figures = { range, total, failure: of("failure"), denied: of("denied"), buckets, facets: facets.facets, refused: refused.facets };
    } catch (error) {
      if (signal.aborted) return;
      this.failure = /** @type {ApiError} */ (error);
      this.tell("deedbook-failure", error);
    }
  }

  /** Without an answer there is no card: not every log is in files. */
  async measure() {
    this.storage = this.oversees ? await this.api.get("/v1/storage").catch(() => null) : null;
  }

  /** @param {string} terms */
  inLog(terms) {
    return `/?${new URLSearchParams({ q: `${terms} ${this.query}`.trim() })}`;
  }

  render() {
    const { words, failure, figures } = this;
    if (failure) return failureView(failure, words, () => this.load());
    if (!figures) return nothing;
    const { say } = words;
    return html`<div class="page">
      <header><h1>${say("nav./overview")}</h1></header>
      <nav class="tabs" aria-label=${say("overview.range")}>${RANGES.map((range) => html`<a href=${`/overview?${new URLSearchParams({ range: range || "all" })}`} aria-current=${range === this.range ? "page" : nothing}>${say(`overview.range.${range || "all"}`)}</a>`)}</nav>
      <dl class="totals" aria-busy=${figures.range !== this.range}>
        ${this.total("overview.total", figures.total, "")}${this.total("outcome.failure", figures.failure, "outcome:failure")}${this.total("outcome.denied", figures.denied, "outcome:denied")}</dl>
      ${this.storage ? this.disk(this.storage) : nothing}
      <section class="card"><h2>${say("overview.days")}</h2>
        ${figures.buckets.length < 2 ? html`<p class="muted">${say("log.count", { count: figures.total })}</p>` : nothing}
        <deedbook-histogram .buckets=${figures.buckets} .range=${null} .words=${words}
          @deedbook-range=${(/** @type {CustomEvent} */ event) => { event.stopPropagation(); this.tell("deedbook-search", { query: withRange("", event.detail) }); }}></deedbook-histogram></section>
      <div class="cards">
        ${this.table("overview.actions", figures.facets, "action", "")}
        ${this.table("overview.actors", figures.facets, "actor", "")}
        ${this.table("overview.targets", figures.facets, "target", "")}
        ${this.table("overview.refused", figures.refused, "action", "outcome:(failure,denied)")}
        ${this.table("overview.refused.actors", figures.refused, "actor", "outcome:(failure,denied)")}
      </div></div>`;
  }

  /** @param {string} title
   * @param {number} count
   * @param {string} terms */
  total(title, count, terms) {
    return html`<div class=${`card ${terms.slice(8)}`}><dt>${this.words.say(title)}</dt><dd><a href=${this.inLog(terms)}>${this.words.number(count)}</a></dd></div>`;
  }

  /** What the log takes on the disk. How much an entry takes is known of sealed ones alone, and how fast it grows is an
   * estimate from them.
   * @param {Storage} storage */
  disk({ bytes, entries, sealed, archived, recent }) {
    const { words } = this;
    const each = sealed.entries ? (sealed.bytes + archived.bytes) / sealed.entries : null;
    const days = Math.max(1, (Date.now() - Date.parse(recent.since)) / DAY_MS);
    const figure = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ hint) =>
      html`<div class="card"><dt>${words.say(`overview.disk.${name}`)}</dt><dd>${value}</dd><dd class="muted">${hint}</dd></div>`;
    return html`<dl class="totals disk">
      ${figure("size", sized(bytes, words), archived.bytes ? words.say("overview.disk.archived", { size: sized(archived.bytes, words) }) : words.say("log.count", { count: entries }))}
      ${figure("entry", each === null ? "–" : sized(each, words), words.say(each === null ? "overview.disk.unsealed" : "overview.disk.sealed", { count: sealed.entries }))}
      ${figure("growth", each === null ? "–" : sized((recent.entries / days) * each, words), words.say("overview.disk.recent", { count: Math.round(recent.entries / days) }))}
    </dl>`;
  }

  /** @param {string} title
   * @param {import("../types.js").Facets} facets
   * @param {"action" | "actor" | "target"} field
   * @param {string} terms */
  table(title, facets, field, terms) {
    const href = (/** @type {string} */ value) => {
      if (terms || field === "action") return this.inLog(`${terms} ${term(field, value)}`);
      return field === "actor" ? PAGES.person(value) : PAGES.object(value);
    };
    const rows = facets[field].values.map(({ value, count }) => ({ name: value.replace(/^user:/, ""), title: value, count, href: href(value) }));
    return countTable({ title: this.words.say(title), rows }, this.words);
  }

  static styles = [base, pageStyle, css`
    .totals { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem; margin-block-end: 1rem; }
    .totals dt::first-letter { text-transform: uppercase; }
    .totals dt { color: var(--_muted); font-size: 0.8125rem; }
    .totals dd { font-size: 1.75rem; line-height: 1.2; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    .totals dd.muted { font-size: 0.75rem; font-weight: 400; letter-spacing: 0; color: var(--_muted); }
    .disk dd:first-of-type { font-size: 1.25rem; }
    .totals .failure dd { color: var(--_bad); } .totals .denied dd { color: var(--_warn); }
    .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); gap: 1rem; margin-block-start: 1rem; }
  `];
}

/** A number of bytes, as the reader's language writes it.
 * @param {number} bytes
 * @param {import("../lib/texts.js").Words} words */
function sized(bytes, words) {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return new Intl.NumberFormat(words.locale, { style: "unit", unit: UNITS[power], unitDisplay: power ? "short" : "long", maximumSignificantDigits: 3 }).format(bytes / 1000 ** power);
}

define("deedbook-overview", OverviewPage);
