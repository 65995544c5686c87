// One line of the log: when, how it ended, the sentence, from where.

import { css, html, nothing } from "../lib/element.js";
import { sentenceView } from "../lib/sentence.js";
import { icon } from "../lib/style.js";

/** @typedef {import("../types.js").Entry} Entry */
/** @typedef {{ words: import("../lib/texts.js").Words, places: import("../types.js").Places, columns: Set<string>, relative: boolean, now: number, current: string | null }} Look */

/** The columns that can be shown beside time and sentence. */
export const COLUMNS = ["where", "action"];

/** When it was: when it occurred, else when it was entered.
 * @param {Entry} entry */
export function whenOf(entry) {
  return entry.occurred_at ?? entry.recorded_at;
}

/** @param {Entry} entry
 * @param {Look} look */
export function row(entry, look) {
  const { words, places, columns } = look;
  const outcome = entry.outcome ?? "unknown";
  return html`<article class=${entry.id === look.current ? "row current" : "row"} part="row" data-id=${entry.id} data-tenant=${entry.tenant}>
    ${opener(entry, look)}
    <div class="sentence"><span class="words" dir="auto">${sentenceView(entry, words, places)}</span>
      ${outcome === "success" ? nothing : html`<span class=${`badge ${outcome}`}>${icon(outcome)}${words.say(`outcome.${outcome}`)}</span>`}
      ${entry.changes?.length ? changesInShort(entry.changes) : nothing}</div>
    ${columns.has("where") ? html`<div class="where muted"><span>${entry.context?.ip ?? nothing}</span><span>${entry.source?.service ?? nothing}</span></div>` : nothing}
    ${columns.has("action") ? html`<div class="action muted"><code>${entry.action}</code></div>` : nothing}
  </article>`;
}

/** The time, which opens the entry.
 * @param {Entry} entry
 * @param {Look} look */
function opener(entry, { words, places, relative, now, current }) {
  const when = whenOf(entry);
  const text = html`<time datetime=${when} title=${words.full(when)}>${relative ? words.relative(when, now) : words.time(when)}</time>`;
  const href = places.entry(entry);
  const isCurrent = entry.id === current ? "true" : "false";
  return href
    ? html`<a class="when opener" href=${href} aria-current=${isCurrent}>${text}</a>`
    : html`<button type="button" class="plain when opener" aria-current=${isCurrent}>${text}</button>`;
}

/** Values up to this length are shown in the line. */
const SHORT_LENGTH = 24;

/** What changed, as far as a line holds it: one change with its values, of several the fields.
 * @param {import("../types.js").Change[]} changes */
function changesInShort(changes) {
  const shown = changes.slice(0, 3).map((change) => change.path.replace(/^\//, "").replaceAll("/", "."));
  const [{ from, to }] = changes;
  const [before, after] = [from, to].map((value) => (typeof value === "object" ? undefined : String(value)));
  if (changes.length === 1 && from !== undefined && to !== undefined && before && after && (before + after).length <= SHORT_LENGTH) {
    return html`<span class="changed muted" dir="auto">${shown}: <bdi>${before}</bdi> → <bdi>${after}</bdi></span>`;
  }
  return html`<span class="changed muted" dir="auto">${shown.join(", ")}${changes.length > 3 ? ` +${changes.length - 3}` : nothing}</span>`;
}

/** A run of entries that belong together, as one line that opens.
 * @param {{ key: string, entries: Entry[], count: number, isOpen: boolean, goesOn: boolean, toggle: () => void, all: () => void }} group
 * @param {Look} look */
export function groupRow(group, look) {
  const { words } = look;
  const first = group.entries[0];
  const kind = group.key.startsWith("t:") ? "transaction" : "correlation";
  const isOneAction = group.entries.every((entry) => entry.action === first.action);
  const count = words.say(group.goesOn ? "group.more" : `group.${kind}`, { count: group.count });
  return html`<div class="group" part="group">
    <article class="row head" data-group=${group.key}>
      <span class="when"><time datetime=${whenOf(first)} title=${words.full(whenOf(first))}>${look.relative ? words.relative(whenOf(first), look.now) : words.time(whenOf(first))}</time></span>
      <div class="sentence">
        <button type="button" class="plain toggle opener" aria-expanded=${group.isOpen} @click=${group.toggle}>
          ${icon("open")}<span>${count}</span></button>
        <span class="words" dir="auto">${sentenceView(first, words, look.places)}${isOneAction ? " …" : nothing}</span>
      </div>
      ${look.columns.has("where") ? html`<div class="where muted"><span>${first.context?.ip ?? nothing}</span><span>${first.source?.service ?? nothing}</span></div>` : nothing}
      ${look.columns.has("action") ? html`<div class="action muted"><code>${isOneAction ? first.action : nothing}</code></div>` : nothing}
    </article>
    ${group.isOpen ? html`<div class="members">${group.entries.map((entry) => row(entry, look))}
      ${group.count > group.entries.length ? html`<button type="button" class="plain all" @click=${group.all}>${words.say("group.all")}</button>` : nothing}</div>` : nothing}
  </div>`;
}

/** How lines look, for the element that has them. */
export const rowStyle = css`
  .row {
    display: grid; grid-template-columns: 5.25rem minmax(0, 64rem) 15rem minmax(8rem, 13rem); column-gap: 0.875rem; align-items: baseline;
    padding: 0.3125rem 0.875rem; border-block-end: 1px solid var(--_line); cursor: pointer; scroll-margin-block: 8rem 3rem;
  }
  .row:hover { background: var(--_hover); }
  .row.current { background: var(--_accent-ground); box-shadow: inset 2px 0 var(--_accent); }
  .when { justify-self: start; color: var(--_muted); font-size: 0.8125rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
  button.plain.when { min-block-size: 0; padding: 0; border: 0; font-weight: 400; }
  .sentence { display: flex; flex-wrap: wrap; gap: 0 0.5rem; align-items: baseline; min-inline-size: 0; overflow-wrap: anywhere; }
  .words { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; max-block-size: 4.4em; overflow: hidden; text-wrap: pretty; }
  .name { font-weight: 550; }
  button.plain.name { display: inline; min-block-size: 0; padding: 0; border: 0; white-space: normal; text-align: start; overflow-wrap: anywhere; }
  button.plain.name:hover { background: none; text-decoration: underline; text-underline-offset: 2px; }
  .changed { font: 400 0.75rem/1.4 var(--_mono); max-inline-size: 100%; overflow: hidden; text-overflow: ellipsis; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 1; }
  .badge { align-self: center; }
  .badge .icon { inline-size: 0.8125rem; block-size: 0.8125rem; }
  .where { display: flex; gap: 0.75rem; justify-content: space-between; min-inline-size: 0; font-size: 0.8125rem; font-variant-numeric: tabular-nums; overflow: hidden; }
  .where span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .where span:first-child { flex: none; max-inline-size: 60%; }
  .action { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: end; }
  .action code { font-size: 0.75rem; }
  .toggle.plain { min-block-size: 1.375rem; padding: 0 0.5rem 0 0.25rem; margin-inline-start: -0.25rem; background: var(--_raised); color: var(--_text); }
  .toggle .icon { inline-size: 0.875rem; block-size: 0.875rem; transition: rotate 0.12s; }
  .toggle:dir(rtl) .icon { scale: -1 1; }
  .toggle[aria-expanded="true"] .icon { rotate: 90deg; }
  .toggle[aria-expanded="true"]:dir(rtl) .icon { rotate: -90deg; }
  .members { border-inline-start: 2px solid var(--_line); margin-inline-start: 0.875rem; }
  .all { margin: 0.25rem 0.75rem; color: var(--_accent); }
  .row[data-group] .words { -webkit-line-clamp: 1; }
  @container (max-width: 62rem) {
    .row { grid-template-columns: 5.25rem minmax(0, 1fr) 8rem; }
    .action { display: none; }
    .where span + span { display: none; }
  }
  @container (max-width: 42rem) {
    .row { grid-template-columns: minmax(0, 1fr) auto; padding-block: 0.5rem; }
    .sentence { grid-row: 1; grid-column: 1 / -1; }
    .when { grid-row: 2; grid-column: 1; }
    .where { grid-row: 2; grid-column: 2; }
    .where span:first-child { max-inline-size: none; }
  }
  @media (prefers-reduced-motion: reduce) { .toggle .icon { transition: none; } }
`;
