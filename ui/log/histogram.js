// Entries over time as bars. A range is chosen by drawing over them, or by the two sliders below, which keys move.

import { bars } from "../lib/days.js";
import { css, define, Element, html, nothing, svg } from "../lib/element.js";
import { base } from "../lib/style.js";

const HEIGHT = 100;
/** No bar is lower than this, so that one entry among a million is seen. */
const LOWEST = 4;

/** Tells `deedbook-range` with `{from, until}`, or with null for the whole time. */
export class Histogram extends Element {
  static properties = {
    buckets: { attribute: false }, range: { attribute: false }, words: { attribute: false },
    drawn: { state: true }, under: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../types.js").Bucket[]} */
    this.buckets = [];
    /** @type {import("../lib/days.js").Range | null} */
    this.range = null;
    /** @type {[number, number] | null} indexes of bars */
    this.drawn = null;
    this.under = -1;
    /** @type {import("../lib/days.js").Unit} */
    this.unit = "day";
    /** @type {import("../lib/days.js").Bar[]} */
    this.bars = [];
  }

  /** @override */
  willUpdate() {
    ({ unit: this.unit, bars: this.bars } = bars(this.buckets, this.range));
  }

  /** Hours are those of the reader's clock, days those of UTC.
   * @param {number} instant */
  written(instant) {
    return this.words.date(new Date(instant), this.unit === "hour"
      ? { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
      : { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });
  }

  /** The end of a bar: the hour in which it is over, the day that is its last.
   * @param {number} index */
  ended(index) {
    return this.written(this.bars[index].until - (this.unit === "hour" ? 0 : 1));
  }

  /** @param {PointerEvent} event */
  indexAt(event) {
    const plot = /** @type {SVGElement} */ (this.renderRoot.querySelector("svg"));
    const { left, width } = plot.getBoundingClientRect();
    const index = Math.floor(((event.clientX - left) / width) * this.bars.length);
    return Math.max(0, Math.min(this.bars.length - 1, index));
  }

  /** @param {PointerEvent} event */
  begin(event) {
    if (event.button !== 0) return;
    /** @type {SVGElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    const index = this.indexAt(event);
    this.drawn = [index, index];
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.under = this.indexAt(event);
    if (this.drawn) this.drawn = [this.drawn[0], this.under];
  }

  end() {
    if (!this.drawn) return;
    const [first, last] = this.sorted();
    this.drawn = null;
    if (first > 0 || last < this.bars.length - 1) this.tell("deedbook-range", { from: this.bars[first].from, until: this.bars[last].until });
  }

  /** The first and the last bar of what is being chosen. */
  sorted() {
    return (this.drawn ?? [0, this.bars.length - 1]).toSorted((a, b) => a - b);
  }

  /** @param {"from" | "to"} which
   * @param {Event} event */
  slide(which, event) {
    const value = Number(/** @type {HTMLInputElement} */ (event.target).value);
    const [first, last] = this.drawn ?? [0, this.bars.length - 1];
    this.drawn = which === "from" ? [Math.min(value, last), last] : [first, Math.max(value, first)];
  }

  render() {
    const shown = this.bars;
    if (!this.words || shown.length < 2) return this.range ? html`<div class="line"><span></span>${this.whole()}</div>` : nothing;
    const { say } = this.words;
    const [from, to] = [this.written(shown[0].from), this.ended(shown.length - 1)];
    const highest = Math.max(...shown.map((bar) => bar.count), 1);
    const count = shown.reduce((sum, bar) => sum + bar.count, 0);
    const title = say("histogram.title", { unit: say(`histogram.unit.${this.unit}`), from, to });
    return html`
      <figure part="histogram" dir="ltr">
        <svg viewBox=${`0 0 ${shown.length} ${HEIGHT}`} preserveAspectRatio="none" role="img"
          aria-label=${`${title}. ${say("log.count", { count })}.`}
          @pointerdown=${this.begin} @pointermove=${this.move} @pointerup=${this.end} @pointercancel=${() => { this.drawn = null; }}
          @pointerleave=${() => { this.under = -1; }}>
          <rect class="ground" width=${shown.length} height=${HEIGHT}></rect>
          ${shown.map((bar, index) => this.bar(bar.count / highest, index))}
          ${this.drawn ? this.veil() : nothing}
        </svg>
        <div class="sliders">${this.slider("from", 0)}${this.slider("to", shown.length - 1)}</div>
        <figcaption class="line"><span>${from}</span><span class="told" aria-hidden="true">${this.told()}</span>
          <span>${this.range ? this.whole() : to}</span></figcaption>
      </figure>`;
  }

  whole() {
    return html`<button class="plain whole" @click=${() => this.tell("deedbook-range", null)}>${this.words.say("histogram.clear")}</button>`;
  }

  /** @param {number} share
   * @param {number} index */
  bar(share, index) {
    if (share === 0) return nothing;
    const height = Math.max(LOWEST, share * HEIGHT);
    return svg`<rect class=${index === this.under ? "bar under" : "bar"} x=${index + 0.08} width="0.84" y=${HEIGHT - height} height=${height}></rect>`;
  }

  /** What is not chosen, veiled. */
  veil() {
    const [first, last] = this.sorted();
    return svg`<rect class="veil" x="0" width=${first} height=${HEIGHT}></rect>
      <rect class="veil" x=${last + 1} width=${this.bars.length - last - 1} height=${HEIGHT}></rect>`;
  }

  /** What is under the pointer, or what is being chosen. */
  told() {
    const { say } = this.words;
    if (this.drawn) {
      const [first, last] = this.sorted();
      return say("histogram.range", { from: this.written(this.bars[first].from), to: this.ended(last) });
    }
    const bar = this.bars[this.under];
    return bar ? say("histogram.bar", { date: this.written(bar.from), count: bar.count }) : nothing;
  }

  /** @param {"from" | "to"} which
   * @param {number} end */
  slider(which, end) {
    const value = this.drawn ? this.drawn[which === "from" ? 0 : 1] : end;
    return html`<input type="range" class=${which} min="0" max=${this.bars.length - 1} .value=${String(value)}
      aria-label=${this.words.say(`histogram.${which}`)} aria-valuetext=${which === "from" ? this.written(this.bars[value].from) : this.ended(value)}
      @input=${(/** @type {Event} */ event) => this.slide(which, event)} @change=${this.end}>`;
  }

  static styles = [base, css`
    :host { display: block; min-block-size: 5.5rem; }
    svg { display: block; inline-size: 100%; block-size: 3.5rem; cursor: crosshair; touch-action: pan-y; }
    .ground { fill: transparent; }
    .bar { fill: var(--deedbook-bar, light-dark(#8fa9cf, #55749f)); }
    .bar.under { fill: var(--_accent); }
    .veil { fill: var(--_ground); opacity: 0.72; }
    .sliders { position: relative; block-size: 0.875rem; border-block-start: 1px solid var(--_line-strong); }
    input {
      position: absolute; inset: -0.4375rem -0.375rem auto; inline-size: calc(100% + 0.75rem); block-size: 0.8125rem; margin: 0;
      appearance: none; background: none; pointer-events: none; outline: none;
    }
    input::-webkit-slider-thumb { appearance: none; pointer-events: auto; inline-size: 0.75rem; block-size: 0.75rem; border: 2px solid var(--_accent); border-radius: 50%; background: var(--_ground); cursor: ew-resize; }
    input::-moz-range-thumb { pointer-events: auto; inline-size: 0.5rem; block-size: 0.5rem; border: 2px solid var(--_accent); border-radius: 50%; background: var(--_ground); cursor: ew-resize; }
    input:focus-visible::-webkit-slider-thumb { outline: 2px solid var(--_accent); outline-offset: 2px; }
    input:focus-visible::-moz-range-thumb { outline: 2px solid var(--_accent); outline-offset: 2px; }
    .line { display: flex; justify-content: space-between; align-items: center; gap: 1rem; min-block-size: 1.25rem; color: var(--_muted); font-size: 0.75rem; line-height: 1.25rem; font-variant-numeric: tabular-nums; }
    .told { color: var(--_text); font-weight: 500; }
    .whole { min-block-size: 1.25rem; padding: 0 0.375rem; font-size: 0.75rem; color: var(--_accent); }
    @media (forced-colors: active) { .bar { fill: CanvasText; } }
  `];
}

define("deedbook-histogram", Histogram);
