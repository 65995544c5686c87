// The settings of the log, each at its own address, for those whose token may look at them.

import { css, define, Element, html, nothing } from "../lib/element.js";
import { base, icon } from "../lib/style.js";
import { pageStyle } from "./parts.js";
import "./settings/erasures.js";
import "./settings/holds.js";
import "./settings/retention.js";
import "./settings/tokens.js";

/** The addresses of the settings; the texts of their names are `nav.<address>`. */
export const SETTINGS = ["/settings", "/settings/retention", "/settings/holds", "/settings/erasures"];

/** Whether a token may look at the settings.
 * @param {import("./session.js").Session | null} session */
export function mayInspect(session) {
  return ["admin", "auditor"].includes(session?.token?.kind ?? "");
}

/** The frame of all places of the settings. */
export class SettingsPage extends Element {
  static properties = { api: { attribute: false }, words: { attribute: false }, session: { attribute: false }, place: { attribute: false } };

  constructor() {
    super();
    /** @type {import("../lib/api.js").Api} */
    this.api = /** @type {any} */ (null);
    /** @type {import("./session.js").Session | null} */
    this.session = null;
    /** @type {URL} */
    this.place = /** @type {any} */ (null);
  }

  render() {
    const { words, place } = this;
    if (!words || !place) return nothing;
    const { say } = words;
    if (!mayInspect(this.session)) {
      return html`<div class="state">${icon("denied")}<h1>${say("settings.refused")}</h1><p>${say("settings.refused.text")}</p><a class="link" href="/">${say("nav.back")}</a></div>`;
    }
    return html`<div class="page">
      <header><h1>${say("settings.title")}</h1></header>
      <nav class="tabs" aria-label=${say("settings.title")}>${SETTINGS.map((each) => html`<a href=${each} aria-current=${each === place.pathname ? "page" : nothing}>${say(`nav.${each}`)}</a>`)}</nav>
      ${this.session?.token?.kind === "admin" ? nothing : html`<p class="looking">${icon("denied")}${say("settings.looking")}</p>`}
      ${this.current()}</div>`;
  }

  current() {
    const { api, words, session, place } = this;
    const asked = place.searchParams;
    switch (place.pathname) {
      case "/settings/retention":
        return html`<deedbook-retention .api=${api} .words=${words} .session=${session} .asked=${asked}></deedbook-retention>`;
      case "/settings/holds":
        return html`<deedbook-holds .api=${api} .words=${words} .session=${session} .asked=${asked}></deedbook-holds>`;
      case "/settings/erasures":
        return html`<deedbook-erasures .api=${api} .words=${words} .session=${session} .asked=${asked}></deedbook-erasures>`;
      default:
        return html`<deedbook-tokens .api=${api} .words=${words} .session=${session} .asked=${asked}></deedbook-tokens>`;
    }
  }

  static styles = [base, pageStyle, css`
    .page { max-inline-size: 64rem; }
    .page > header { margin-block-end: 0.75rem; }
    .looking { display: flex; align-items: center; gap: 0.5rem; margin-block-end: 1rem; color: var(--_muted); }
  `];
}

define("deedbook-settings", SettingsPage);
