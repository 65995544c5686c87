// The base of every element of the interface: lit's templates rendered into a shadow root, when a property changes.

import { html, nothing, render, svg } from "../vendor/lit-html/lit-html.js";
import { css, ReactiveElement } from "../vendor/reactive-element/reactive-element.js";

export { css, html, nothing, svg };

/** An element with a template. */
export class Element extends ReactiveElement {
  constructor() {
    super();
    /** In which language it speaks; nothing is shown without. @type {import("./texts.js").Words} */
    this.words = /** @type {any} */ (null);
  }

  /** What the element shows.
   * @returns {unknown} */
  render() {
    return nothing;
  }

  /** @param {Map<PropertyKey, unknown>} changed
   * @override */
  update(changed) {
    const template = this.render();
    super.update(changed);
    render(template, this.renderRoot, { host: this });
  }

  /** Tells whoever uses the element, across shadow roots.
   * @param {string} name
   * @param {unknown} [detail]
   * @returns {boolean} whether nobody prevented what comes next */
  tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

/** Registers an element once, also where its module came from two places.
 * @param {string} name
 * @param {CustomElementConstructor} constructor */
export function define(name, constructor) {
  if (!customElements.get(name)) customElements.define(name, constructor);
}
