// What several pages share: their frame, how they fail, a table of counts.

import { css, html, nothing } from "../lib/element.js";
import { icon } from "../lib/style.js";

/** @param {import("../lib/api.js").ApiError} failure
 * @param {import("../lib/texts.js").Words} words
 * @param {() => void} again */
export function failureView(failure, words, again) {
  const isOffline = failure.status === 0;
  return html`<div class="state" role="alert">${icon(isOffline ? "offline" : "failure")}
    <h1>${words.say(isOffline ? "error.offline" : "error.other")}</h1><p>${isOffline ? words.say("error.offline.text") : failure.message}</p>
    ${failure.requestId ? html`<p class="mono">${words.say("error.request", { id: failure.requestId })}</p>` : nothing}
    <button @click=${again}>${words.say("error.again")}</button></div>`;
}

/** A day and a time, in short.
 * @param {string} instant
 * @param {import("../lib/texts.js").Words} words */
export function shortTime(instant, words) {
  return words.date(instant, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** The address of the log with a query, of a tenant where there is one.
 * @param {string} query
 * @param {string | null} tenant */
export function logAddress(query, tenant) {
  const asked = Object.entries({ q: query, tenant: tenant ?? "" }).filter(([, value]) => value);
  return asked.length ? `/?${new URLSearchParams(asked)}` : "/";
}

/** Values with their counts, the most frequent first.
 * @param {{ title: string, rows: { name: unknown, href: string | null, count: number, title: string }[] }} table
 * @param {import("../lib/texts.js").Words} words */
export function countTable({ title, rows }, words) {
  const highest = Math.max(1, ...rows.map(({ count }) => count));
  return html`<section class="card"><h2>${title}</h2>
    ${rows.length ? html`<ol class="counts">${rows.map(({ name, href, count, title }) => html`<li>
      <span class="counted" title=${title}>${href ? html`<a href=${href}><bdi>${name}</bdi></a>` : html`<bdi>${name}</bdi>`}</span>
      <svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width=${(count / highest) * 100} height="1"></rect></svg>
      <span class="numbers muted">${words.number(count)}</span></li>`)}</ol>` : html`<p class="muted">${words.say("facet.none")}</p>`}</section>`;
}

export const pageStyle = css`
  :host { display: block; }
  .page { max-inline-size: 84rem; margin-inline: auto; padding: 1.5rem 1.25rem 4rem; }
  .page > header { display: grid; grid-template-columns: minmax(0, 1fr); overflow-wrap: anywhere; gap: 0.25rem; margin-block-end: 1.25rem; }
  h1 { overflow-wrap: anywhere; }
  .card { min-inline-size: 0; padding: 0.875rem 1rem; border: 1px solid var(--_line); border-radius: 8px; background: var(--_ground); }
  .card > h2 { margin-block-end: 0.5rem; }
  .counts li { display: grid; grid-template-columns: minmax(0, 1fr) 5rem 3.5rem; gap: 0.75rem; align-items: center; padding-block: 0.1875rem; }
  .counts .numbers { text-align: end; }
  .counted { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .share { inline-size: 100%; block-size: 0.375rem; }
  .share rect { fill: var(--deedbook-bar, light-dark(#8fa9cf, #55749f)); }
  .tabs { display: flex; flex-wrap: wrap; gap: 0.125rem; border-block-end: 1px solid var(--_line); margin-block-end: 1rem; }
  .tabs a { padding: 0.4375rem 0.75rem; color: var(--_muted); font-weight: 500; border-block-end: 2px solid transparent; margin-block-end: -1px; }
  .tabs a:hover { color: var(--_text); text-decoration: none; }
  .tabs a[aria-current] { color: var(--_text); border-color: var(--_accent); }
`;
