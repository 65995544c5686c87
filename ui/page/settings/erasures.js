// Erasures: what would be found of a person, asking for it, a second administrator's word, and the certificate.

import { css, define, html, nothing } from "../../lib/element.js";
import { visible } from "../../lib/sentence.js";
import { lines, named, SettingsPlace, text } from "./place.js";

const BASIS_MAX = 1024;
/** Milliseconds between two looks at an erasure that is being carried out. */
const LOOK_MS = 1000;

/** @typedef {{ id: string, state: "requested" | "approved" | "done" | "withdrawn", tenant: string, principal: string | null, basis: string, mentions: unknown, thorough: boolean,
 *   requested_at: string, requested_by: string, approved_at: string | null, approved_by: string | null, ended_at: string | null, certificate: Record<string, any> | null, entry: string }} Erasure */
/** @typedef {{ id: string, recorded_at: string, action: string, texts: { pointer: string, text: string }[] }} Mention */
/** @typedef {{ tenant: string, entries: number, values: number, paths: Record<string, number>, names: string[], mentions: { count: number, entries: Mention[] },
 *   held: { id: string, reason: string, placed_by: string }[], exports: { count: number }, oldest: string | null }} Plan */
/** @typedef {{ tenant: string, principal: string, basis: string, also: string[], thorough: boolean }} Wanted */

const BADGES = { requested: "denied", approved: "denied", done: "success", withdrawn: "" };

/** The list of erasures, and asking for one. */
export class ErasuresPlace extends SettingsPlace {
  static properties = { erasures: { state: true }, isAsking: { state: true }, wanted: { state: true }, plan: { state: true }, decided: { state: true } };

  constructor() {
    super();
    /** @type {Erasure[] | null} */
    this.erasures = null;
    this.isAsking = false;
    /** What the plan is of. @type {Wanted | null} */
    this.wanted = null;
    /** @type {Plan | null} */
    this.plan = null;
    /** What becomes of each mention. @type {Map<string, "erase" | "keep">} */
    this.decided = new Map();
    this.looking = 0;
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.looking);
  }

  /** @override */
  async load() {
    const { data } = await this.api.get("/v1/erasures");
    this.erasures = data.reverse();
    clearTimeout(this.looking);
    if (this.isConnected && data.some((/** @type {Erasure} */ { state }) => state === "approved")) this.looking = window.setTimeout(() => this.reload(), LOOK_MS);
  }

  async begin() {
    Object.assign(this, { isAsking: true, wanted: null, plan: null, decided: new Map(), problem: null, done: null });
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("[name=principal]"))?.focus();
  }

  /** What would be found.
   * @param {SubmitEvent} event */
  async look(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const wanted = { tenant: text(form, "tenant") ?? "default", principal: text(form, "principal") ?? "", basis: text(form, "basis") ?? "", also: lines(form, "also"), thorough: form.has("thorough") };
    const plan = await this.attempt(() => this.send("POST", "/v1/erasures", { ...wanted, dry_run: true }));
    if (!plan) return;
    Object.assign(this, { wanted, plan, decided: new Map() });
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("#plan"))?.focus();
  }

  /** What was decided about mentions, for all of them where they were decided alike. */
  get decision() {
    const ids = (/** @type {string} */ what) => [...this.decided].filter(([, decision]) => decision === what).map(([id]) => id);
    const [erase, keep] = [ids("erase"), ids("keep")];
    if (erase.length && keep.length) return { erase, keep };
    return erase.length ? "erase" : keep.length ? "keep" : null;
  }

  get isDecided() {
    return this.plan?.mentions.entries.every(({ id }) => this.decided.has(id)) ?? false;
  }

  async request() {
    const { wanted, words } = this;
    const erasure = await this.attempt(() => this.send("POST", "/v1/erasures", { ...wanted, mentions: this.decision }));
    if (!erasure) return;
    this.isAsking = false;
    await this.tellDone({ text: words.say(erasure.state === "requested" ? "erasure.asked" : "erasure.begun"), entry: erasure.entry });
  }

  /** @param {Erasure} erasure */
  approve(erasure) {
    const { say } = this.words;
    this.ask({
      title: say("erasure.approve.title"), text: say("erasure.approve.text"), action: say("erasure.approve"), isGrave: true,
      submit: async (reason) => {
        const approved = await this.send("POST", `/v1/erasures/${encodeURIComponent(erasure.id)}/approve`, { reason });
        return { text: say("erasure.approved"), entry: approved.entry };
      },
    });
  }

  /** @param {Erasure} erasure */
  withdraw(erasure) {
    const { say } = this.words;
    this.ask({
      title: say("erasure.withdraw.title"), action: say("erasure.withdraw"),
      submit: async (reason) => {
        const withdrawn = await this.send("DELETE", `/v1/erasures/${encodeURIComponent(erasure.id)}`, { reason });
        return { text: say("erasure.withdrawn"), entry: withdrawn.entry };
      },
    });
  }

  /** @override */
  content() {
    const { erasures } = this;
    if (!erasures) return nothing;
    const { say } = this.words;
    return html`<div class="lead"><p>${say("erasure.lead")}</p>${this.mayChange && !this.isAsking ? html`<button class="main" @click=${this.begin}>${say("erasure.new")}</button>` : nothing}</div>
      ${this.isAsking ? this.form() : nothing}
      ${erasures.length ? html`<ul class="things">${erasures.map((erasure) => this.row(erasure))}</ul>` : this.isAsking ? nothing : html`<p class="nothing">${say("erasure.none")}</p>`}`;
  }

  form() {
    const { say } = this.words;
    return html`<section class="card asking"><h2>${say("erasure.new")}</h2>
      <form @submit=${this.look}>
        <div class="pair"><label class="field"><span>${say("erasure.principal")}</span><input name="principal" class="code" dir="ltr" required autocomplete="off" spellcheck="false" placeholder="user:user_7" aria-describedby="principal-hint"><small id="principal-hint">${say("erasure.principal.hint")}</small></label>
          <label class="field"><span>${say("part.tenant")}</span><input name="tenant" class="code" dir="ltr" autocomplete="off" spellcheck="false" placeholder="default"></label></div>
        <label class="field"><span>${say("erasure.basis")}</span><textarea name="basis" rows="2" required maxlength=${BASIS_MAX} aria-describedby="basis-hint"></textarea><small id="basis-hint">${say("erasure.basis.hint")}</small></label>
        <label class="field"><span>${say("erasure.also")}</span><textarea name="also" rows="2" aria-describedby="also-hint"></textarea><small id="also-hint">${say("settings.lines")}</small></label>
        <label class="choice"><input type="checkbox" name="thorough">${say("erasure.thorough")}<small>${say("erasure.thorough.hint")}</small></label>
        ${this.plan || this.change ? nothing : this.problemView()}
        <div class="buttons"><button type="button" @click=${() => { this.isAsking = false; }}>${say("settings.cancel")}</button><button class=${this.plan ? "" : "main"} ?disabled=${this.isBusy}>${say(this.isBusy ? "log.loading" : "erasure.look")}</button></div>
      </form>
      ${this.planView()}</section>`;
  }

  planView() {
    const { plan, wanted } = this;
    if (!plan || !wanted) return nothing;
    const { say } = this.words;
    const { mentions } = plan;
    const isNobody = plan.entries === 0 && mentions.count === 0;
    return html`<div class="plan" id="plan" tabindex="-1" role="group" aria-label=${say("erasure.plan")}>
      <h3>${say("erasure.plan")} <bdi>${visible(wanted.principal)}</bdi></h3>
      <p><strong>${say("erasure.goes", { values: plan.values, entries: plan.entries })}</strong></p>
      ${plan.values ? html`<ul class="paths">${Object.entries(plan.paths).map(([path, count]) => html`<li><code dir="ltr">${path}</code> <span class="numbers muted">${this.words.number(count)}</span></li>`)}</ul>` : nothing}
      ${plan.names.length ? html`<p>${say("erasure.names")} ${named(plan.names)}</p>` : nothing}
      ${plan.held.map((hold) => html`<p class="problem">${say("erasure.held")} <code dir="ltr">${hold.id}</code>, <bdi>${hold.placed_by}</bdi>: “<bdi>${hold.reason}</bdi>”</p>`)}
      ${plan.exports.count ? html`<p>${say("erasure.exports", { count: plan.exports.count })}</p>` : nothing}
      ${mentions.count ? this.mentionsView() : nothing}
      ${this.problemView()}
      <div class="buttons">${mentions.count && !this.isDecided ? html`<p class="hint">${say("erasure.decide")}</p>` : nothing}
        <button class="main grave" ?disabled=${this.isBusy || isNobody || plan.held.length > 0 || !this.isDecided} @click=${this.request}>${say("erasure.ask")}</button></div></div>`;
  }

  mentionsView() {
    const { say } = this.words;
    const { mentions } = /** @type {Plan} */ (this.plan);
    const all = (/** @type {"erase" | "keep"} */ what) => { this.decided = new Map(mentions.entries.map(({ id }) => [id, what])); };
    return html`<h3>${say("erasure.mentions", { count: mentions.count })}</h3><p class="hint">${say("erasure.mentions.hint")}</p>
      <p class="every"><button type="button" @click=${() => all("erase")}>${say("erasure.erase.all")}</button><button type="button" @click=${() => all("keep")}>${say("erasure.keep.all")}</button></p>
      <ul class="mentions">${mentions.entries.map((mention) => this.mentionView(mention))}</ul>`;
  }

  /** @param {Mention} mention */
  mentionView(mention) {
    const { say } = this.words;
    const { tenant } = /** @type {Plan} */ (this.plan);
    const choice = (/** @type {"erase" | "keep"} */ what) => html`<label class="choice"><input type="radio" name=${`mention-${mention.id}`} value=${what} .checked=${this.decided.get(mention.id) === what}
      @change=${() => { this.decided = new Map(this.decided).set(mention.id, what); }}>${say(`erasure.${what}`)}</label>`;
    return html`<li><p><a class="link" href=${`/entry?${new URLSearchParams({ id: mention.id, tenant })}`} target="_blank"><bdi>${mention.action}</bdi></a> <span class="muted">${this.time(mention.recorded_at)}</span></p>
      <dl>${mention.texts.map(({ pointer, text }) => html`<dt><code dir="ltr">${pointer}</code></dt><dd><bdi>${text}</bdi></dd>`)}</dl>
      <fieldset class="either" aria-label=${say("erasure.decision", { id: mention.id })}>${choice("erase")}${choice("keep")}</fieldset></li>`;
  }

  /** @param {Erasure} erasure */
  row(erasure) {
    const { say } = this.words;
    const isOwn = erasure.requested_by === `token:${this.session.token?.id}`;
    const isOpen = erasure.state === "requested" && this.mayChange;
    return html`<li class=${erasure.id === this.asked.get("id") ? "current" : ""} data-id=${erasure.id}>
      <h2 class="title"><bdi>${erasure.principal ? visible(erasure.principal) : say("erasure.forgotten")}</bdi><span class=${`badge ${BADGES[erasure.state]}`}>${say(`erasure.state.${erasure.state}`)}</span></h2>
      ${isOpen ? html`<div class="actions">${isOwn ? nothing : html`<button class="main" @click=${() => this.approve(erasure)}>${say("erasure.approve")}</button>`}<button @click=${() => this.withdraw(erasure)}>${say("erasure.withdraw")}</button></div>` : nothing}
      <p class="narrow">${say("part.tenant")} <bdi>${erasure.tenant}</bdi> · “<bdi>${erasure.basis}</bdi>”</p>
      ${isOpen && isOwn ? html`<p class="narrow">${say("erasure.second")} <a class="link" href=${`/settings/erasures?${new URLSearchParams({ id: erasure.id })}`}>${say("erasure.address")}</a></p>` : nothing}
      <p class="facts"><span>${say("erasure.requested.by")} <bdi>${erasure.requested_by}</bdi>, ${this.time(erasure.requested_at)}</span>
        ${erasure.approved_at ? html`<span>${say("erasure.approved.by")} <bdi>${erasure.approved_by ?? erasure.requested_by}</bdi>, ${this.time(erasure.approved_at)}</span>` : nothing}
        ${erasure.ended_at ? html`<span>${say("erasure.ended")} ${this.time(erasure.ended_at)}</span>` : nothing}
        ${this.entryLink(erasure.entry)}<code dir="ltr">${erasure.id}</code></p>
      ${erasure.certificate ? this.certificateView(erasure.certificate) : nothing}</li>`;
  }

  /** @param {Record<string, any>} certificate */
  certificateView(certificate) {
    const { words } = this;
    const { say } = words;
    /** @type {[string, unknown][]} */
    const facts = [
      ["entries", words.number(certificate.entries)], ["values", words.number(certificate.values)], ["contents", words.number(certificate.contents)],
      ["kept", words.number(certificate.kept?.count ?? 0)], ["exports", words.number(certificate.exports?.count ?? 0)],
      ["backups", certificate.backups?.gone_by ? this.time(certificate.backups.gone_by) : say("erasure.certificate.unknown")],
    ];
    return html`<details><summary>${say("erasure.certificate")}</summary><div>
      <dl class="certificate">${facts.map(([key, value]) => html`<dt>${say(`erasure.certificate.${key}`)}</dt><dd>${value}</dd>`)}
        ${Object.entries(certificate.paths ?? {}).map(([path, count]) => html`<dt><code dir="ltr">${path}</code></dt><dd>${words.number(Number(count))}</dd>`)}</dl>
      <details><summary>${say("entry.json")}</summary><pre dir="ltr">${JSON.stringify(certificate, null, 2)}</pre></details></div></details>`;
  }

  static styles = [...SettingsPlace.styles, css`
    .asking { margin-block-end: 1rem; }
    .asking form, .plan { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.75rem; }
    .plan { margin-block-start: 1rem; padding-block-start: 1rem; border-block-start: 1px solid var(--_line); overflow-wrap: anywhere; }
    .plan h3 { color: var(--_text); font-size: 0.875rem; }
    .paths { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; }
    .every { display: flex; flex-wrap: wrap; gap: 0.5rem; }
    .mentions { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.75rem; }
    .mentions li { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.375rem; padding: 0.625rem 0.75rem; border: 1px solid var(--_line); border-radius: var(--_radius); }
    .mentions dd { padding-inline-start: 1rem; white-space: pre-wrap; }
    .either { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; }
    .buttons { align-items: center; }
    .certificate { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0.125rem 1rem; }
    .certificate dt { color: var(--_muted); }
    pre { max-inline-size: 100%; margin: 0; padding: 0.625rem; overflow: auto; background: var(--_raised); border-radius: var(--_radius); }
  `];
}

define("deedbook-erasures", ErasuresPlace);
