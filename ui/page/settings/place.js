// What the places of the settings share: they load something, a change asks why, and what was done is told with its entry.

import { ApiError } from "../../lib/api.js";
import { css, Element, html, nothing } from "../../lib/element.js";
import { visible } from "../../lib/sentence.js";
import { base, icon } from "../../lib/style.js";
import { failureView, pageStyle, shortTime } from "../parts.js";

/** Bytes of a reason, as the server bounds it; characters are no more. */
const REASON_MAX = 1024;

/** What was done, the entry that says so, and the text of a token, which is shown this once.
 * @typedef {{ text: string, entry: string | null, secret?: string }} Done */

/** A change that is being asked about.
 * @typedef {{ title: string, text?: string, fields?: () => unknown, action: string, isGrave?: boolean, why?: string,
 *   submit: (reason: string, form: FormData) => Promise<Done> }} Change */

/** One place of the settings. */
export class SettingsPlace extends Element {
  /** @type {Record<string, import("../../vendor/reactive-element/reactive-element.js").PropertyDeclaration>} */
  static properties = {
    api: { attribute: false }, words: { attribute: false }, session: { attribute: false }, asked: { attribute: false },
    failure: { state: true }, done: { state: true }, change: { state: true }, problem: { state: true }, isBusy: { state: true }, isCopied: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    /** @type {import("../session.js").Session} */
    this.session = /** @type {any} */ (null);
    /** The parameters of the address. */
    this.asked = new URLSearchParams();
    /** @type {ApiError | null} why nothing can be shown */
    this.failure = null;
    /** @type {Done | null} */
    this.done = null;
    /** @type {Change | null} */
    this.change = null;
    /** @type {ApiError | null} why the change was refused */
    this.problem = null;
    this.isBusy = false;
    this.isCopied = false;
  }

  /** Whether the reader may change something here. */
  get mayChange() {
    return this.session.token?.kind === "admin";
  }

  get dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }

  /** @param {Map<PropertyKey, unknown>} _changed
   * @override */
  willUpdate(_changed) {
    if (!this.hasUpdated) this.reload();
  }

  async reload() {
    this.failure = null;
    try {
      await this.load();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Asks for what is shown.
   * @returns {Promise<void>} */
  async load() {}

  /** @param {unknown} error */
  fail(error) {
    this.failure = asProblem(error);
    this.tell("deedbook-failure", this.failure);
  }

  /** @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>} */
  async send(method, path, body) {
    const options = { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body ?? {}) };
    const response = await this.api.call(this.api.address(path), options);
    return response.json();
  }

  /** Asks why, and whatever else a change needs.
   * @param {Change} change */
  async ask(change) {
    this.problem = null;
    this.change = change;
    await this.updateComplete;
    this.dialog.showModal();
    /** @type {HTMLElement | null} */ (this.dialog.querySelector("input, select, textarea"))?.focus();
  }

  /** @param {SubmitEvent} event */
  async submit(event) {
    event.preventDefault();
    const { change } = this;
    if (!change || this.isBusy) return;
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const done = await this.attempt(() => change.submit(String(form.get("reason")).trim(), form));
    if (!done) return;
    this.dialog.close();
    await this.tellDone(done);
  }

  /** Does something that may be refused; nothing where it was.
   * @template T
   * @param {() => Promise<T>} act
   * @returns {Promise<T | null>} */
  async attempt(act) {
    this.isBusy = true;
    this.problem = null;
    try {
      return await act();
    } catch (error) {
      this.problem = asProblem(error);
      if (this.problem.status === 401) this.tell("deedbook-failure", this.problem);
      return null;
    } finally {
      this.isBusy = false;
    }
  }

  /** @param {Done} done */
  async tellDone(done) {
    this.done = done;
    this.isCopied = false;
    await this.reload();
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".done"))?.focus();
  }

  async copy() {
    await navigator.clipboard.writeText(this.done?.secret ?? "");
    this.isCopied = true;
  }

  render() {
    if (!this.words) return nothing;
    if (this.failure) return failureView(this.failure, this.words, () => this.reload());
    return html`<div role="status" class="done" tabindex="-1" ?hidden=${!this.done}>${this.doneView()}</div>${this.content()}${this.dialogView()}`;
  }

  /** What the place shows, once it is there.
   * @returns {unknown} */
  content() {
    return nothing;
  }

  doneView() {
    const { done, words } = this;
    if (!done) return nothing;
    return html`${icon("success")}<div class="told"><p>${done.text} ${this.entryLink(done.entry)}</p>
      ${done.secret ? html`<p class="once">${words.say("token.once")}</p>
        <p class="secret"><code dir="ltr">${done.secret}</code><button @click=${this.copy}>${icon("copy")}${words.say(this.isCopied ? "entry.copied" : "entry.copy")}</button></p>` : nothing}</div>
      <button class="plain" aria-label=${words.say("entry.close")} @click=${() => { this.done = null; }}>${icon("close")}</button>`;
  }

  /** The entry of a change. It is in the log's own tenant, which nobody sees who is bound to another one.
   * @param {string | null | undefined} id */
  entryLink(id) {
    if (!id || this.session.token?.tenant) return nothing;
    return html`<a class="link" href=${`/entry?${new URLSearchParams({ id, tenant: "_deedbook" })}`}>${this.words.say("settings.entry")}</a>`;
  }

  dialogView() {
    const { change, words } = this;
    const { say } = words;
    return html`<dialog aria-labelledby="change" @close=${() => Object.assign(this, { change: null, problem: null })}>${change ? html`
      <form @submit=${this.submit}>
        <h2 id="change">${change.title}</h2>
        ${change.text ? html`<p class="muted">${change.text}</p>` : nothing}
        ${change.fields?.() ?? nothing}
        <label class="field"><span>${change.why ?? say("settings.reason")}</span>
          <textarea name="reason" rows="2" required maxlength=${REASON_MAX} aria-describedby="reason-hint"></textarea></label>
        <p id="reason-hint" class="hint muted">${say("settings.reason.hint")}</p>
        ${this.problemView()}
        <div class="buttons"><button type="button" @click=${() => this.dialog.close()}>${say("settings.cancel")}</button>
          <button class=${change.isGrave ? "main grave" : "main"} ?disabled=${this.isBusy}>${change.action}</button></div>
      </form>` : nothing}</dialog>`;
  }

  /** Why something was refused, with each place. */
  problemView() {
    const { problem, words } = this;
    if (!problem) return html`<div role="alert"></div>`;
    const text = problem.status === 0 ? words.say("error.offline.text") : problem.message;
    return html`<div role="alert" class="problem"><p>${text}</p>
      ${problem.errors.length ? html`<ul>${problem.errors.map(({ pointer, detail }) => html`<li>${pointer ? html`<code dir="ltr">${pointer}</code> ` : nothing}<bdi>${detail}</bdi></li>`)}</ul>` : nothing}</div>`;
  }

  /** An instant, with all of it where the pointer rests.
   * @param {string} instant */
  time(instant) {
    return html`<time datetime=${instant} title=${this.words.full(instant)}>${shortTime(instant, this.words)}</time>`;
  }

  static styles = [base, pageStyle, css`
    :host { overflow-wrap: anywhere; }
    .lead { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0.5rem 1rem; margin-block-end: 0.875rem; }
    .lead p { color: var(--_muted); max-inline-size: 42rem; text-wrap: pretty; }
    .done { display: flex; gap: 0.625rem; align-items: flex-start; margin-block-end: 1rem; padding: 0.625rem 0.75rem; border: 1px solid var(--_good); border-radius: 8px; background: var(--_good-ground); overflow-wrap: anywhere; }
    .done > .icon { margin-block-start: 0.125rem; color: var(--_good); }
    .done .told { flex: 1; min-inline-size: 0; display: grid; gap: 0.375rem; }
    .done > button { margin-block: -0.125rem; padding-inline: 0.375rem; }
    .once { font-weight: 600; }
    .secret { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
    .secret code { padding: 0.3125rem 0.5rem; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_ground); user-select: all; }
    .things { display: grid; grid-template-columns: minmax(0, 1fr); border: 1px solid var(--_line); border-radius: 8px; }
    .things > li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.25rem 1rem; padding: 0.75rem 1rem; overflow-wrap: anywhere; }
    .things > li + li { border-block-start: 1px solid var(--_line); }
    .things > li:target, .things > li.current { background: var(--_accent-ground); }
    .things > li > * { min-inline-size: 0; grid-column: 1; }
    .things > li > .actions { grid-column: 2; grid-row: 1 / span 2; display: flex; flex-wrap: wrap; gap: 0.375rem; justify-content: flex-end; align-items: flex-start; }
    .things > li.ended .title { color: var(--_muted); }
    .title { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.5rem; font-weight: 600; font-size: 0.875rem; line-height: 1.45; color: var(--_text); }
    .facts { display: flex; flex-wrap: wrap; gap: 0.125rem 1rem; color: var(--_muted); font-size: 0.8125rem; }
    .facts code { font-size: 0.75rem; }
    .narrow { font-size: 0.8125rem; }
    .nothing { padding: 2.5rem 1rem; text-align: center; color: var(--_muted); border: 1px dashed var(--_line); border-radius: 8px; }
    .switch { display: inline-flex; align-items: center; gap: 0.375rem; margin-block-end: 0.75rem; color: var(--_muted); }
    dialog { inline-size: min(36rem, calc(100vw - 1rem)); max-block-size: calc(100dvh - 2rem); padding: 0; border: 1px solid var(--_line); border-radius: 12px; background: var(--_ground); color: inherit; overflow: auto; box-shadow: 0 12px 48px light-dark(#1b1d1f33, #000000a0); }
    dialog::backdrop { background: light-dark(#1b1d1f59, #00000099); }
    dialog form { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.75rem; padding: 1.25rem; overflow-wrap: anywhere; }
    .buttons { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 0.5rem; }
    button.main { justify-content: center; }
    button.main:disabled { opacity: 0.5; filter: none; }
    button.grave { background: var(--_bad); border-color: var(--_bad); }
    .field { display: grid; align-content: start; gap: 0.25rem; min-inline-size: 0; }
    .field > span, legend { font-weight: 550; padding: 0; }
    .field > small, .hint { font-size: 0.8125rem; color: var(--_muted); }
    dialog .hint { margin-block-start: -0.5rem; }
    input:not([type="checkbox"], [type="radio"]), textarea, select {
      inline-size: 100%; min-inline-size: 0; min-block-size: 2.125rem; padding: 0.3125rem 0.5625rem; border: 1px solid var(--_line-strong); border-radius: var(--_radius); background: var(--_ground); color: inherit; font: inherit;
    }
    textarea { resize: vertical; }
    input.code, textarea.code { font-family: var(--_mono); font-size: 0.8125rem; font-feature-settings: normal; }
    input[type="checkbox"], input[type="radio"] { accent-color: var(--_accent); margin: 0; flex: none; inline-size: 1rem; block-size: 1rem; }
    input:user-invalid, textarea:user-invalid { border-color: var(--_bad); }
    fieldset { display: grid; gap: 0.375rem; min-inline-size: 0; margin: 0; padding: 0; border: 0; }
    .choice { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0 0.5rem; align-items: center; }
    .choice small { grid-column: 2; color: var(--_muted); font-size: 0.8125rem; }
    .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(12rem, 100%), 1fr)); gap: 0.75rem; }
    .rule-of-values { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) auto; gap: 0.375rem; align-items: center; }
    .add { justify-self: start; }
    .problem { padding: 0.5rem 0.75rem; border-radius: var(--_radius); background: var(--_bad-ground); color: var(--_bad); font-size: 0.8125rem; overflow-wrap: anywhere; }
    .problem ul { display: grid; gap: 0.25rem; margin-block-start: 0.25rem; }
    details > summary { cursor: pointer; font-weight: 550; inline-size: fit-content; border-radius: 3px; }
    details > div { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.75rem; padding-block: 0.75rem 0.25rem; }
    @media (max-width: 40rem) {
      .things > li { grid-template-columns: minmax(0, 1fr); }
      .things > li > .actions { grid-column: 1; grid-row: auto; justify-content: flex-start; margin-block-start: 0.375rem; }
    }
  `];
}

/** What was thrown, as a refusal; a fault of these scripts is none, and is told as what it is.
 * @param {unknown} error */
function asProblem(error) {
  if (error instanceof ApiError) return error;
  throw error;
}

/** Lines of a field, without those that are empty.
 * @param {FormData} form
 * @param {string} name */
export function lines(form, name) {
  return String(form.get(name) ?? "").split("\n").map((line) => line.trim()).filter(Boolean);
}

/** A text of a field, or nothing.
 * @param {FormData} form
 * @param {string} name */
export function text(form, name) {
  return String(form.get(name) ?? "").trim() || null;
}

/** The instant of a field of the reader's own time, or nothing.
 * @param {FormData} form
 * @param {string} name */
export function instant(form, name) {
  const value = text(form, name);
  return value ? new Date(value).toISOString() : null;
}

/** Values that others chose, each as it can be seen.
 * @param {string[]} values */
export function named(values) {
  return values.map((value, index) => html`${index ? ", " : nothing}<bdi>${visible(value)}</bdi>`);
}
