// The page for those who are not signed in.

import { ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { base } from "../lib/style.js";
import { signIn } from "./session.js";

/** Tells `deedbook-signed-in` with the session. */
export class SignIn extends Element {
  static properties = { words: { attribute: false }, ways: { attribute: false }, notice: { attribute: false }, failure: { state: true }, isAsking: { state: true } };

  constructor() {
    super();
    /** @type {string[]} how one can sign in here */
    this.ways = [];
    /** Why somebody is here who did not expect to be. */
    this.notice = "";
    this.failure = "";
    this.isAsking = false;
  }

  /** @override */
  firstUpdated() {
    this.field?.focus();
  }

  get field() {
    return /** @type {HTMLInputElement | null} */ (this.renderRoot.querySelector("input"));
  }

  /** @param {Event} event */
  async submit(event) {
    event.preventDefault();
    const token = this.field?.value.trim() ?? "";
    if (!token) return this.refuse(this.words.say("sign.missing"));
    this.isAsking = true;
    this.failure = "";
    try {
      this.tell("deedbook-signed-in", await signIn(token));
    } catch (error) {
      this.refuse(this.why(error));
    } finally {
      this.isAsking = false;
    }
  }

  /** @param {unknown} error */
  why(error) {
    const status = error instanceof ApiError ? error.status : 500;
    const key = { 0: "error.offline.text", 401: "sign.refused", 403: "error.forbidden" }[status];
    return key ? this.words.say(key) : /** @type {Error} */ (error).message;
  }

  /** @param {string} failure */
  refuse(failure) {
    this.failure = failure;
    this.field?.focus();
    this.field?.select();
  }

  render() {
    if (!this.words) return nothing;
    const { say } = this.words;
    const returnTo = location.pathname + location.search;
    return html`<div class="card">
      <img src="/ui/icon.svg" alt="" width="40" height="40">
      <h1>${say("sign.title")}</h1>
      ${this.notice ? html`<p class="notice" role="status">${this.notice}</p>` : html`<p class="muted">${say("sign.text")}</p>`}
      ${this.ways.includes("oidc") ? html`<a class="provider" href=${`/auth/sign-in?${new URLSearchParams({ return_to: returnTo })}`}>${say("sign.provider")}</a><p class="or muted"><span>${say("sign.or")}</span></p>` : nothing}
      <form @submit=${this.submit}>
        <label for="token">${say("sign.token")}</label>
        <input id="token" type="password" autocomplete="current-password" spellcheck="false" dir="ltr" placeholder="deed_…" aria-describedby="hint failure" aria-invalid=${this.failure ? "true" : "false"}>
        <p id="failure" role="alert" class="failure" ?hidden=${!this.failure}>${this.failure}</p>
        <button class="main" ?disabled=${this.isAsking}>${say(this.isAsking ? "log.loading" : "sign.in")}</button>
        <p id="hint" class="muted hint">${say("sign.hint")} <code>deedbook token create --kind read</code></p>
      </form></div>`;
  }

  static styles = [base, css`
    :host { display: grid; place-items: center; min-block-size: 100dvh; padding: 1rem; background: var(--_raised); }
    .card { inline-size: min(26rem, 100%); display: grid; gap: 0.5rem; padding: 2rem; border: 1px solid var(--_line); border-radius: 12px; background: var(--_ground); box-shadow: 0 1px 2px #0000000d, 0 12px 32px light-dark(#1b1d1f0f, #00000050); }
    h1 { margin-block-start: 0.5rem; }
    .notice { padding: 0.5rem 0.75rem; border-radius: var(--_radius); background: var(--_warn-ground); color: var(--_warn); text-wrap: pretty; }
    form { display: grid; gap: 0.375rem; margin-block-start: 0.75rem; }
    label { font-weight: 550; }
    input { min-block-size: 2.375rem; padding-inline: 0.75rem; border: 1px solid var(--_line-strong); border-radius: var(--_radius); background: var(--_ground); font-family: var(--_mono); }
    input::placeholder { color: var(--_muted); opacity: 1; }
    input[aria-invalid="true"] { border-color: var(--_bad); }
    .failure { color: var(--_bad); overflow-wrap: anywhere; }
    button.main, .provider { justify-content: center; min-block-size: 2.375rem; margin-block-start: 0.375rem; }
    .provider { display: flex; align-items: center; border: 1px solid var(--_line-strong); border-radius: var(--_radius); font-weight: 500; }
    .or { display: flex; align-items: center; gap: 0.75rem; }
    .or::before, .or::after { content: ""; flex: 1; border-block-start: 1px solid var(--_line); }
    .hint { margin-block-start: 0.5rem; font-size: 0.8125rem; }
    .hint code { font-size: 0.75rem; }
  `];
}

define("deedbook-sign-in", SignIn);
