// The pages: which one the address asks for, in whose name, in which language and theme. Every state has its address.

import { Api, ApiError } from "../lib/api.js";
import { css, define, Element, html, nothing } from "../lib/element.js";
import { term } from "../lib/query.js";
import { base, scheme } from "../lib/style.js";
import { addTexts, Words } from "../lib/texts.js";
import "../log.js";
import { de } from "../texts/pages-de.js";
import { en } from "../texts/pages-en.js";
import "./entry.js";
import "./object.js";
import "./overview.js";
import { failureView, logAddress } from "./parts.js";
import "./person.js";
import { PAGES } from "./places.js";
import "./searches.js";
import { session, signOut } from "./session.js";
import { mayInspect, SETTINGS } from "./settings.js";
import "./sign-in.js";
import "./tenants.js";

addTexts({ de, en });

const PLACES = ["/", "/entry", "/object", "/person", "/overview", ...SETTINGS];
/** The address of a link that lets in once; it stays where the link was no good. */
const ENTRANCE = "/auth/enter";
const THEMES = ["auto", "light", "dark"];
const LANGUAGES = /** @type {const} */ ([["en", "English"], ["de", "Deutsch"]]);

/** The whole page. */
export class App extends Element {
  static properties = {
    theme: { reflect: true }, place: { state: true }, api: { state: true }, session: { state: true }, words: { state: true },
    problem: { state: true }, isReady: { state: true },
  };

  constructor() {
    super();
    this.theme = remembered("theme") ?? "auto";
    this.words = new Words(remembered("locale"));
    this.place = new URL(location.href);
    /** @type {Api | null} */
    this.api = null;
    /** @type {import("./session.js").Session | null} */
    this.session = null;
    /** @type {ApiError | null} */
    this.problem = null;
    this.isReady = false;
    addEventListener("popstate", () => { this.place = new URL(location.href); });
    this.addEventListener("click", (event) => this.follow(event));
    this.addEventListener("deedbook-search", (event) => {
      event.stopPropagation();
      this.go(`/?${new URLSearchParams({ q: /** @type {CustomEvent} */ (event).detail.query })}`);
    });
    // Keys are the log's wherever the focus is, for it is the page.
    addEventListener("keydown", (event) => this.log && !event.composedPath().includes(this.log) && this.log.key(event));
    this.addEventListener("deedbook-narrow", (event) => {
      const { field, value } = /** @type {CustomEvent} */ (event).detail;
      this.go(`/?${new URLSearchParams({ q: term(field, value) })}`);
    });
    this.addEventListener("deedbook-failure", (event) => this.refused(/** @type {CustomEvent} */ (event).detail));
  }

  get log() {
    return /** @type {import("../log.js").DeedbookLog | null} */ (this.renderRoot.querySelector("deedbook-log"));
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    this.begin();
  }

  /** Learns whether somebody is signed in. */
  async begin() {
    try {
      this.enter(await session());
    } catch (error) {
      this.problem = /** @type {ApiError} */ (error);
    }
    this.isReady = true;
  }

  /** @param {import("./session.js").Session} session */
  enter(session) {
    this.session = session;
    this.api = session.token ? new Api() : null;
    this.problem = null;
  }

  /** @param {import("./session.js").Session} session */
  signedIn(session) {
    this.enter(session);
    if (this.place.pathname === ENTRANCE) this.go("/", false);
  }

  /** A session ends, or a token is revoked, while somebody reads.
   * @param {ApiError} problem */
  refused(problem) {
    if (problem.status === 401) this.api = null;
  }

  async signOut() {
    try {
      await signOut();
      this.api = null;
    } catch (error) {
      this.problem = /** @type {ApiError} */ (error);
    }
  }

  /** @param {string} address
   * @param {boolean} [push] */
  go(address, push = true) {
    const next = new URL(address, location.href);
    if (next.href === location.href) return;
    history[push ? "pushState" : "replaceState"](null, "", next);
    const isOther = next.pathname !== this.place.pathname;
    this.place = next;
    if (isOther) this.updateComplete.then(() => this.arrived());
  }

  /** A new page is told to those who do not see it: the focus stands at its beginning. */
  arrived() {
    scrollTo({ top: 0 });
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("main"))?.focus({ preventScroll: true });
  }

  /** Links to pages are followed without loading anything.
   * @param {MouseEvent} event */
  follow(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {HTMLAnchorElement | undefined} */ (event.composedPath().find((node) => node instanceof HTMLAnchorElement));
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin || !PLACES.includes(link.pathname)) return;
    event.preventDefault();
    this.go(link.href);
  }

  /** @param {CustomEvent} event */
  remember({ detail: { query, entry, live, relative, views, push } }) {
    const state = new URLSearchParams();
    const tenant = this.place.searchParams.get("tenant");
    for (const [name, value] of Object.entries({ q: query, tenant, entry, live: live && "1", relative: relative && "1", views: views && "1" })) {
      if (value) state.set(name, value);
    }
    const text = state.toString();
    this.go(`/${text && "?"}${text}`, push);
  }

  /** @param {"theme" | "locale"} name
   * @param {Event} event */
  prefer(name, event) {
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    localStorage.setItem(`deedbook-${name}`, value);
    if (name === "theme") this.theme = value;
    else this.words = new Words(value);
  }

  /** The address names the tenant that is asked for.
   * @override */
  willUpdate() {
    const tenant = this.place.searchParams.get("tenant");
    if (this.api && this.api.tenant !== tenant) this.api = new Api({ tenant });
  }

  /** @override */
  updated() {
    document.documentElement.lang = this.words.language;
    document.documentElement.dir = this.words.direction;
    document.documentElement.dataset.theme = this.theme;
    this.toggleAttribute("log", this.log !== null);
    document.title = this.api && PLACES.includes(this.place.pathname) ? `${this.words.say(`nav.${this.place.pathname}`)} · Deedbook` : "Deedbook";
  }

  render() {
    if (!this.isReady) return nothing;
    const { say } = this.words;
    if (this.problem) return html`<main tabindex="-1">${failureView(this.problem, this.words, () => location.reload())}</main>`;
    if (!this.api) {
      return html`<main tabindex="-1"><deedbook-sign-in .words=${this.words} .ways=${this.session?.ways ?? []} .notice=${this.place.pathname === ENTRANCE ? say("enter.used.text") : ""}
        @deedbook-signed-in=${(/** @type {CustomEvent} */ event) => this.signedIn(event.detail)}></deedbook-sign-in>
        <div class="preferences low">${this.preferences()}</div></main>`;
    }
    return html`
      <header>
        <button class="skip main" @click=${this.arrived}>${say("nav.skip")}</button>
        <a class="brand" href="/"><img src="/ui/icon.svg" alt="" width="22" height="22">Deedbook</a>
        <nav aria-label=${say("nav.label")}>${["/", "/overview", ...(mayInspect(this.session) ? ["/settings"] : [])].map((place) => html`<a href=${place} aria-current=${this.isAt(place) ? "page" : nothing}>${say(place === "/settings" ? "settings.title" : `nav.${place}`)}</a>`)}</nav>
        <span class="space"></span>
        <div class="preferences">${this.preferences()}</div>
        ${this.session?.token?.name ? html`<span class="who muted"><bdi>${this.session.token.name}</bdi></span>` : nothing}
        <button class="plain" @click=${this.signOut}>${say("nav.out")}</button>
      </header>
      <main tabindex="-1" id="main">${this.page()}</main>`;
  }

  preferences() {
    const { say } = this.words;
    return html`
      <select aria-label=${say("nav.language")} @change=${(/** @type {Event} */ event) => this.prefer("locale", event)}>
        ${LANGUAGES.map(([code, name]) => html`<option value=${code} ?selected=${code === this.words.language}>${name}</option>`)}</select>
      <select aria-label=${say("nav.theme")} @change=${(/** @type {Event} */ event) => this.prefer("theme", event)}>
        ${THEMES.map((theme) => html`<option value=${theme} ?selected=${theme === this.theme}>${say(`nav.theme.${theme}`)}</option>`)}</select>`;
  }

  /** Whether what is shown belongs to a place.
   * @param {string} place */
  isAt(place) {
    return place === this.place.pathname || (place !== "/" && this.place.pathname.startsWith(`${place}/`));
  }

  page() {
    const { api: named, words, place } = this;
    if (place.pathname === ENTRANCE) {
      return html`<div class="state"><h1>${words.say("enter.used")}</h1><p>${words.say("enter.signed-in")}</p><a class="link" href="/">${words.say("nav.back")}</a></div>`;
    }
    if (SETTINGS.includes(place.pathname)) {
      return html`<deedbook-settings .api=${named} .words=${words} .session=${this.session} .place=${place}></deedbook-settings>`;
    }
    const asked = place.searchParams;
    switch (place.pathname) {
      case "/entry":
        return html`<deedbook-entry-page .api=${named} .words=${words} .id_=${asked.get("id") ?? ""}></deedbook-entry-page>`;
      case "/object":
        return html`<deedbook-object .api=${named} .words=${words} .target=${asked.get("target") ?? ""} .at=${asked.get("at")} .to=${asked.get("to")}
          @deedbook-state=${(/** @type {CustomEvent} */ event) => this.go(`/object?${event.detail}`, false)}></deedbook-object>`;
      case "/person":
        return html`<deedbook-person .api=${named} .words=${words} .person=${asked.get("id") ?? ""} .role_=${asked.get("role") ?? "principal"}
          @deedbook-go=${(/** @type {CustomEvent} */ event) => this.go(event.detail)}></deedbook-person>`;
      case "/overview":
        return html`<deedbook-overview .api=${named} .words=${words} .oversees=${oversees(this.session)} .range=${asked.get("range")?.replace("all", "") ?? "-30d"}></deedbook-overview>`;
      default:
        return html`<h1 class="unseen">${words.say("nav./")}</h1><deedbook-log .api=${named} .locale=${words.locale} .places=${PAGES} .query=${asked.get("q") ?? ""} .entry=${asked.get("entry")}
          ?live=${asked.has("live")} ?relative=${asked.has("relative")} ?views=${asked.has("views")} @deedbook-state=${this.remember}>
          ${this.session?.token?.tenant ? nothing : html`<deedbook-tenants slot="tools" .api=${named} .words=${words} @deedbook-tenant=${(/** @type {CustomEvent} */ event) => this.go(logAddress(asked.get("q") ?? "", event.detail))}></deedbook-tenants>`}
          <deedbook-searches slot="tools" .api=${named} .words=${words} .session=${this.session} .query=${asked.get("q") ?? ""}></deedbook-searches></deedbook-log>`;
    }
  }

  static styles = [base, scheme, css`
    :host { display: grid; grid-template: auto minmax(0, 1fr) / minmax(0, 1fr); min-block-size: 100dvh; }
    header { display: flex; align-items: center; gap: 0.25rem 0.75rem; padding: 0.375rem 0.875rem; border-block-end: 1px solid var(--_line); background: var(--_raised); }
    .brand { display: inline-flex; align-items: center; gap: 0.5rem; font-weight: 650; letter-spacing: -0.015em; font-size: 1rem; }
    .brand:hover { text-decoration: none; }
    nav { display: flex; gap: 0.125rem; margin-inline-start: 0.5rem; }
    nav a { padding: 0.25rem 0.625rem; border-radius: var(--_radius); color: var(--_muted); font-weight: 500; }
    nav a:hover { background: var(--_hover); text-decoration: none; }
    nav a[aria-current] { color: var(--_text); background: var(--_ground); box-shadow: inset 0 0 0 1px var(--_line); }
    .space { flex: 1; }
    .who { max-inline-size: 14rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 0.8125rem; }
    main { min-inline-size: 0; outline: none; }
    .preferences { display: flex; gap: 0.25rem; }
    .preferences.low { position: fixed; inset-block-end: 1rem; inset-inline: 0; justify-content: center; }
    select { min-block-size: 1.875rem; padding-inline: 0.25rem; border: 1px solid transparent; border-radius: var(--_radius); background: none; color: var(--_muted); font-size: 0.8125rem; cursor: pointer; }
    select:hover { background: var(--_hover); }
    option { background: var(--_ground); color: var(--_text); }
    :host([log]) { block-size: 100dvh; }
    deedbook-log { block-size: 100%; }
    .skip { position: absolute; inset-block-start: -4rem; z-index: 9; }
    .skip:focus { inset-block-start: 0.25rem; }
    @media (max-width: 40rem) {
      header { flex-wrap: wrap; }
      nav { margin-inline-start: 0; }
      nav a { padding-inline: 0.375rem; }
      .who { display: none; }
      header select { max-inline-size: 8rem; }
    }
  `];
}

/** Whether somebody may see figures of all tenants together.
 * @param {import("./session.js").Session | null} session */
function oversees(session) {
  const { kind, tenant } = session?.token ?? {};
  return !tenant && (kind === "admin" || kind === "auditor");
}

/** @param {"theme" | "locale"} name */
function remembered(name) {
  try {
    return localStorage.getItem(`deedbook-${name}`);
  } catch {
    return null;
  }
}

define("deedbook-app", App);
