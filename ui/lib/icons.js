// The few pictures of the interface, drawn on a grid of sixteen. None stands without words beside it.

import { svg } from "./element.js";

/** @type {Record<string, string[]>} */
const PATHS = {
  search: ["M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Z", "m10.7 10.7 3.3 3.3"],
  close: ["m4 4 8 8", "m12 4-8 8"],
  failure: ["M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4Z", "m5.8 5.8 4.4 4.4", "m10.2 5.8-4.4 4.4"],
  denied: ["M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4Z", "m3.8 3.8 8.4 8.4"],
  unknown: ["M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4Z", "M6.3 6.2a1.8 1.8 0 1 1 2.6 1.7c-.6.3-.9.6-.9 1.3", "M8 11.4v.1"],
  success: ["M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4Z", "m5.4 8.2 1.8 1.8 3.4-3.8"],
  open: ["m6 3.5 4.5 4.5L6 12.5"],
  saved: ["M4.5 2.5h7v11L8 10.8l-3.5 2.7Z"],
  up: ["m3.5 10 4.5-4.5 4.5 4.5"],
  down: ["m3.5 6 4.5 4.5L12.5 6"],
  filter: ["M2 4h12", "M4.5 8h7", "M6.5 12h3"],
  help: ["M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4Z", "M6.3 6.2a1.8 1.8 0 1 1 2.6 1.7c-.6.3-.9.6-.9 1.3", "M8 11.4v.1"],
  live: ["M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4Z", "M4.8 11.2a4.5 4.5 0 0 1 0-6.4", "M11.2 4.8a4.5 4.5 0 0 1 0 6.4"],
  pause: ["M5.5 3.5v9", "M10.5 3.5v9"],
  clock: ["M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4Z", "M8 4.8V8l2.2 1.6"],
  copy: ["M5.5 5.5h8v8h-8z", "M10.5 5.5v-3h-8v8h3"],
  export: ["M8 2v8", "m5 7 3 3 3-3", "M2.5 12.5v1h11v-1"],
  empty: ["M2.5 3.5h11v9h-11z", "M5 6.5h6", "M5 9.5h3"],
  offline: ["m2 2 12 12", "M5 11.5a4.2 4.2 0 0 1 4.6-1", "M2.6 8.3A7.5 7.5 0 0 1 6 6.4", "M9.4 6.3a7.5 7.5 0 0 1 4 2"],
  group: ["M2.5 5.5h11v8h-11z", "M4.5 3.5h7", "M6 1.5h4"],
};

/** A picture by its name.
 * @param {string} name */
export function icon(name) {
  const paths = PATHS[name] ?? [];
  return svg`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${paths.map((d) => svg`<path d=${d}></path>`)}</svg>`;
}
