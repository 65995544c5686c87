// Holds: what is kept, whatever the rules and requests say.

import { define, html, nothing } from "../../lib/element.js";
import { visible } from "../../lib/sentence.js";
import { SettingsPlace, text } from "./place.js";

/** @typedef {{ id: string, tenant: string | null, query: string | null, target: string | null, actor: string | null, reason: string,
 *   placed_at: string, placed_by: string, released_at: string | null, released_by: string | null, released_reason: string | null, entry: string }} Hold */

const MEMBERS = /** @type {const} */ (["tenant", "query", "target", "actor"]);
const EXAMPLES = { tenant: "acme", query: "action:invoice.*", target: "project:prj_1", actor: "user:ada" };

/** The list of holds. */
export class HoldsPlace extends SettingsPlace {
  static properties = { holds: { state: true } };

  constructor() {
    super();
    /** @type {Hold[] | null} */
    this.holds = null;
  }

  /** @override */
  async load() {
    const { data } = await this.api.get("/v1/holds");
    this.holds = data.reverse();
  }

  place() {
    const { say } = this.words;
    const field = (/** @type {typeof MEMBERS[number]} */ name) => html`<label class="field"><span>${say(`hold.${name}`)}</span>
      <input name=${name} class="code" dir="ltr" autocomplete="off" spellcheck="false" placeholder=${EXAMPLES[name]}></label>`;
    this.ask({
      title: say("hold.place"), text: say("hold.place.text"), fields: () => html`${MEMBERS.map(field)}`, action: say("hold.place.do"),
      submit: async (reason, form) => {
        const wanted = Object.fromEntries(MEMBERS.map((name) => [name, text(form, name)]));
        const placed = await this.send("POST", "/v1/holds", { ...wanted, reason });
        return { text: say("hold.placed"), entry: placed.entry };
      },
    });
  }

  /** @param {Hold} hold */
  release(hold) {
    const { say } = this.words;
    this.ask({
      title: say("hold.release.title"), text: say("hold.release.text"), action: say("hold.release"), isGrave: true,
      submit: async (reason) => {
        const released = await this.send("POST", `/v1/holds/${encodeURIComponent(hold.id)}/release`, { reason });
        return { text: say("hold.released"), entry: released.entry };
      },
    });
  }

  /** @override */
  content() {
    const { holds } = this;
    if (!holds) return nothing;
    const { say } = this.words;
    const showsAll = this.asked.has("all");
    const released = holds.filter((hold) => hold.released_at).length;
    const shown = holds.filter((hold) => showsAll || !hold.released_at);
    return html`<div class="lead"><p>${say("hold.lead")}</p>${this.mayChange ? html`<button class="main" @click=${this.place}>${say("hold.place")}</button>` : nothing}</div>
      ${released ? html`<p class="switch"><a class="link" href=${showsAll ? "/settings/holds" : "/settings/holds?all=1"}>${showsAll ? say("hold.live.only") : say("hold.released.too", { count: released })}</a></p>` : nothing}
      ${shown.length ? html`<ul class="things">${shown.map((hold) => this.row(hold))}</ul>` : html`<p class="nothing">${say("hold.none")}</p>`}`;
  }

  /** @param {Hold} hold */
  row(hold) {
    const { say } = this.words;
    const covers = MEMBERS.filter((name) => hold[name]);
    return html`<li class=${hold.released_at ? "ended" : ""} data-id=${hold.id}>
      <h2 class="title"><bdi>${visible(hold.reason)}</bdi><span class=${hold.released_at ? "badge" : "badge success"}>${say(hold.released_at ? "hold.ended" : "hold.live")}</span></h2>
      ${this.mayChange && !hold.released_at ? html`<div class="actions"><button aria-label=${`${say("hold.release")}: ${hold.reason}`} @click=${() => this.release(hold)}>${say("hold.release")}</button></div>` : nothing}
      <ul class="narrow">${covers.map((name) => html`<li><span class="muted">${say(`hold.${name}`)}:</span> <code dir="ltr"><bdi>${hold[name]}</bdi></code></li>`)}</ul>
      <p class="facts"><span>${say("hold.placed.by")} <bdi>${hold.placed_by}</bdi>, ${this.time(hold.placed_at)}</span>
        ${hold.released_at ? html`<span>${say("hold.released.by")} <bdi>${hold.released_by}</bdi>, ${this.time(hold.released_at)}: “<bdi>${hold.released_reason}</bdi>”</span>` : nothing}
        ${this.entryLink(hold.entry)}<code dir="ltr">${hold.id}</code></p></li>`;
  }
}

define("deedbook-holds", HoldsPlace);
