// The page of one entry.

import { ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { base } from "../lib/style.js";
import { escaped } from "../log.js";
import "../log/entry.js";
import { failureView, pageStyle } from "./parts.js";
import { PAGES } from "./places.js";

/** An entry by its id. */
export class EntryPage extends Element {
  static properties = { api: { attribute: false }, words: { attribute: false }, id_: { attribute: false }, entry: { state: true }, failure: { state: true } };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    this.id_ = "";
    /** @type {import("../types.js").Entry | null} */
    this.entry = null;
    /** @type {ApiError | null} */
    this.failure = null;
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (changed.has("id_") || changed.has("api")) this.load();
  }

  async load() {
    const id = this.id_;
    this.failure = null;
    try {
      const entry = await this.api.get(`/v1/events/${escaped(id)}`, { tenant: this.api.tenant });
      if (id === this.id_) this.entry = entry;
    } catch (error) {
      this.failure = /** @type {ApiError} */ (error);
      this.tell("deedbook-failure", error);
    }
  }

  render() {
    const { words, failure } = this;
    if (failure?.status === 404) {
      return html`<div class="state"><h1>${words.say("entry.missing")}</h1><p>${words.say("entry.missing.text")}</p><a class="link" href="/">${words.say("nav.back")}</a></div>`;
    }
    if (failure) return failureView(failure, words, () => this.load());
    return this.entry ? html`<div class="page"><deedbook-entry headline="1" .entry=${this.entry} .words=${words} .places=${PAGES}></deedbook-entry></div>` : nothing;
  }

  static styles = [base, pageStyle, css`.page { max-inline-size: 56rem; container-type: inline-size; }`];
}

define("deedbook-entry-page", EntryPage);
