// The page of one thing: everything that happened to it, its fields as they were after any version with who set each,
// and what differs between two versions.

import { ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { actorName, sentenceView, targetKey, visible } from "../lib/sentence.js";
import { term } from "../lib/query.js";
import { base } from "../lib/style.js";
import { valuesStyle } from "../lib/values.js";
import { whenOf } from "../log/row.js";
import { failureView, pageStyle, shortTime } from "./parts.js";
import { PAGES } from "./places.js";
import { differencesView, stateStyle, stateView } from "./state.js";

/** The newest versions that can be chosen; older ones are in the log. */
const VERSIONS_MAX = 500;
/** Effects after which the thing is another. */
const CHANGING = new Set(["created", "changed", "deleted", "uncertain"]);

/** Tells `deedbook-state` with the parameters of its address. */
export class ObjectPage extends Element {
  static properties = {
    api: { attribute: false }, words: { attribute: false }, target: {}, at: {}, to: {},
    versions: { state: true }, state: { state: true }, difference: { state: true }, failure: { state: true }, hasMore: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    this.target = "";
    /** The version whose state is shown; the newest where null. @type {string | null} */
    this.at = null;
    /** The version it is compared with. @type {string | null} */
    this.to = null;
    /** Newest first. @type {import("../types.js").Entry[] | null} */
    this.versions = null;
    this.hasMore = false;
    /** @type {import("./state.js").State | null} */
    this.state = null;
    /** @type {import("./state.js").Differences | null} */
    this.difference = null;
    /** @type {ApiError | null} */
    this.failure = null;
    this.asking = new AbortController();
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (changed.has("api") && changed.get("api") === undefined || changed.has("target")) this.load();
    else if (changed.has("at") || changed.has("to")) this.loadState();
  }

  /** @param {(signal: AbortSignal) => Promise<void>} ask */
  async attempt(ask) {
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    this.failure = null;
    try {
      await ask(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.failure = /** @type {ApiError} */ (error);
      this.tell("deedbook-failure", error);
    }
  }

  load() {
    this.versions = null;
    this.state = null;
    return this.attempt(async (signal) => {
      const { data, has_more } = await this.api.page({ query: "", target: this.target, limit: VERSIONS_MAX }, signal);
      this.versions = data;
      this.hasMore = has_more;
      await this.ask(signal);
    });
  }

  loadState() {
    return this.attempt((signal) => this.ask(signal));
  }

  /** @param {AbortSignal} signal */
  async ask(signal) {
    if (!this.versions?.length) return;
    const place = { target: this.target, tz: this.api.zone, tenant: this.api.tenant ?? this.versions[0].tenant };
    const at = this.at ?? "latest";
    if (this.to) this.difference = await this.api.get("/v1/diff", { ...place, from: at, to: this.to }, signal);
    else this.state = await this.api.get("/v1/as-of", { ...place, at }, signal);
  }

  /** The versions that changed the thing, oldest first. */
  get steps() {
    return (this.versions ?? []).filter(({ effect }) => CHANGING.has(effect ?? "")).reverse();
  }

  /** @param {{ at?: string | null, to?: string | null }} change */
  choose(change) {
    const { at, to } = { at: this.at, to: this.to, ...change };
    const state = new URLSearchParams({ target: this.target });
    if (this.api.tenant) state.set("tenant", this.api.tenant);
    if (at) state.set("at", at);
    if (to) state.set("to", to);
    this.tell("deedbook-state", state.toString());
  }

  compare() {
    const steps = this.steps;
    const index = this.indexOf(this.at);
    if (this.to) this.choose({ at: this.to, to: null });
    else this.choose({ at: steps[Math.max(0, index - 1)].id, to: steps[index].id });
  }

  /** @param {string | null} id */
  indexOf(id) {
    const index = this.steps.findIndex((version) => version.id === id);
    return index < 0 ? this.steps.length - 1 : index;
  }

  get name() {
    for (const { targets = [] } of this.versions ?? []) {
      const name = targets.find((target) => targetKey(target) === this.target)?.name;
      if (name) return name;
    }
    return null;
  }

  render() {
    const { words, failure, versions } = this;
    if (failure && failure.status !== 404) return failureView(failure, words, () => this.load());
    if (!versions) return nothing;
    const { say } = words;
    if (versions.length === 0) {
      return html`<div class="state"><h1>${say("object.missing")}</h1><p><bdi>${this.target}</bdi></p><a class="link" href="/">${say("nav.back")}</a></div>`;
    }
    const steps = this.steps;
    return html`<div class="page">
      <header><p class="muted kind"><code><bdi>${this.target}</bdi></code></p><h1><bdi>${visible(this.name ?? this.target)}</bdi></h1></header>
      <div class="columns">
        <section class="timeline" aria-labelledby="timeline"><div class="heading"><h2 id="timeline">${say("object.timeline")}</h2>
          <button @click=${() => this.tell("deedbook-search", { query: term("target", this.target) })}>${say("object.log")}</button></div>
          <ol>${versions.map((version) => this.version(version))}</ol>
          ${this.hasMore ? html`<p class="muted">${say("object.more", { count: versions.length })}</p>` : nothing}</section>
        <section class="card" aria-labelledby="fields">${steps.length ? this.fields(steps) : html`<h2 id="fields">${say("object.state")}</h2><p class="muted">${say("object.unchanged")}</p>`}</section>
      </div></div>`;
  }

  /** @param {import("../types.js").Entry[]} steps */
  fields(steps) {
    const { words } = this;
    const { say } = words;
    const isComparing = this.to !== null;
    return html`
      <div class="heading"><h2 id="fields">${say(isComparing ? "object.compared" : "object.state")}</h2>
        ${steps.length > 1 ? html`<button aria-pressed=${isComparing} @click=${this.compare}>${say("object.compare")}</button>` : nothing}</div>
      ${steps.length > 1 ? html`<div class="sliders">${this.slider("at", steps)}${isComparing ? this.slider("to", steps) : nothing}</div>` : nothing}
      ${isComparing
        ? this.difference ? differencesView(this.difference, words, this.api.tenant) : nothing
        : this.state ? stateView(this.state, words, this.at ?? steps[steps.length - 1].id, this.api.tenant) : nothing}`;
  }

  /** @param {"at" | "to"} which
   * @param {import("../types.js").Entry[]} steps */
  slider(which, steps) {
    const { words } = this;
    const index = this.indexOf(this[which]);
    const version = steps[index];
    const text = `${shortTime(whenOf(version), words)}, ${actorName(version.actor, words)}, ${version.action}`;
    const slide = (/** @type {Event} */ event) => this.choose({ [which]: steps[Number(/** @type {HTMLInputElement} */ (event.target).value)].id });
    const label = words.say(this.to === null ? "object.version" : which === "at" ? "object.from" : "object.to");
    return html`<label class="slider"><span class="muted">${label}</span>
      <input type="range" min="0" max=${steps.length - 1} .value=${String(index)} aria-valuetext=${text} @input=${slide}>
      <output><b class="numbers">${words.number(index + 1)} / ${words.number(steps.length)}</b> <bdi>${text}</bdi></output></label>`;
  }

  /** @param {import("../types.js").Entry} version */
  version(version) {
    const { words } = this;
    const effect = version.effect ?? "mentioned";
    const isShown = !this.to && (this.at ?? this.steps.at(-1)?.id) === version.id;
    return html`<li class=${isShown ? "shown" : ""}>
      <div><a class="when muted numbers" href=${PAGES.entry(version)}><time datetime=${whenOf(version)} title=${words.full(whenOf(version))}>${shortTime(whenOf(version), words)}</time></a>
        <span class=${`badge effect ${effect}`}>${words.say(`effect.${effect}`)}</span></div>
      <p dir="auto">${sentenceView(version, words, PAGES)}</p>
      ${version.changes?.length ? html`<p class="muted paths">${version.changes.slice(0, 4).map(({ path }) => html`<code><bdi>${path}</bdi></code> `)}</p>` : nothing}
      ${CHANGING.has(effect) ? html`<button class="plain look" aria-pressed=${isShown} @click=${() => this.choose({ at: version.id, to: null })}>${words.say("object.look")}</button>` : nothing}</li>`;
  }

  static styles = [base, pageStyle, valuesStyle, stateStyle, css`
    .kind { overflow-wrap: anywhere; }
    .columns { display: grid; grid-template-columns: minmax(18rem, 26rem) minmax(0, 1fr); gap: 1.5rem; align-items: start; }
    .columns > .card { position: sticky; inset-block-start: 1rem; max-block-size: calc(100dvh - 2rem); overflow: auto; }
    .heading { display: flex; align-items: center; justify-content: space-between; gap: 0.75rem; margin-block-end: 0.5rem; }
    .timeline ol { border-inline-start: 2px solid var(--_line); margin-inline-start: 0.25rem; }
    .timeline li { position: relative; padding: 0.4375rem 0.75rem 0.4375rem 1rem; border-radius: 0 var(--_radius) var(--_radius) 0; display: grid; gap: 0.125rem; justify-items: start; }
    .timeline li > div { display: flex; gap: 0.5rem; align-items: center; font-size: 0.8125rem; }
    .timeline li::before { content: ""; position: absolute; inset-inline-start: -0.3125rem; inset-block-start: 0.8125rem; inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: var(--_ground); border: 2px solid var(--_line-strong); box-sizing: border-box; }
    .timeline li.shown { background: var(--_accent-ground); }
    .timeline li.shown::before { background: var(--_accent); border-color: var(--_accent); }
    .timeline p { overflow-wrap: anywhere; }
    .name { font-weight: 550; }
    .paths { font-size: 0.75rem; } .paths code { font-size: 0.75rem; }
    .look.plain { min-block-size: 1.375rem; padding: 0 0.4375rem; margin-inline-start: -0.4375rem; color: var(--_accent); font-size: 0.8125rem; }
    .badge.created, .badge.changed { background: var(--_accent-ground); color: var(--_accent); }
    .badge.deleted { background: var(--_bad-ground); color: var(--_bad); }
    .badge.attempted, .badge.uncertain { background: var(--_warn-ground); color: var(--_warn); }
    .sliders { display: grid; gap: 0.625rem; margin-block-end: 1rem; padding: 0.625rem 0.75rem; border-radius: var(--_radius); background: var(--_raised); }
    .slider { display: grid; grid-template-columns: 5rem minmax(0, 1fr); gap: 0.125rem 0.75rem; align-items: center; }
    .slider input { inline-size: 100%; accent-color: var(--_accent); }
    .slider output { grid-column: 2; font-size: 0.8125rem; overflow-wrap: anywhere; }
    @media (max-width: 60rem) {
      .columns { grid-template-columns: minmax(0, 1fr); }
      .columns > .card { order: -1; position: static; max-block-size: none; }
    }
  `];
}

define("deedbook-object", ObjectPage);
