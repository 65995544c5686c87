// The page of one person or program: what they did, what was done on their behalf and to them; when, and from where.

import { ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { actorKey, visible } from "../lib/sentence.js";
import { term, withRange } from "../lib/query.js";
import { base } from "../lib/style.js";
import "../log/feed.js";
import "../log/histogram.js";
import { countTable, failureView, pageStyle } from "./parts.js";
import { PAGES } from "./places.js";

const ROLES = /** @type {const} */ (["principal", "actor", "on_behalf_of", "target"]);
/** The newest entries in which addresses are counted. */
const ADDRESSES_ENTRIES = 1000;
const ROWS_MAX = 8;

/** Everything about one principal. */
export class PersonPage extends Element {
  static properties = {
    api: { attribute: false }, words: { attribute: false }, person: {}, role_: { attribute: false },
    name: { state: true }, counts: { state: true }, buckets: { state: true }, actions: { state: true }, addresses: { state: true },
    failure: { state: true }, isLoaded: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    this.person = "";
    this.role_ = "principal";
    this.name = "";
    /** @type {Record<string, number>} */
    this.counts = {};
    /** @type {import("../types.js").Bucket[]} */
    this.buckets = [];
    /** @type {import("../types.js").FacetValue[]} */
    this.actions = [];
    /** @type {import("../types.js").FacetValue[]} */
    this.addresses = [];
    /** @type {ApiError | null} */
    this.failure = null;
    this.isLoaded = false;
    this.asking = new AbortController();
  }

  get role() {
    return ROLES.find((role) => role === this.role_) ?? "principal";
  }

  get query() {
    return term(this.role, this.person);
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (["person", "role_"].some((name) => changed.has(name)) || !this.hasUpdated) this.load();
  }

  async load() {
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    this.failure = null;
    const question = this.api.question(this.query);
    try {
      const [buckets, facets, own, ...counts] = await Promise.all([
        this.api.histogram(this.query, signal),
        this.api.get("/v1/events/facets", { ...question, by: "action", limit: ROWS_MAX }, signal),
        this.api.page({ query: term("actor", this.person), limit: ADDRESSES_ENTRIES }, signal),
        ...ROLES.map((role) => this.api.count(term(role, this.person), signal)),
      ]);
      this.buckets = buckets;
      this.actions = facets.facets.action.values;
      this.counts = Object.fromEntries(ROLES.map((role, index) => [role, counts[index]]));
      this.addresses = addressesOf(own.data);
      this.name = await this.named(own.data, signal);
      this.isLoaded = true;
    } catch (error) {
      if (signal.aborted) return;
      this.failure = /** @type {ApiError} */ (error);
      this.tell("deedbook-failure", error);
    }
  }

  /** The newest name that the log knows.
   * @param {import("../types.js").Entry[]} own
   * @param {AbortSignal} signal */
  async named(own, signal) {
    const known = own.find(({ actor }) => actor.name)?.actor.name;
    if (known) return known;
    const { data } = await this.api.page({ query: term("principal", this.person), limit: 1 }, signal);
    for (const { actor, targets = [] } of data) {
      for (let behind = actor.on_behalf_of; behind; behind = behind.on_behalf_of) {
        if (actorKey(behind) === this.person && behind.name) return behind.name;
      }
      const found = targets.find(({ type, id }) => `${type}:${id}` === this.person)?.name;
      if (found) return found;
    }
    return "";
  }

  /** @param {string} role */
  place(role) {
    const parameters = new URLSearchParams({ id: this.person });
    if (this.api.tenant) parameters.set("tenant", this.api.tenant);
    if (role !== "principal") parameters.set("role", role);
    return `/person?${parameters}`;
  }

  /** @param {string} query */
  inLog(query) {
    return `/?${new URLSearchParams({ q: query })}`;
  }

  render() {
    const { words, failure } = this;
    if (failure) return failureView(failure, words, () => this.load());
    if (!this.isLoaded) return nothing;
    const { say } = words;
    return html`<div class="page">
      <header><p class="muted"><code><bdi>${this.person}</bdi></code></p><h1><bdi>${visible(this.name || this.person)}</bdi></h1></header>
      <nav class="tabs" aria-label=${say("person.roles")}>${ROLES.map((role) => html`<a href=${this.place(role)} aria-current=${role === this.role ? "page" : nothing}>${say(`person.${role}`)} <span class="muted numbers">${words.number(this.counts[role] ?? 0)}</span></a>`)}</nav>
      <div class="cards">
        <section class="card wide"><h2>${say("person.activity")}</h2>
          <deedbook-histogram .buckets=${this.buckets} .range=${null} .words=${words}
            @deedbook-range=${(/** @type {CustomEvent} */ event) => { event.stopPropagation(); this.tell("deedbook-search", { query: withRange(this.query, event.detail) }); }}></deedbook-histogram>
          ${this.buckets.length < 2 ? html`<p class="muted">${say("log.count", { count: this.counts[this.role] ?? 0 })}</p>` : nothing}</section>
        ${countTable({ title: say("facet.action"), rows: this.actions.map(({ value, count }) => ({ name: value, title: value, count, href: this.inLog(`${this.query} ${term("action", value)}`) })) }, words)}
        ${countTable({ title: say("person.addresses", { count: ADDRESSES_ENTRIES }), rows: this.addresses.map(({ value, count }) => ({ name: value, title: value, count, href: this.inLog(`${term("actor", this.person)} ${term("ip", value)}`) })) }, words)}
      </div>
      <div class="card list">
        <deedbook-feed .api=${this.api} .words=${words} .places=${PAGES} .query=${this.query}
          @deedbook-open=${this.open} @deedbook-loaded=${(/** @type {Event} */ event) => event.stopPropagation()}></deedbook-feed></div>
    </div>`;
  }

  /** @param {CustomEvent} event */
  open(event) {
    event.stopPropagation();
    this.tell("deedbook-go", PAGES.entry(event.detail));
  }

  static styles = [base, pageStyle, css`
    .cards { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) minmax(0, 1fr); gap: 1rem; align-items: start; margin-block-end: 1rem; }
    .list { padding: 0; overflow: hidden; }
    @media (max-width: 64rem) { .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); } .wide { grid-column: 1 / -1; } }
    @media (max-width: 36rem) { .cards { grid-template-columns: minmax(0, 1fr); } }
  `];
}

/** From where the entries came, the most frequent first.
 * @param {import("../types.js").Entry[]} entries */
function addressesOf(entries) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { context } of entries) if (context?.ip) counts.set(context.ip, (counts.get(context.ip) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count).slice(0, ROWS_MAX);
}

define("deedbook-person", PersonPage);
