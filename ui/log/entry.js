// One entry, whole: the sentence, who and to what, from where, what changed, all else as a tree, and the JSON itself.

import { css, define, Element, html, nothing } from "../lib/element.js";
import { actorKey, actorLink, actorName, NOWHERE, outward, sentenceView, targetKey, targetLink } from "../lib/sentence.js";
import { quoted, term } from "../lib/query.js";
import { base, icon } from "../lib/style.js";
import { changesView, tree, valuesStyle } from "../lib/values.js";
import { whenOf } from "./row.js";

/** By what other entries are found that belong to this one. */
const RELATED = ["request_id", "transaction_id", "correlation_id"];
const IN_CONTEXT = ["ip", "user_agent", "request_id", "session_id", "trace_id"];

/** Tells `deedbook-close`; `deedbook-search` where it links to a query and there is no page for it. */
export class EntryView extends Element {
  static properties = {
    entry: { attribute: false }, words: { attribute: false }, places: { attribute: false }, closable: { type: Boolean },
    headline: { type: Number }, copied: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../types.js").Entry | null} */
    this.entry = null;
    this.places = NOWHERE;
    this.closable = false;
    this.headline = 2;
    this.copied = false;
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  willUpdate(changed) {
    if (changed.has("entry")) this.copied = false;
  }

  async copy() {
    await navigator.clipboard.writeText(JSON.stringify(this.entry, null, 2));
    this.copied = true;
  }

  render() {
    const { entry, words } = this;
    if (!entry || !words) return nothing;
    const { say } = words;
    const outcome = entry.outcome ?? "unknown";
    const href = this.places.entry(entry);
    return html`<article aria-labelledby="sentence">
      <header>
        <div class="line"><span class=${`badge ${outcome}`}>${icon(outcome)}${say(`outcome.${outcome}`)}</span>
          <code class="muted action">${entry.action}</code><span class="space"></span>
          ${this.closable && href ? html`<a class="link" href=${href}>${say("entry.open")}</a>` : nothing}
          ${this.closable ? html`<button class="plain close" aria-label=${say("entry.close")} @click=${() => this.tell("deedbook-close")}>${icon("close")}</button>` : nothing}</div>
        ${this.headline === 1 ? html`<h1 id="sentence" dir="auto">${sentenceView(entry, words, this.places)}</h1>` : html`<h2 id="sentence" dir="auto">${sentenceView(entry, words, this.places)}</h2>`}
        <p class="muted"><time datetime=${whenOf(entry)}>${words.full(whenOf(entry))}</time> · ${words.relative(whenOf(entry))}</p>
      </header>
      ${this.notes()}
      ${this.section("entry.changes", entry.changes?.length ? changesView(entry.changes, words) : nothing)}
      ${this.section("entry.who", this.who(entry.actor))}
      ${this.section("entry.targets", entry.targets?.length ? html`<ul class="targets">${entry.targets.map((target) => this.target(target))}</ul>` : nothing)}
      ${this.section("entry.context", this.context())}
      ${this.section("entry.metadata", hasMembers(entry.metadata) ? tree(entry.metadata, words) : nothing)}
      ${this.section("entry.related", this.related())}
      ${this.section("entry.record", this.pairs(["id", "seq", "position", "tenant", "category", "schema", "audience", "leaf_hash"], entry, { recorded: words.full(entry.recorded_at) }))}
      <details class="json"><summary>${say("entry.json")}</summary>
        <div class="line"><button @click=${this.copy}>${icon("copy")}${say("entry.copy")}</button><span role="status" class="muted">${this.copied ? say("entry.copied") : nothing}</span></div>
        <pre tabindex="0" role="region" aria-label=${say("entry.json")} dir="ltr">${JSON.stringify(entry, null, 2)}</pre></details>
    </article>`;
  }

  /** @param {string} title
   * @param {unknown} content */
  section(title, content) {
    return content === nothing ? nothing : html`<section part="section">${this.headline === 1 ? html`<h2 class="label">${this.words.say(title)}</h2>` : html`<h3>${this.words.say(title)}</h3>`}<div>${content}</div></section>`;
  }

  /** Why, and what went wrong. */
  notes() {
    const { reason, error } = /** @type {import("../types.js").Entry} */ (this.entry);
    if (!reason && !error) return nothing;
    return html`<div class="notes">
      ${error ? html`<p class="note bad" dir="auto"><b>${this.words.say("entry.error")}</b> ${error.message ?? nothing} ${error.code ? html`<code>${error.code}</code>` : nothing}</p>` : nothing}
      ${reason ? html`<p class="note" dir="auto"><b>${this.words.say("entry.reason")}</b> ${reason}</p>` : nothing}</div>`;
  }

  /** @param {import("../types.js").Actor} actor
   * @returns {unknown} */
  who(actor) {
    const { words, places } = this;
    const tenant = this.entry?.tenant ?? "";
    return html`<div class="person">${actorLink(actor, actorName(actor, words), places, tenant)}
      <span class="muted"><bdi>${[actorKey(actor), actor.email].filter(Boolean).join(" · ")}</bdi></span>
      ${hasMembers(actor.metadata) ? tree(actor.metadata, words) : nothing}
      ${actor.on_behalf_of ? html`<div class="behind"><span class="muted">${words.say("entry.behind")}</span>${this.who(actor.on_behalf_of)}</div>` : nothing}</div>`;
  }

  /** @param {import("../types.js").Target} target */
  target(target) {
    const url = outward(target.href);
    return html`<li>${targetLink(target, this.places, this.entry?.tenant ?? "")}
      <span class="muted"><bdi>${[targetKey(target), target.role].filter(Boolean).join(" · ")}</bdi></span>
      ${url ? html`<a class="link out" href=${url.href} target="_blank" rel="noopener noreferrer" aria-label=${this.words.say("entry.leaves", { host: url.host })}>${url.host}</a>` : nothing}
      ${hasMembers(target.metadata) ? tree(target.metadata, this.words) : nothing}</li>`;
  }

  context() {
    const { context = {}, source = {} } = /** @type {import("../types.js").Entry} */ (this.entry);
    const { auth, http, ...plain } = context;
    const rest = Object.fromEntries(Object.entries(plain).filter(([name]) => !IN_CONTEXT.includes(name)));
    const trees = { ...(auth ? { auth } : {}), ...(http ? { http } : {}), ...rest };
    return this.pairs(IN_CONTEXT, plain, { ...source }, trees);
  }

  /** @param {string[]} names
   * @param {Record<string, any>} from
   * @param {Record<string, any>} [more]
   * @param {Record<string, unknown>} [trees] */
  pairs(names, from, more = {}, trees = {}) {
    const told = [...names.map((name) => [name, from[name]]), ...Object.entries(more)].filter(([, value]) => value !== undefined && value !== null);
    const branches = Object.entries(trees);
    if (told.length + branches.length === 0) return nothing;
    const name = (/** @type {string} */ key) => (key === "recorded" ? this.words.say("entry.recorded") : this.words.texts[`part.${key}`] ?? key);
    return html`<dl class="pairs">${told.map(([key, value]) => html`<div><dt>${name(key)}</dt>
        <dd class=${["id", "leaf_hash", "request_id", "session_id", "trace_id", "ip"].includes(key) ? "mono" : ""}><bdi>${Array.isArray(value) ? value.join(", ") : String(value)}</bdi></dd></div>`)}
      ${branches.map(([key, value]) => html`<div><dt>${name(key)}</dt><dd>${tree(value, this.words)}</dd></div>`)}</dl>`;
  }

  /** Queries for what stands around the entry. */
  related() {
    const entry = /** @type {import("../types.js").Entry} */ (this.entry);
    const values = /** @type {Record<string, any>} */ ({ ...entry, request_id: entry.context?.request_id });
    const links = RELATED.filter((field) => values[field]).map((field) => [field, term(field, values[field])]);
    links.push(["actor", `actor:${quoted(actorKey(entry.actor))}`]);
    const primary = entry.targets?.[0];
    if (primary) links.push(["object", term("target", targetKey(primary))]);
    return html`<ul class="related">${links.map(([name, query]) => html`<li>
      <button @click=${() => this.tell("deedbook-search", { query })}>${this.words.say(`entry.same.${name}`)}</button></li>`)}</ul>`;
  }

  static styles = [base, valuesStyle, css`
    :host { display: block; }
    header { display: grid; gap: 0.375rem; padding-block-end: 0.875rem; }
    h1, h2 { overflow-wrap: anywhere; text-wrap: pretty; }
    h1 { font-weight: 500; } h2#sentence { font-size: 1.0625rem; font-weight: 500; line-height: 1.4; }
    .line { display: flex; align-items: center; gap: 0.5rem; min-inline-size: 0; }
    .line .action { overflow-wrap: anywhere; min-inline-size: 0; }
    .line .link { font-size: 0.8125rem; white-space: nowrap; }
    .space { flex: 1; }
    .close { padding: 0.25rem 0.4375rem; }
    .name { font-weight: 600; }
    button.plain.name { display: inline; min-block-size: 0; padding: 0; border: 0; white-space: normal; text-align: start; }
    section { display: grid; grid-template-columns: 8rem minmax(0, 1fr); gap: 0.25rem 1rem; padding-block: 0.75rem; border-block-start: 1px solid var(--_line); }
    section > div { min-inline-size: 0; overflow-wrap: anywhere; }
    .notes { display: grid; gap: 0.375rem; padding-block-end: 0.875rem; }
    .note { padding: 0.375rem 0.625rem; border-radius: var(--_radius); background: var(--_raised); overflow-wrap: anywhere; }
    .note.bad { background: var(--_bad-ground); color: var(--_bad); }
    .person, .targets li { display: flex; flex-wrap: wrap; gap: 0 0.625rem; align-items: baseline; }
    .person > .tree, .targets .tree, .behind { flex-basis: 100%; }
    .targets { display: grid; gap: 0.25rem; }
    .behind { display: grid; gap: 0 0.625rem; grid-template-columns: auto 1fr; margin-block-start: 0.25rem; }
    .pairs > div { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0 0.75rem; padding-block: 0.0625rem; }
    .pairs dt { color: var(--_muted); }
    .pairs dd { overflow-wrap: anywhere; unicode-bidi: isolate; }
    .related { display: flex; flex-wrap: wrap; gap: 0.375rem; }
    .json { padding-block: 0.75rem; border-block-start: 1px solid var(--_line); }
    .json summary { color: var(--_muted); font-size: 0.75rem; font-weight: 600; }
    .json .line { margin-block: 0.5rem; }
    pre { max-block-size: 32rem; overflow: auto; margin: 0; padding: 0.75rem; border-radius: var(--_radius); background: var(--_raised); font-size: 0.75rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
    @container (max-width: 30rem) { section { grid-template-columns: minmax(0, 1fr); } }
  `];
}

/** @param {object | undefined} value */
function hasMembers(value) {
  return value !== undefined && Object.keys(value).length > 0;
}

define("deedbook-entry", EntryView);
