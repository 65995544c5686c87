// Whose log is shown: one tenant's or that of all, for those who may see all.

import { ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { base } from "../lib/style.js";

/** Tenants that can be chosen; any other is in the address. */
const TENANTS_MAX = 200;
/** The tenant of the log's own entries, which nobody else records into. */
const OWN = "_deedbook";

/** Tells `deedbook-tenant` with the tenant that was chosen, or null. */
export class TenantsPage extends Element {
  static properties = { api: { attribute: false }, words: { attribute: false }, tenants: { state: true } };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    /** @type {import("../types.js").FacetValue[]} */
    this.tenants = [];
  }

  /** @override */
  firstUpdated() {
    this.load();
  }

  async load() {
    try {
      const { facets } = await this.api.get("/v1/events/facets", { by: "tenant", limit: TENANTS_MAX });
      this.tenants = facets.tenant.values;
    } catch (error) {
      // The log itself tells why nothing can be read.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  render() {
    if (!this.words) return nothing;
    const { tenants, words } = this;
    const { tenant } = this.api;
    const names = tenants.map(({ value }) => value);
    const listed = [...new Set([...names, ...(tenant ? [tenant] : [])])].filter((name) => name !== OWN);
    if (listed.length < 2 && !tenant) return nothing;
    const counts = new Map(tenants.map(({ value, count }) => [value, count]));
    const option = (/** @type {string} */ name, /** @type {string} */ text) => html`<option value=${name} .selected=${name === (tenant ?? "")}>${text}</option>`;
    const text = (/** @type {string} */ name) => (counts.has(name) ? `${name} (${words.number(counts.get(name) ?? 0)})` : name);
    return html`<select aria-label=${words.say("part.tenant")} @keydown=${letters} @change=${(/** @type {Event} */ event) => this.tell("deedbook-tenant", /** @type {HTMLSelectElement} */ (event.target).value || null)}>
      ${option("", words.say("tenant.all"))}${listed.map((name) => option(name, text(name)))}${option(OWN, words.say("tenant.own"))}</select>`;
  }

  static styles = [base, css`
    :host { display: contents; }
    select { min-block-size: 2.25rem; max-inline-size: 11rem; padding-inline: 0.375rem; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_ground); font-weight: 500; cursor: pointer; }
    select:hover { background: var(--_hover); }
    option { background: var(--_ground); color: var(--_text); }
    @media (max-width: 36rem) { select { min-block-size: 2rem; max-inline-size: 8rem; } }
  `];
}

/** Letters find an option here, and are no keys of the log.
 * @param {KeyboardEvent} event */
function letters(event) {
  if (event.key.length === 1) event.stopPropagation();
}

define("deedbook-tenants", TenantsPage);
