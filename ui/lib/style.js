// What all elements look like: colours, letters, buttons, icons. Each value is a custom property that a vendor may set on the
// component; each pair of text and ground has a contrast of at least 4.5 to 1 in both themes.

import { css, svg } from "./element.js";

export const base = css`
  :host {
    --_font: var(--deedbook-font, Inter, "Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
    --_mono: var(--deedbook-font-mono, ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace);
    --_ground: var(--deedbook-background, light-dark(#ffffff, #15171a));
    --_raised: var(--deedbook-background-raised, light-dark(#f7f7f5, #1c1f23));
    --_hover: var(--deedbook-background-hover, light-dark(#f2f3f0, #22262b));
    --_line: var(--deedbook-line, light-dark(#e4e4df, #2d3238));
    --_line-strong: var(--deedbook-line-strong, light-dark(#8a8a84, #6f7883));
    --_text: var(--deedbook-text, light-dark(#1b1d1f, #e8e9ea));
    --_muted: var(--deedbook-text-muted, light-dark(#5d6166, #a2a8af));
    --_accent: var(--deedbook-accent, light-dark(#25508f, #93b8ee));
    --_accent-ground: var(--deedbook-accent-background, light-dark(#e8eff9, #1e2c41));
    --_on-accent: var(--deedbook-on-accent, light-dark(#ffffff, #10151c));
    --_bad: var(--deedbook-failure, light-dark(#a8271f, #f2938c));
    --_bad-ground: var(--deedbook-failure-background, light-dark(#fcecea, #3a2021));
    --_warn: var(--deedbook-denied, light-dark(#855400, #e6b564));
    --_warn-ground: var(--deedbook-denied-background, light-dark(#fbf1dc, #352a16));
    --_good: var(--deedbook-success, light-dark(#1f6a45, #86cfa5));
    --_good-ground: var(--deedbook-success-background, light-dark(#e5f3ea, #1a2f24));
    --_radius: var(--deedbook-radius, 6px);
    font: 400 0.875rem/1.45 var(--_font);
    font-feature-settings: "cv05", "ss03", "calt";
    color: var(--_text);
    -webkit-text-size-adjust: 100%;
  }
  :host([hidden]), [hidden] { display: none !important; }
  * { box-sizing: border-box; }
  h1, h2, h3, p, ol, ul, dl, dd, figure { margin: 0; padding: 0; }
  ol, ul { list-style: none; }
  h1 { font-size: 1.25rem; line-height: 1.3; font-weight: 600; letter-spacing: -0.012em; }
  h2 { font-size: 0.9375rem; line-height: 1.4; font-weight: 600; letter-spacing: -0.006em; }
  h3, .label { font-size: 0.75rem; letter-spacing: 0; line-height: 1.5; font-weight: 600; color: var(--_muted); }
  code, pre, .mono { font-family: var(--_mono); font-size: 0.8125rem; font-feature-settings: normal; }
  .muted { color: var(--_muted); }
  .numbers { font-variant-numeric: tabular-nums; }
  a { color: inherit; text-decoration: none; border-radius: 3px; }
  .link { color: var(--_accent); text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 2px; }
  a:hover { text-decoration: underline; text-underline-offset: 2px; }
  :focus-visible { outline: 2px solid var(--_accent); outline-offset: 1px; }
  button, input, select { font: inherit; color: inherit; }
  button {
    display: inline-flex; align-items: center; gap: 0.375rem; min-height: 1.875rem; padding: 0.1875rem 0.625rem;
    border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_ground); cursor: pointer;
    font-weight: 500; white-space: nowrap;
  }
  button:hover { background: var(--_hover); }
  button:disabled { color: var(--_muted); cursor: default; }
  button.plain { border-color: transparent; background: none; }
  button.plain:hover { background: var(--_hover); }
  button.main { background: var(--_accent); border-color: var(--_accent); color: var(--_on-accent); }
  button.main:hover { filter: brightness(1.08); }
  button[aria-pressed="true"] { background: var(--_accent-ground); border-color: var(--_accent); color: var(--_accent); }
  kbd {
    display: inline-block; min-width: 1.375rem; padding: 0 0.3125rem; border: 1px solid var(--_line); border-bottom-width: 2px;
    border-radius: 4px; background: var(--_raised); font: 500 0.75rem/1.5 var(--_mono); text-align: center;
  }
  svg.icon { inline-size: 1rem; block-size: 1rem; flex: none; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
  .unseen {
    position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
  }
  .badge {
    display: inline-flex; align-items: center; gap: 0.25rem; padding: 0 0.4375rem; border-radius: 1rem;
    font-size: 0.75rem; line-height: 1.25rem; font-weight: 500; white-space: nowrap; background: var(--_raised); color: var(--_muted);
  }
  .badge.failure { background: var(--_bad-ground); color: var(--_bad); }
  .badge.denied { background: var(--_warn-ground); color: var(--_warn); }
  .badge.success { background: var(--_good-ground); color: var(--_good); }
  .state { display: grid; justify-items: center; gap: 0.5rem; padding: 4rem 1.5rem; text-align: center; }
  .state p { max-inline-size: 32rem; color: var(--_muted); text-wrap: pretty; overflow-wrap: anywhere; }
  .state .icon { inline-size: 1.75rem; block-size: 1.75rem; color: var(--_muted); }
  @media (forced-colors: active) {
    :is([aria-pressed="true"], [aria-selected="true"], [aria-current="page"], .current):not(:focus-visible) { outline: 2px solid Highlight; outline-offset: -2px; }
    .badge, .dot { border: 1px solid; }
  }
  @media (prefers-reduced-motion: no-preference) {
    .pulse { animation: pulse 2s ease-in-out infinite; }
    @keyframes pulse { 50% { opacity: 0.35; } }
    .waiting { animation: waiting 1.4s ease-in-out infinite; }
    @keyframes waiting { 50% { opacity: 0.45; } }
  }
`;

/** For the outermost element alone: within it the scheme is inherited. */
export const scheme = css`
  :host { color-scheme: light dark; background: var(--_ground); }
  :host([theme="light"]) { color-scheme: light; }
  :host([theme="dark"]) { color-scheme: dark; }
`;

// Drawn on a grid of sixteen. None stands without words beside it.
const CIRCLE = "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4Z";
/** @type {Record<string, string[]>} */
const PATHS = {
  search: ["M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Z", "m10.7 10.7 3.3 3.3"],
  close: ["m4 4 8 8", "m12 4-8 8"],
  failure: [CIRCLE, "m5.8 5.8 4.4 4.4", "m10.2 5.8-4.4 4.4"],
  denied: [CIRCLE, "m3.8 3.8 8.4 8.4"],
  unknown: [CIRCLE, "M6.3 6.2a1.8 1.8 0 1 1 2.6 1.7c-.6.3-.9.6-.9 1.3", "M8 11.4v.1"],
  success: [CIRCLE, "m5.4 8.2 1.8 1.8 3.4-3.8"],
  open: ["m6 3.5 4.5 4.5L6 12.5"],
  filter: ["M2 4h12", "M4.5 8h7", "M6.5 12h3"],
  live: ["M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4Z", "M4.8 11.2a4.5 4.5 0 0 1 0-6.4", "M11.2 4.8a4.5 4.5 0 0 1 0 6.4"],
  pause: ["M5.5 3.5v9", "M10.5 3.5v9"],
  clock: [CIRCLE, "M8 4.8V8l2.2 1.6"],
  copy: ["M5.5 5.5h8v8h-8z", "M10.5 5.5v-3h-8v8h3"],
  export: ["M8 2v8", "m5 7 3 3 3-3", "M2.5 12.5v1h11v-1"],
  empty: ["M2.5 3.5h11v9h-11z", "M5 6.5h6", "M5 9.5h3"],
  saved: ["M4.5 2.5h7v11L8 10.8l-3.5 2.7Z"],
  up: ["m3.5 10 4.5-4.5 4.5 4.5"],
  down: ["m3.5 6 4.5 4.5L12.5 6"],
  offline: ["m2 2 12 12", "M5 11.5a4.2 4.2 0 0 1 4.6-1", "M2.6 8.3A7.5 7.5 0 0 1 6 6.4", "M9.4 6.3a7.5 7.5 0 0 1 4 2"],
};

/** A picture by its name.
 * @param {string} name */
export function icon(name) {
  const paths = PATHS[name] ?? [];
  return svg`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${paths.map((d) => svg`<path d=${d}></path>`)}</svg>`;
}
