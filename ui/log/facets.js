// The most frequent values of action, actor, object and outcome, which narrow the query by a click.

import { css, define, Element, html, nothing } from "../lib/element.js";
import { hasTerm, term, toggleTerm } from "../lib/query.js";
import { base } from "../lib/style.js";

const FIELDS = ["outcome", "action", "actor", "target"];

/** Tells `deedbook-search` with the query that a value makes. */
export class Facets extends Element {
  static properties = { facets: { attribute: false }, query: {}, words: { attribute: false } };

  constructor() {
    super();
    /** @type {import("../types.js").Facets | null} */
    this.facets = null;
    this.query = "";
  }

  render() {
    if (!this.facets || !this.words) return nothing;
    return FIELDS.filter((field) => this.facets?.[field]).map((field) => this.facet(field));
  }

  /** @param {string} field */
  facet(field) {
    const { values, has_more } = /** @type {import("../types.js").Facets} */ (this.facets)[field];
    const highest = Math.max(1, ...values.map(({ count }) => count));
    return html`<section part="facet">
      <h2 class="label" id=${`facet-${field}`}>${this.words.say(`facet.${field}`)}</h2>
      ${values.length ? nothing : html`<p class="muted none">${this.words.say("facet.none")}</p>`}
      <ul aria-labelledby=${`facet-${field}`}>${values.map(({ value, count }) => this.value(field, value, count, highest))}</ul>
      ${has_more ? html`<p class="muted none">${this.words.say("facet.more")}</p>` : nothing}
    </section>`;
  }

  /** @param {string} field
   * @param {string} value
   * @param {number} count
   * @param {number} highest */
  value(field, value, count, highest) {
    const wanted = term(field, value);
    const isOn = hasTerm(this.query, wanted);
    const choose = () => this.tell("deedbook-search", { query: toggleTerm(this.query, wanted) });
    return html`<li>
      <button class="plain" aria-pressed=${isOn} title=${value} @click=${choose}>
        <span class="name">${field === "outcome" ? html`<i class=${`dot ${value}`}></i>${this.words.say(`outcome.${value}`)}` : shortened(field, value)}</span>
        <span class="count">${this.words.number(count)}</span>
        <svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width=${(count / highest) * 100} height="1"></rect></svg>
      </button></li>`;
  }

  static styles = [base, css`
    :host { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.125rem; align-content: start; }
    h2 { padding-inline-start: 0.5rem; margin-block-end: 0.125rem; }
    .none { padding-inline-start: 0.5rem; font-size: 0.75rem; }
    button.plain { position: relative; display: flex; inline-size: 100%; min-block-size: 1.625rem; padding: 0.125rem 0.5rem; justify-content: space-between; gap: 0.75rem; font-weight: 400; font-size: 0.8125rem; }
    .name { overflow: hidden; text-overflow: ellipsis; unicode-bidi: plaintext; }
    .count { color: var(--_muted); font-variant-numeric: tabular-nums; }
    button[aria-pressed="true"] { font-weight: 500; }
    button[aria-pressed="true"] .count { color: inherit; }
    .share { position: absolute; inset: auto 0.5rem 0; inline-size: calc(100% - 1rem); block-size: 2px; }
    .share rect { fill: var(--_line); }
    button[aria-pressed="true"] .share rect { fill: var(--_accent); }
    .dot { display: inline-block; inline-size: 0.5rem; block-size: 0.5rem; margin-inline-end: 0.4375rem; border-radius: 50%; background: var(--_line-strong); }
    .dot.success { background: var(--_good); }
    .dot.failure { background: var(--_bad); }
    .dot.denied { background: var(--_warn); }
  `];
}

/** Without what is the same for most: the type of a user, and all but the end of a long name of a resource.
 * @param {string} field
 * @param {string} value */
function shortened(field, value) {
  const id = field === "actor" ? value.replace(/^user:/, "") : value;
  return /^(\w+:)?arn:/.test(id) ? `…${id.slice(-28)}` : id;
}

define("deedbook-facets", Facets);
