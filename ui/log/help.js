// The overlay that tells the keys and the language of queries.

import { css, define, Element, html, nothing } from "../lib/element.js";
import { base, icon } from "../lib/style.js";

const KEYS = [
  ["/", "search"], ["j", "next"], ["k", "previous"], ["Enter", "open"], ["x", "group"], ["f", "filter"], ["l", "live"],
  ["t", "times"], ["Esc", "close"], ["?", "help"],
];
const EXAMPLES = [
  ["action:user.* outcome:denied", "both"], ["ada OR grace", "or"], ["-actor.type:system", "not"], ['"annual plan"', "words"],
  ["occurred:>=-7d", "time"], ["ip:10.0.0.0/8", "network"], ["change:/state", "change"],
];

/** A dialog; `show` opens it. */
export class Help extends Element {
  static properties = { words: { attribute: false } };

  get dialog() {
    return /** @type {HTMLDialogElement | null} */ (this.renderRoot.querySelector("dialog"));
  }

  get isOpen() {
    return this.dialog?.open ?? false;
  }

  show() {
    this.dialog?.showModal();
  }

  render() {
    if (!this.words) return nothing;
    const { say } = this.words;
    return html`<dialog aria-labelledby="title" @click=${(/** @type {Event} */ event) => event.target === this.dialog && this.dialog?.close()}>
      <div class="body">
        <header><h2 id="title">${say("help.title")}</h2><button class="plain" aria-label=${say("help.close")} @click=${() => this.dialog?.close()}>${icon("close")}</button></header>
        <h3>${say("help.keys")}</h3>
        <dl>${KEYS.map(([key, name]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${say(`help.${name}`)}</dd></div>`)}</dl>
        <h3>${say("help.language")}</h3>
        <dl class="examples">${EXAMPLES.map(([query, name]) => html`<div><dt><code dir="ltr">${query}</code></dt><dd class="muted">${say(`help.example.${name}`)}</dd></div>`)}</dl>
      </div></dialog>`;
  }

  static styles = [base, css`
    dialog { inline-size: min(36rem, calc(100vw - 2rem)); max-block-size: calc(100dvh - 2rem); padding: 0; border: 1px solid var(--_line); border-radius: 10px; background: var(--_ground); color: var(--_text); overflow: auto; box-shadow: 0 12px 48px light-dark(#1b1d1f40, #000000a0); }
    dialog::backdrop { background: light-dark(#1b1d1f66, #000000a0); }
    .body { display: grid; gap: 0.75rem; padding: 1.25rem 1.5rem 1.5rem; }
    header { display: flex; justify-content: space-between; align-items: center; }
    dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 0.375rem 1.5rem; }
    dl > div { display: grid; grid-template-columns: 3.25rem minmax(0, 1fr); gap: 0.5rem; align-items: baseline; }
    .examples { grid-template-columns: minmax(0, 1fr); }
    .examples > div { grid-template-columns: minmax(0, 17rem) minmax(0, 1fr); }
    .examples code { color: var(--_accent); overflow-wrap: anywhere; }
  `];
}

define("deedbook-help", Help);
