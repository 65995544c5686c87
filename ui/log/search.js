// The search box: the query with colours, completion of fields and of values that are in the log, errors at their place.

import { css, define, Element, html, nothing } from "../lib/element.js";
import { atCaret, FIELDS, OUTCOMES, pieces, quoted, TIMES } from "../lib/query.js";
import { base, icon } from "../lib/style.js";

/** Fields whose values the log can list. */
const LISTED = /** @type {Record<string, string>} */ ({
  action: "action", actor: "actor", principal: "actor", on_behalf_of: "actor", target: "target",
});
const COMPLETIONS_MAX = 12;
const TYPING_MS = 120;

/** @typedef {{ text: string, hint: string, stays: boolean }} Completion */

/** Tells `deedbook-search` with the query when it is to be run. */
export class Search extends Element {
  static properties = {
    query: {}, api: { attribute: false }, words: { attribute: false }, error: { attribute: false },
    draft: { state: true }, completions: { state: true }, chosen: { state: true },
  };

  constructor() {
    super();
    this.query = "";
    this.draft = "";
    /** @type {import("../lib/api.js").Api | null} */
    this.api = null;
    /** @type {{ message: string, position?: number } | null} */
    this.error = null;
    /** @type {Completion[]} */
    this.completions = [];
    this.chosen = -1;
    /** @type {AbortController | null} */
    this.asking = null;
    this.typed = 0;
  }

  /** @returns {HTMLInputElement} */
  get input() {
    return /** @type {HTMLInputElement} */ (this.renderRoot.querySelector("input"));
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (changed.has("query")) this.draft = this.query;
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  updated(changed) {
    // What is typed is there already; setting it again would move the caret.
    if (this.input && this.input.value !== this.draft) this.input.value = this.draft;
    const place = this.error?.position;
    if (changed.has("error") && place && this.matchesFocus()) this.input.setSelectionRange(place - 1, place - 1);
    this.follow();
  }

  matchesFocus() {
    return /** @type {ShadowRoot} */ (this.renderRoot).activeElement === this.input;
  }

  /** The coloured text lies behind the input's and moves with it. */
  follow() {
    const mirror = this.renderRoot.querySelector(".mirror");
    if (mirror) mirror.scrollLeft = this.input.scrollLeft;
  }

  run() {
    this.closeCompletions();
    this.tell("deedbook-search", { query: this.draft.trim() });
  }

  clear() {
    this.draft = "";
    this.run();
    this.input.focus();
  }

  closeCompletions() {
    clearTimeout(this.typed);
    this.asking?.abort();
    this.completions = [];
    this.chosen = -1;
  }

  /** @param {InputEvent} event */
  type(event) {
    this.draft = /** @type {HTMLInputElement} */ (event.target).value;
    this.error = null;
    clearTimeout(this.typed);
    this.typed = window.setTimeout(() => this.complete(), TYPING_MS);
  }

  async complete() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const found = await this.found(asking.signal).catch(() => []);
    if (asking.signal.aborted) return;
    this.completions = found.slice(0, COMPLETIONS_MAX);
    this.chosen = -1;
  }

  /** @param {AbortSignal} signal
   * @returns {Promise<Completion[]>} */
  async found(signal) {
    const { field, prefix } = atCaret(this.draft, this.input.selectionStart ?? 0);
    const begins = (/** @type {string} */ value) => value.startsWith(prefix) && value !== prefix;
    if (field === null) {
      if (!prefix) return [];
      const close = [...FIELDS.filter(begins), ...FIELDS.filter((name) => !begins(name) && name.includes(`.${prefix}`))];
      return close.map((name) => ({ text: name.endsWith(".") ? name : `${name}:`, hint: this.words.say(`field.${name}`), stays: true }));
    }
    if (field === "outcome") return OUTCOMES.filter(begins).map((text) => ({ text, hint: this.words.say(`outcome.${text}`), stays: false }));
    if (field === "occurred" || field === "recorded") {
      return TIMES.filter(begins).map((text) => ({ text, hint: this.words.say(`time.${text}`), stays: false }));
    }
    if (field === "has") return FIELDS.filter((name) => begins(name) && !name.endsWith(".")).map((text) => ({ text, hint: "", stays: false }));
    return this.listed(field, prefix.replace(/^"|"?\*?$/g, ""), signal);
  }

  /** @param {string} field
   * @param {string} prefix
   * @param {AbortSignal} signal
   * @returns {Promise<Completion[]>} */
  async listed(field, prefix, signal) {
    const by = LISTED[field];
    if (!by || !this.api) return [];
    const query = prefix ? `${by}:${quoted(prefix)}*` : "";
    const { facets } = await this.api.get("/v1/events/facets", { ...this.api.question(query), by, limit: COMPLETIONS_MAX }, signal);
    /** @type {import("../types.js").FacetValue[]} */
    const values = facets[by].values;
    const fits = values.filter(({ value }) => value.startsWith(prefix) || value.includes(`:${prefix}`));
    return fits.map(({ value, count }) => ({ text: quoted(value), hint: this.words.number(count), stays: false }));
  }

  /** @param {Completion} completion */
  take(completion) {
    const caret = this.input.selectionStart ?? this.draft.length;
    const { start } = atCaret(this.draft, caret);
    const space = completion.stays ? "" : " ";
    const rest = this.draft.slice(caret).replace(/^\S*/, "").trimStart();
    const before = this.draft.slice(0, start) + completion.text + space;
    this.draft = before + rest;
    this.closeCompletions();
    this.updateComplete.then(() => {
      this.input.setSelectionRange(before.length, before.length);
      if (completion.stays) this.complete();
    });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const count = this.completions.length;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && count) {
      event.preventDefault();
      this.chosen = this.chosen < 0 ? (move > 0 ? 0 : count - 1) : (this.chosen + move + count) % count;
    } else if (event.key === "Tab" && count && !event.shiftKey) {
      event.preventDefault();
      this.take(this.completions[Math.max(this.chosen, 0)]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const chosen = this.completions[this.chosen];
      if (chosen) this.take(chosen);
      else this.run();
    } else if (event.key === "Escape" && count) {
      event.stopPropagation();
      this.closeCompletions();
    }
  }

  render() {
    if (!this.words) return nothing;
    const { say } = this.words;
    const isOpen = this.completions.length > 0;
    return html`
      <form role="search" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); this.run(); }}>
        <div class=${this.error ? "box wrong" : "box"} part="search">
          ${icon("search")}
          <div class="text">
            <div class="mirror" aria-hidden="true">${this.coloured()}</div>
            <input type="text" role="combobox" aria-label=${say("search.label")} placeholder=${say("search.placeholder")}
              autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="search" dir="ltr" maxlength="8192"
              aria-autocomplete="list" aria-expanded=${isOpen} aria-controls="completions" aria-invalid=${this.error ? "true" : "false"}
              aria-activedescendant=${this.chosen < 0 ? nothing : `completion-${this.chosen}`} aria-describedby="error"
              @input=${this.type} @keydown=${this.key} @scroll=${this.follow} @blur=${this.closeCompletions}>
          </div>
          ${this.draft ? html`<button type="button" class="plain clear" aria-label=${say("search.clear")} @click=${this.clear}>${icon("close")}</button>` : nothing}
        </div>
        <ul id="completions" role="listbox" aria-label=${say("search.completions")} ?hidden=${!isOpen}>
          ${this.completions.map((completion, index) => this.option(completion, index))}
        </ul>
        <div id="error" role="alert" class="error" ?hidden=${!this.error}>${this.error ? say("search.error", { message: this.error.message }) : nothing}</div>
        <div class="unseen" role="status">${isOpen ? say("search.completions.count", { count: this.completions.length }) : nothing}</div>
      </form>`;
  }

  /** @param {Completion} completion
   * @param {number} index */
  option(completion, index) {
    return html`<li role="option" id=${`completion-${index}`} aria-selected=${index === this.chosen}
      @pointerdown=${(/** @type {Event} */ event) => { event.preventDefault(); this.take(completion); }}>
      <code>${completion.text}</code><span class="muted">${completion.hint}</span></li>`;
  }

  coloured() {
    const place = this.error?.position ? this.error.position - 1 : -1;
    const out = pieces(this.draft).map(({ kind, text, start }) => {
      const isWrong = place >= start && place < start + text.length;
      return html`<span class=${isWrong ? `${kind} here` : kind}>${text}</span>`;
    });
    return place >= this.draft.length ? [...out, html`<span class="here">&nbsp;</span>`] : out;
  }

  static styles = [base, css`
    :host { display: block; flex: 1; min-inline-size: 0; }
    form { position: relative; }
    .box {
      display: flex; align-items: center; gap: 0.5rem; min-block-size: 2.25rem; padding-inline: 0.6875rem 0.1875rem;
      border: 1px solid var(--_line-strong); border-radius: var(--_radius); background: var(--_ground);
    }
    .box .icon { color: var(--_muted); }
    .box:focus-within { border-color: var(--_accent); outline: 2px solid var(--_accent); outline-offset: -1px; }
    .box.wrong { border-color: var(--_bad); outline-color: var(--_bad); }
    .text { position: relative; flex: 1; min-inline-size: 0; direction: ltr; }
    input, .mirror { font: 400 0.8125rem/2.125rem var(--_mono); letter-spacing: 0; padding: 0; border: 0; inline-size: 100%; font-variant-ligatures: none; }
    input { position: relative; display: block; outline: none; background: none; color: transparent; caret-color: var(--_text); }
    input:focus-visible { outline: none; }
    input::placeholder { color: var(--_muted); opacity: 1; font-family: var(--_font); font-size: 0.875rem; text-overflow: ellipsis; }
    input::selection { background: color-mix(in srgb, var(--_accent) 30%, transparent); }
    .mirror { position: absolute; inset: 0; overflow: hidden; white-space: pre; pointer-events: none; }
    .field { color: var(--_accent); }
    .operator, .paren { color: var(--_muted); font-weight: 600; }
    .here { text-decoration: underline wavy var(--_bad) 1.5px; text-underline-offset: 3px; }
    .clear { min-block-size: 1.75rem; padding: 0.25rem 0.4375rem; }
    ul {
      position: absolute; z-index: 5; inset-block-start: calc(100% + 4px); inset-inline: 0; max-inline-size: 40rem; padding: 0.25rem;
      border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_ground);
      box-shadow: 0 6px 24px light-dark(#1b1d1f24, #00000080);
    }
    li { display: flex; justify-content: space-between; gap: 1.5rem; padding: 0.25rem 0.5rem; border-radius: 4px; cursor: pointer; overflow: hidden; }
    li code { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    li .muted { white-space: nowrap; font-variant-numeric: tabular-nums; }
    li:hover, li[aria-selected="true"] { background: var(--_accent-ground); }
    li:hover .muted, li[aria-selected="true"] .muted { color: var(--_text); }
    @media (forced-colors: active) {
      .mirror { forced-color-adjust: none; color: transparent; }
      .mirror * { color: inherit; }
    }
    .error { padding: 0.375rem 0.125rem 0; color: var(--_bad); overflow-wrap: anywhere; }
  `];
}

define("deedbook-search", Search);
