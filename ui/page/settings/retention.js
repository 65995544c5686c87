// For how long entries are kept: the rules, edited and ordered; what would go by them, before they are saved; the runs.

import { css, define, html, nothing } from "../../lib/element.js";
import { SettingsPlace } from "./place.js";
import { icon } from "../../lib/style.js";

const UNITS = /** @type {const} */ (["h", "d", "w", "m", "y"]);
const RUNS_SHOWN = 10;
const FINISHED = "audit.retention.finished";

/** A rule as it is edited. @typedef {{ tenant: string, category: string, action: string, how: "forever" | "time" | "last", count: string, unit: string }} Draft */
/** @typedef {{ tenant?: string, category?: string, action?: string, keep: string }} Rule */
/** @typedef {{ count: number, oldest: string | null, newest: string | null }} Tally */
/** @typedef {{ made_at: string, count: number, rules: { text: string, goes: Tally, held: Tally, tenants: { tenant: string, goes: Tally, held: Tally }[], skipped: string | null }[] }} Plan */

/** The rules, their plan, and the runs. */
export class RetentionPlace extends SettingsPlace {
  static properties = { kept: { state: true }, drafts: { state: true }, plan: { state: true }, planned: { state: true }, runs: { state: true } };

  constructor() {
    super();
    /** @type {{ rules: Rule[], text: string, set_at: string | null, set_by: string | null, reason: string | null, entry: string | null, run: any, next_run_at: string | null } | null} */
    this.kept = null;
    /** @type {Draft[]} */
    this.drafts = [];
    /** @type {Plan | null} */
    this.plan = null;
    /** The rules of the plan, as JSON. */
    this.planned = "";
    /** The entries of former runs. @type {import("../../types.js").Entry[]} */
    this.runs = [];
  }

  /** @override */
  async load() {
    const asked = { q: `action:${FINISHED}`, tenant: "_deedbook", limit: RUNS_SHOWN };
    const [kept, runs] = await Promise.all([
      this.api.get("/v1/retention"),
      this.session.token?.tenant ? { data: [] } : this.api.get("/v1/events", asked),
    ]);
    this.kept = kept;
    this.runs = runs.data;
    this.drafts = kept.rules.map(draftOf);
    this.plan = null;
    this.planned = "";
  }

  get rules() {
    return this.drafts.map(ruleOf);
  }

  get isChanged() {
    return JSON.stringify(this.rules) !== JSON.stringify(this.kept?.rules.map(draftOf).map(ruleOf));
  }

  /** Whether the plan that is shown is that of the rules that are shown. */
  get isPlanned() {
    return this.plan !== null && this.planned === JSON.stringify(this.rules);
  }

  /** @param {number} index
   * @param {Partial<Draft>} change */
  edit(index, change) {
    this.drafts = this.drafts.map((draft, place) => (place === index ? { ...draft, ...change } : draft));
  }

  /** Moves a rule; the focus goes with it.
   * @param {number} index
   * @param {1 | -1} step */
  async move(index, step) {
    const drafts = [...this.drafts];
    drafts.splice(index + step, 0, ...drafts.splice(index, 1));
    this.drafts = drafts;
    await this.updateComplete;
    const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (this.renderRoot.querySelectorAll(`[data-rule="${index + step}"] button.step`));
    (buttons[step > 0 ? 1 : 0].disabled ? buttons[step > 0 ? 0 : 1] : buttons[step > 0 ? 1 : 0]).focus();
  }

  async add() {
    this.drafts = [...this.drafts, { tenant: "", category: "", action: "", how: "time", count: "90", unit: "d" }];
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(`[data-rule="${this.drafts.length - 1}"] input`))?.focus();
  }

  /** @param {number} index */
  async leaveOut(index) {
    this.drafts = this.drafts.filter((_, place) => place !== index);
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("button.add"))?.focus();
  }

  /** What would go by the rules as they are shown. */
  async look() {
    const { rules } = this;
    const plan = await this.attempt(() => this.send("POST", "/v1/retention/plan", { rules }));
    if (!plan) return;
    this.plan = plan;
    this.planned = JSON.stringify(rules);
  }

  save() {
    const { words, rules } = this;
    const count = this.plan?.count ?? 0;
    this.ask({
      title: words.say("retention.save.title"), text: words.say("retention.save.text", { count }), action: words.say("retention.save"), isGrave: count > 0,
      submit: async (reason) => {
        const kept = await this.send("PUT", "/v1/retention", { rules, reason });
        return { text: words.say("retention.saved"), entry: kept.entry };
      },
    });
  }

  run() {
    const { words } = this;
    this.ask({
      title: words.say("retention.run.title"), text: words.say("retention.run.text"), action: words.say("retention.run"), isGrave: true,
      submit: async (reason) => {
        const { id } = await this.send("POST", "/v1/retention/run", { reason });
        return { text: words.say("retention.begun"), entry: await this.ended(id) };
      },
    });
  }

  /** The entry of a run: of its end, where that is soon, else of its beginning; a run has one as soon as it begins.
   * @param {string} id */
  async ended(id) {
    for (let waited = 100; waited < 2000; waited *= 1.5) {
      const { run } = await this.api.get("/v1/retention");
      if (run?.id === id && run.finished_at) return run.entry;
      await new Promise((resolve) => setTimeout(resolve, waited));
    }
    const { run } = await this.api.get("/v1/retention");
    return run?.id === id ? run.entry : null;
  }

  /** @override */
  content() {
    const { kept, words } = this;
    if (!kept) return nothing;
    const { say } = words;
    return html`<div class="lead"><p>${say("retention.lead")}</p></div>
      <section class="card rules"><h2>${say("retention.rules")}</h2>
        ${kept.set_at ? html`<p class="facts"><span>${say("retention.set")} <bdi>${kept.set_by}</bdi>, ${this.time(kept.set_at)}</span>${kept.reason ? html`<span>“<bdi>${kept.reason}</bdi>”</span>` : nothing}${this.entryLink(kept.entry)}</p>` : nothing}
        ${this.mayChange ? this.editor() : this.listed(kept.rules)}
        ${this.change ? nothing : this.problemView()}
        <div class="buttons"><button ?disabled=${this.isBusy} @click=${this.look}>${say(this.isBusy ? "log.loading" : "retention.plan")}</button>
          ${this.mayChange ? html`<button class="main" ?disabled=${!this.isChanged || !this.isPlanned || this.isBusy} aria-describedby="save-hint" @click=${this.save}>${say("retention.save")}</button>` : nothing}</div>
        ${this.mayChange ? html`<p id="save-hint" class="hint end">${say(!this.isChanged ? "retention.same" : this.isPlanned ? "retention.ready" : "retention.first")}</p>` : nothing}
      </section>
      <div role="status">${this.planView()}</div>
      ${this.runsView()}`;
  }

  /** @param {Rule[]} rules */
  listed(rules) {
    return html`<ol class="plain-rules">${rules.map((rule) => html`<li><code dir="ltr">${textOf(rule)}</code></li>`)}</ol>`;
  }

  editor() {
    const { say } = this.words;
    return html`<div class="editor">${this.drafts.map((draft, index) => this.ruleView(draft, index))}</div>
      ${this.drafts.length ? nothing : html`<p class="muted">${say("retention.none")}</p>`}
      <p><button type="button" class="add" @click=${this.add}>${say("retention.add")}</button></p>`;
  }

  /** @param {Draft} draft
   * @param {number} index */
  ruleView(draft, index) {
    const { say } = this.words;
    const number = index + 1;
    const field = (/** @type {"tenant" | "category" | "action"} */ name) => html`<label class="field"><span>${say(`retention.${name}`)}</span>
      <input class="code" dir="ltr" spellcheck="false" autocomplete="off" placeholder=${say("retention.any")} .value=${draft[name]} @input=${(/** @type {Event} */ event) => this.edit(index, { [name]: valueOf(event) })}></label>`;
    return html`<div class="rule" data-rule=${index} role="group" aria-label=${say("retention.rule", { number })}>
      <span class="number muted" aria-hidden="true">${this.words.number(number)}</span>
      <div class="matches">${field("tenant")}${field("category")}${field("action")}</div>
      <div class="keep"><label class="field"><span>${say("retention.keep")}</span><select @change=${(/** @type {Event} */ event) => this.edit(index, { how: /** @type {any} */ (valueOf(event)) })}>
          ${["forever", "time", "last"].map((how) => html`<option value=${how} .selected=${how === draft.how}>${say(`retention.keep.${how}`)}</option>`)}</select></label>
        ${draft.how === "forever" ? nothing : html`<label class="field count"><span>${say(`retention.count.${draft.how}`)}</span><input type="number" min="1" step="1" required .value=${draft.count} @input=${(/** @type {Event} */ event) => this.edit(index, { count: valueOf(event) })}></label>`}
        ${draft.how === "time" ? html`<label class="field"><span>${say("retention.unit")}</span><select @change=${(/** @type {Event} */ event) => this.edit(index, { unit: valueOf(event) })}>
          ${UNITS.map((unit) => html`<option value=${unit} .selected=${unit === draft.unit}>${say(`retention.unit.${unit}`)}</option>`)}</select></label>` : nothing}</div>
      <div class="steps">
        <button type="button" class="plain step" ?disabled=${index === 0} aria-label=${say("retention.up", { number })} title=${say("retention.up", { number })} @click=${() => this.move(index, -1)}>${icon("up")}</button>
        <button type="button" class="plain step" ?disabled=${index === this.drafts.length - 1} aria-label=${say("retention.down", { number })} title=${say("retention.down", { number })} @click=${() => this.move(index, 1)}>${icon("down")}</button>
        <button type="button" class="plain" aria-label=${say("retention.remove", { number })} title=${say("retention.remove", { number })} @click=${() => this.leaveOut(index)}>${icon("close")}</button></div></div>`;
  }

  planView() {
    const { plan, words } = this;
    if (!plan) return nothing;
    const { say } = words;
    return html`<section class=${this.isPlanned ? "card plan" : "card plan stale"}><h2>${say("retention.planned", { count: plan.count })}</h2>
      <p class="facts"><span>${this.time(plan.made_at)}</span>${this.isPlanned ? nothing : html`<span>${say("retention.stale")}</span>`}</p>
      <ul class="goes">${plan.rules.map((rule) => html`<li><p><code dir="ltr">${rule.text}</code></p>
        <p>${rule.skipped ? html`${say("retention.skipped")} <bdi>${rule.skipped}</bdi>` : this.tallyView(rule.goes, rule.held)}</p>
        ${rule.tenants.length ? html`<ul class="of">${rule.tenants.map((tenant) => html`<li><bdi>${tenant.tenant}</bdi>: ${this.tallyView(tenant.goes, tenant.held)}</li>`)}</ul>` : nothing}</li>`)}</ul></section>`;
  }

  /** @param {Tally} goes
   * @param {Tally} held */
  tallyView(goes, held) {
    const { say } = this.words;
    const span = goes.oldest && goes.newest ? html`, ${say("retention.span")} ${this.time(goes.oldest)} – ${this.time(goes.newest)}` : nothing;
    return html`${goes.count ? html`<strong>${say("retention.goes", { count: goes.count })}</strong>` : say("retention.goes.none")}${span}${held.count ? html`; ${say("retention.held", { count: held.count })}` : nothing}`;
  }

  runsView() {
    const { kept, words } = this;
    const { say } = words;
    const isOpen = kept?.run && !kept.run.finished_at;
    return html`<section class="card"><div class="lead"><h2>${say("retention.runs")}</h2>${this.mayChange ? html`<button @click=${this.run}>${say("retention.run")}</button>` : nothing}</div>
      <p class="facts">${isOpen ? html`<span>${say("retention.running")} ${this.time(kept.run.started_at)}</span>` : nothing}${kept?.next_run_at ? html`<span>${say("retention.next")} ${this.time(kept.next_run_at)}</span>` : nothing}</p>
      ${this.runs.length ? html`<ul class="runs">${this.runs.map((entry) => html`<li>${this.time(entry.recorded_at)}
        <span>${say("retention.went", { count: Number(entry.metadata?.count ?? 0) })}</span><span class="muted"><bdi>${entry.actor.name ?? entry.actor.id ?? entry.actor.type}</bdi></span>${this.entryLink(entry.id)}</li>`)}</ul>` : html`<p class="muted">${say("retention.runs.none")}</p>`}</section>`;
  }

  static styles = [...SettingsPlace.styles, css`
    .card + .card, [role="status"] > .card { margin-block-start: 1rem; }
    [role="status"] + .card { margin-block-start: 1rem; }
    .rules .facts, .plan .facts { margin-block-end: 0.75rem; }
    .end { text-align: end; margin-block-start: 0.375rem; }
    .editor { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.625rem; margin-block-end: 0.625rem; }
    .editor > .rule { display: grid; grid-template-columns: 1.25rem minmax(0, 1.4fr) minmax(0, 1fr) auto; gap: 0.5rem 0.75rem; align-items: end; padding-block-end: 0.625rem; border-block-end: 1px solid var(--_line); }
    .number { align-self: end; line-height: 2.125rem; font-variant-numeric: tabular-nums; }
    .matches { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.5rem; }
    .keep { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.5rem; }
    .editor .field > span { font-size: 0.75rem; font-weight: 500; color: var(--_muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .steps { display: flex; }
    .steps button { padding-inline: 0.375rem; min-block-size: 2.125rem; }
    .steps button:disabled { opacity: 0.45; }
    .plain-rules { display: grid; gap: 0.25rem; margin-block-end: 0.75rem; list-style: decimal; padding-inline-start: 1.75rem; }
    .goes { display: grid; gap: 0.75rem; overflow-wrap: anywhere; }
    .of { padding-inline-start: 1rem; color: var(--_muted); font-size: 0.8125rem; }
    .stale .goes { opacity: 0.6; }
    .runs { display: grid; gap: 0.25rem; margin-block-start: 0.5rem; }
    .runs li { display: flex; flex-wrap: wrap; gap: 0.125rem 1rem; }
    @media (max-width: 60rem) {
      .editor > .rule { grid-template-columns: 1.25rem minmax(0, 1fr) auto; }
      .editor .keep { grid-column: 2; grid-row: 2; }
      .steps { grid-column: 3; grid-row: 1; }
    }
    @media (max-width: 32rem) {
      .editor > .rule { grid-template-columns: minmax(0, 1fr) auto; }
      .matches, .keep { grid-column: 1 / -1; }
      .editor .keep { grid-column: 1 / -1; grid-row: auto; }
      .matches { grid-template-columns: minmax(0, 1fr); }
      .steps { grid-column: 2; }
    }
  `];
}

/** @param {Rule} rule
 * @returns {Draft} */
function draftOf({ tenant = "", category = "", action = "", keep }) {
  const time = keep.match(/^(\d+)([hdwmy])$/);
  const last = keep.match(/^last (\d+)$/);
  return { tenant, category, action, how: time ? "time" : last ? "last" : "forever", count: time?.[1] ?? last?.[1] ?? "90", unit: time?.[2] ?? "d" };
}

/** @param {Draft} draft
 * @returns {Rule} */
function ruleOf({ tenant, category, action, how, count, unit }) {
  const keep = how === "forever" ? "forever" : how === "last" ? `last ${count}` : `${count}${unit}`;
  const given = Object.entries({ tenant, category, action }).map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
  return { ...Object.fromEntries(given), keep };
}

/** @param {Rule} rule */
function textOf({ keep, ...matches }) {
  return [...Object.entries(matches).filter(([, value]) => value).map(([name, value]) => `${name}:${value}`), `keep ${keep}`].join(" ");
}

/** @param {Event} event */
function valueOf(event) {
  return /** @type {HTMLInputElement} */ (event.target).value;
}

define("deedbook-retention", RetentionPlace);
