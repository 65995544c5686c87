// Saved searches beside the search box: they are followed like links, and administrators save and delete them.

import { ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { visible } from "../lib/sentence.js";
import { base, icon } from "../lib/style.js";
import { logAddress } from "./parts.js";

/** @typedef {{ id: string, tenant: string | null, name: string, query: string, entry: string }} Search */

/** A button that opens the list. */
export class SearchesPage extends Element {
  static properties = {
    api: { attribute: false }, words: { attribute: false }, session: { attribute: false }, query: { attribute: false },
    searches: { state: true }, isOpen: { state: true }, said: { state: true }, problem: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    /** @type {import("./session.js").Session | null} */
    this.session = null;
    /** What is searched now. */
    this.query = "";
    /** @type {Search[] | null} */
    this.searches = null;
    this.isOpen = false;
    /** What was done, and its entry. @type {{ text: string, entry: string } | null} */
    this.said = null;
    this.problem = "";
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen) return;
      event.stopPropagation();
      this.close();
    });
    this.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.contains(/** @type {Node} */ (event.relatedTarget))) this.isOpen = false;
    });
  }

  get mayChange() {
    return this.session?.token?.kind === "admin";
  }

  async toggle() {
    if (this.isOpen) return this.close();
    Object.assign(this, { isOpen: true, said: null, problem: "" });
    await this.load();
  }

  close() {
    this.isOpen = false;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("button"))?.focus();
  }

  /** Those of the tenant that is shown, and those for every tenant. */
  async load() {
    await this.attempt(async () => {
      const { data } = await this.api.get("/v1/searches");
      const { tenant } = this.api;
      this.searches = data.filter((/** @type {Search} */ search) => !tenant || !search.tenant || search.tenant === tenant);
    });
  }

  /** @param {() => Promise<void>} act */
  async attempt(act) {
    this.problem = "";
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.problem = error.errors[0]?.detail ?? (error.status === 0 ? this.words.say("error.offline.text") : error.message);
      if (error.status === 401) this.tell("deedbook-failure", error);
    }
  }

  /** @param {SubmitEvent} event */
  async save(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const name = String(new FormData(form).get("name")).trim();
    await this.attempt(async () => {
      const saved = await this.send("POST", "/v1/searches", { name, query: this.query, tenant: this.api.tenant });
      form.reset();
      this.said = { text: this.words.say("search.saved.done"), entry: saved.entry };
      await this.load();
    });
  }

  /** @param {Search} search */
  async discard(search) {
    await this.attempt(async () => {
      const deleted = await this.send("DELETE", `/v1/searches/${encodeURIComponent(search.id)}`, {});
      this.said = { text: this.words.say("search.saved.deleted"), entry: deleted.entry };
      await this.load();
      await this.updateComplete;
      /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".panel"))?.focus();
    });
  }

  /** @param {string} method
   * @param {string} path
   * @param {unknown} body */
  async send(method, path, body) {
    const response = await this.api.call(this.api.address(path), { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    return response.json();
  }

  render() {
    if (!this.words) return nothing;
    const { say } = this.words;
    return html`<button aria-expanded=${this.isOpen} aria-controls="panel" title=${say("search.saved")} @click=${this.toggle}>${icon("saved")}<span>${say("search.saved")}</span></button>
      <div id="panel" class="panel" role="group" aria-label=${say("search.saved")} tabindex="-1" ?hidden=${!this.isOpen}>${this.isOpen ? this.panel() : nothing}</div>`;
  }

  panel() {
    const { say } = this.words;
    const { searches } = this;
    return html`
      ${searches?.length ? html`<ul>${searches.map((search) => html`<li><a href=${logAddress(search.query, search.tenant ?? this.api.tenant)} @click=${() => { this.isOpen = false; }}>
          <bdi class="name">${visible(search.name)}</bdi><code dir="ltr">${search.query || "*"}</code></a>
        ${this.mayChange ? html`<button class="plain" aria-label=${say("search.saved.delete", { name: search.name })} title=${say("search.saved.delete", { name: search.name })} @click=${() => this.discard(search)}>${icon("close")}</button>` : nothing}</li>`)}</ul>`
        : html`<p class="muted">${searches ? say("search.saved.none") : say("log.loading")}</p>`}
      ${this.mayChange ? html`<form @submit=${this.save}><label for="name">${say("search.saved.name")}</label>
        <div class="line"><input id="name" name="name" type="text" required maxlength="256" autocomplete="off"><button class="main">${say("search.saved.save")}</button></div></form>` : nothing}
      <p role="status">${this.said ? html`${this.said.text} <a class="link" href=${`/entry?${new URLSearchParams({ id: this.said.entry, tenant: "_deedbook" })}`}>${say("settings.entry")}</a>` : nothing}</p>
      <p role="alert" class="problem">${this.problem}</p>`;
  }

  static styles = [base, css`
    :host { position: relative; }
    :host > button { min-block-size: 2.25rem; }
    .panel { position: absolute; z-index: 6; inset-block-start: calc(100% + 4px); inset-inline-end: 0; inline-size: min(26rem, calc(100vw - 1.5rem)); max-block-size: 70vh; overflow: auto; display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.5rem; padding: 0.5rem; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_ground); box-shadow: 0 6px 24px light-dark(#1b1d1f24, #00000080); }
    .panel > p { padding-inline: 0.5rem; overflow-wrap: anywhere; }
    .panel > p:empty { display: none; }
    li { display: flex; align-items: center; border-radius: 4px; }
    li:hover { background: var(--_hover); }
    li a { flex: 1; min-inline-size: 0; display: grid; padding: 0.3125rem 0.5rem; }
    li a:hover { text-decoration: none; }
    .name { font-weight: 550; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    li code { color: var(--_muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    form { display: grid; gap: 0.25rem; padding: 0.5rem; border-block-start: 1px solid var(--_line); }
    label { font-weight: 550; }
    .line { display: flex; gap: 0.375rem; }
    input { flex: 1; min-inline-size: 0; min-block-size: 2rem; padding-inline: 0.5rem; border: 1px solid var(--_line-strong); border-radius: var(--_radius); background: var(--_ground); }
    .problem { color: var(--_bad); }
    @media (max-width: 70rem) { :host > button span { display: none; } }
    @media (max-width: 36rem) { :host { position: static; } .panel { inset-inline: 0.75rem; inset-block-start: auto; inline-size: auto; } :host > button { min-block-size: 2rem; } }
  `];
}

define("deedbook-searches", SearchesPage);
