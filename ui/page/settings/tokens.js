// Tokens: what each may do and see, in words; making, rotating and revoking them.

import { define, html, nothing } from "../../lib/element.js";
import { visible } from "../../lib/sentence.js";
import { instant, lines, named, SettingsPlace, text } from "./place.js";
import { icon } from "../../lib/style.js";

const KINDS = /** @type {const} */ (["read", "write", "auditor", "admin"]);
/** How long a token is accepted that is made here, in days. */
const LIVES = ["7", "30", "90", "365", "", "until"];
/** How long the text before a rotation is accepted. */
const OVERLAPS = ["0m", "1h", "24h", "7d", "30d"];
const TREATMENTS = ["mask", "hash", "truncate", "drop", "show"];
const DAY_MS = 86_400_000;

/** @typedef {{ id: string, kind: string, tenant: string | null, name: string | null, created_at: string, expires_at: string | null,
 *   revoked_at: string | null, last_used_at: string | null, old_accepted_until: string | null, origin: string, person: string | null, entry: string,
 *   scope?: Record<string, any>, fields?: { path: string, as: string }[], addresses?: string[], capabilities?: string[], token?: string }} Token */

/** The list of tokens. */
export class TokensPlace extends SettingsPlace {
  static properties = { tokens: { state: true }, kind: { state: true }, life: { state: true }, rules: { state: true } };

  constructor() {
    super();
    /** @type {Token[] | null} */
    this.tokens = null;
    /** @type {string} the kind of the token that is being made */
    this.kind = "read";
    this.life = "90";
    /** Rules of its values, each with a key. @type {number[]} */
    this.rules = [];
  }

  /** @override */
  async load() {
    const { data } = await this.api.get("/v1/tokens");
    this.tokens = data.reverse();
  }

  make() {
    const { words } = this;
    Object.assign(this, { kind: "read", life: "90", rules: [] });
    this.ask({ title: words.say("token.make"), fields: () => this.fields(), action: words.say("token.make.do"), submit: (reason, form) => this.create(reason, form) });
  }

  /** @param {string} reason
   * @param {FormData} form */
  async create(reason, form) {
    /** @type {Record<string, unknown>} */
    const wanted = { kind: this.kind, name: text(form, "name"), expires_at: this.expiry(form), addresses: some(lines(form, "addresses")), reason };
    if (this.kind !== "admin") wanted.tenant = text(form, "tenant");
    if (this.kind === "read" || this.kind === "auditor") wanted.capabilities = form.has("export") ? null : ["view"];
    if (this.kind === "read") Object.assign(wanted, { scope: scopeOf(form), fields: this.fieldRules(form) });
    const made = await this.send("POST", "/v1/tokens", wanted);
    return { text: this.words.say("token.made"), entry: made.entry, secret: made.token };
  }

  /** @param {FormData} form */
  expiry(form) {
    if (this.life === "until") return instant(form, "expires_at");
    return this.life ? new Date(Date.now() + Number(this.life) * DAY_MS).toISOString() : null;
  }

  /** @param {FormData} form */
  fieldRules(form) {
    const paths = form.getAll("path").map(String);
    const treatments = form.getAll("as").map(String);
    return some(paths.map((path, index) => ({ path: path.trim(), as: treatments[index] })));
  }

  /** @param {Token} token */
  rotate(token) {
    const { words } = this;
    const fields = () => html`<label class="field"><span>${words.say("token.overlap")}</span>
      <select name="overlap">${OVERLAPS.map((time) => html`<option value=${time} ?selected=${time === "24h"}>${words.say(`token.overlap.${time}`)}</option>`)}</select></label>`;
    this.ask({
      title: words.say("token.rotate.title", { name: nameOf(token) }), text: words.say("token.rotate.text"), fields, action: words.say("token.rotate"),
      submit: async (reason, form) => {
        const rotated = await this.send("POST", `/v1/tokens/${encodeURIComponent(token.id)}/rotate`, { overlap: form.get("overlap"), reason });
        return { text: words.say("token.rotated"), entry: rotated.entry, secret: rotated.token };
      },
    });
  }

  /** @param {Token} token */
  revoke(token) {
    const { words } = this;
    this.ask({
      title: words.say("token.revoke.title", { name: nameOf(token) }), text: words.say("token.revoke.text"), action: words.say("token.revoke"), isGrave: true,
      submit: async (reason) => {
        const revoked = await this.send("DELETE", `/v1/tokens/${encodeURIComponent(token.id)}`, { reason });
        return { text: words.say("token.revoked.done"), entry: revoked.entry };
      },
    });
  }

  /** @override */
  content() {
    const { tokens, words } = this;
    if (!tokens) return nothing;
    const { say } = words;
    const showsAll = this.asked.has("all");
    const shown = tokens.filter((token) => showsAll || stateOf(token) === "live");
    const ended = tokens.length - tokens.filter((token) => stateOf(token) === "live").length;
    return html`<div class="lead"><p>${say("token.lead")}</p>${this.mayChange ? html`<button class="main" @click=${this.make}>${say("token.make")}</button>` : nothing}</div>
      ${ended ? html`<p class="switch"><a class="link" href=${showsAll ? "/settings" : "/settings?all=1"}>${showsAll ? say("token.live.only") : say("token.ended.too", { count: ended })}</a></p>` : nothing}
      ${shown.length ? html`<ul class="things">${shown.map((token) => this.row(token))}</ul>` : html`<p class="nothing">${say("token.none")}</p>`}`;
  }

  /** @param {Token} token */
  row(token) {
    const { words } = this;
    const { say } = words;
    const state = stateOf(token);
    const badges = { live: "success", expired: "", revoked: "failure" };
    const isOwn = token.id === this.session.token?.id;
    return html`<li class=${state === "live" ? "" : "ended"} data-id=${token.id}>
      <h2 class="title">${token.name || token.person ? html`<bdi>${visible(nameOf(token))}</bdi>` : html`<span class="muted">${say("token.unnamed")}</span>`}<span class="badge">${say(`token.kind.${token.kind}`)}</span><span class=${`badge ${badges[state]}`}>${say(`token.${state}`)}</span>
        ${isOwn ? html`<span class="badge">${say("token.own")}</span>` : nothing}</h2>
      ${this.mayChange && state === "live" ? html`<div class="actions">
        ${token.origin === "environment" || token.origin === "sign_in" ? nothing : html`<button aria-label=${say("token.rotate.title", { name: nameOf(token) })} @click=${() => this.rotate(token)}>${say("token.rotate")}</button>`}
        <button aria-label=${say("token.revoke.title", { name: nameOf(token) })} @click=${() => this.revoke(token)}>${say("token.revoke")}</button></div>` : nothing}
      <div class="narrow">${this.sight(token)}</div>
      <p class="facts">
        <span>${token.last_used_at ? html`${say("token.used")} ${this.time(token.last_used_at)}` : say("token.unused")}</span>
        <span>${token.revoked_at ? html`${say("token.revoked.at")} ${this.time(token.revoked_at)}` : token.expires_at ? html`${say(`token.expires.${state}`)} ${this.time(token.expires_at)}` : say("token.endless")}</span>
        ${token.old_accepted_until && new Date(token.old_accepted_until) > new Date() ? html`<span>${say("token.old")} ${this.time(token.old_accepted_until)}</span>` : nothing}
        <span>${say("token.made.at")} ${this.time(token.created_at)}, ${say(`token.origin.${token.origin}`)}</span>
        ${this.entryLink(token.entry)}<code dir="ltr">${token.id}</code></p></li>`;
  }

  /** What a token may do and see.
   * @param {Token} token */
  sight(token) {
    const { say } = this.words;
    const scope = token.scope ?? {};
    /** @type {[string, unknown][]} */
    const parts = [];
    const add = (/** @type {string} */ key, /** @type {unknown} */ value) => parts.push([say(`token.sees.${key}`), value]);
    if (scope.audience) add("audience", scope.audience.length ? named(scope.audience) : say("token.sees.nobody"));
    if (scope.self) add("self", named([scope.self]));
    if (scope.targets) add("targets", named(scope.targets));
    if (scope.actions) add("actions", named(scope.actions));
    if (scope.from) add("from", this.time(scope.from));
    if (scope.until) add("until", this.time(scope.until));
    if (token.fields?.length) add("fields", token.fields.map(({ path, as }, index) => html`${index ? ", " : nothing}<code dir="ltr">${path || "*"}</code> ${say(`token.as.${as}`)}`));
    if (token.addresses?.length) add("addresses", named(token.addresses));
    const tenant = token.kind === "admin" ? nothing : token.tenant ? html` ${say("token.in.tenant")} <bdi>${token.tenant}</bdi>` : html` ${say("token.in.all")}`;
    return html`<p>${say(`token.may.${token.kind}`)}${tenant}${token.capabilities && !token.capabilities.includes("export") ? html`, ${say("token.no.export")}` : nothing}</p>
      ${parts.length ? html`<ul>${parts.map(([label, value]) => html`<li><span class="muted">${label}:</span> ${value}</li>`)}</ul>` : nothing}`;
  }

  fields() {
    const { say } = this.words;
    const { kind } = this;
    return html`
      <fieldset><legend>${say("token.kind")}</legend>${KINDS.map((each) => html`<label class="choice"><input type="radio" name="kind" value=${each} .checked=${each === kind} @change=${() => { this.kind = each; }}>${say(`token.kind.${each}`)}<small>${say(`token.kind.${each}.text`)}</small></label>`)}</fieldset>
      <label class="field"><span>${say("token.name")}</span><input name="name" maxlength="256" autocomplete="off" placeholder=${say("token.name.example")}></label>
      <div class="pair">
        ${kind === "admin" ? nothing : html`<label class="field"><span>${say("part.tenant")}</span><input name="tenant" class="code" dir="ltr" autocomplete="off" spellcheck="false" placeholder=${say("token.tenant.all")}></label>`}
        <label class="field"><span>${say("token.life")}</span><select @change=${(/** @type {Event} */ event) => { this.life = /** @type {HTMLSelectElement} */ (event.target).value; }}>
          ${LIVES.map((life) => html`<option value=${life} ?selected=${life === this.life}>${say(`token.life.${life || "endless"}`)}</option>`)}</select></label>
        ${this.life === "until" ? html`<label class="field"><span>${say("token.life.until")}</span><input name="expires_at" type="datetime-local" required></label>` : nothing}</div>
      ${kind === "read" || kind === "auditor" ? html`<label class="choice"><input type="checkbox" name="export" checked>${say("token.export")}<small>${say("token.export.text")}</small></label>` : nothing}
      ${kind === "read" ? this.narrowing() : nothing}
      <details><summary>${say("token.addresses")}</summary><div>${this.area("addresses", "10.0.0.0/8")}</div></details>`;
  }

  narrowing() {
    const { say } = this.words;
    return html`<details><summary>${say("token.scope")}</summary><div>
        <p class="hint">${say("token.scope.text")}</p>
        ${this.area("audience", "owners")}
        <label class="field"><span>${say("token.sees.self")}</span><input name="self" class="code" dir="ltr" autocomplete="off" spellcheck="false" placeholder="user:ada"></label>
        ${this.area("targets", "project:prj_1")}${this.area("actions", "project.*")}
        <div class="pair"><label class="field"><span>${say("token.sees.from")}</span><input name="from" type="datetime-local"></label>
          <label class="field"><span>${say("token.sees.until")}</span><input name="until" type="datetime-local"></label></div></div></details>
      <details><summary>${say("token.fields")}</summary><div>
        <p class="hint">${say("token.fields.text")}</p>
        ${this.rules.map((key, index) => html`<div class="rule-of-values">
          <input name="path" class="code" dir="ltr" required spellcheck="false" autocomplete="off" placeholder="/actor/email" aria-label=${say("token.fields.path", { number: index + 1 })}>
          <select name="as" aria-label=${say("token.fields.as", { number: index + 1 })}>${TREATMENTS.map((as) => html`<option value=${as}>${say(`token.as.${as}`)}</option>`)}</select>
          <button type="button" class="plain" aria-label=${say("token.fields.remove", { number: index + 1 })} @click=${() => { this.rules = this.rules.filter((other) => other !== key); }}>${icon("close")}</button></div>`)}
        <button type="button" class="add" @click=${() => { this.rules = [...this.rules, (this.rules.at(-1) ?? 0) + 1]; }}>${say("token.fields.add")}</button></div></details>`;
  }

  /** A field of several lines.
   * @param {string} name
   * @param {string} example */
  area(name, example) {
    return html`<label class="field"><span>${this.words.say(`token.sees.${name}`)}</span>
      <textarea name=${name} class="code" dir="ltr" rows="2" spellcheck="false" placeholder=${example} aria-describedby=${`${name}-hint`}></textarea><small id=${`${name}-hint`}>${this.words.say("settings.lines")}</small></label>`;
  }
}

/** @param {FormData} form */
function scopeOf(form) {
  const scope = {
    audience: some(lines(form, "audience")), self: text(form, "self"), targets: some(lines(form, "targets")), actions: some(lines(form, "actions")),
    from: instant(form, "from"), until: instant(form, "until"),
  };
  return Object.values(scope).some(Boolean) ? scope : null;
}

/** @template T
 * @param {T[]} list */
function some(list) {
  return list.length ? list : null;
}

/** @param {Token} token */
function nameOf(token) {
  return token.name ?? token.person ?? token.id;
}

/** @param {Token} token
 * @returns {"live" | "expired" | "revoked"} */
function stateOf({ revoked_at, expires_at }) {
  if (revoked_at) return "revoked";
  return expires_at && new Date(expires_at) <= new Date() ? "expired" : "live";
}

define("deedbook-tokens", TokensPlace);
