// The fields of a thing as they were, each with who set it; and what differs between two states.

import { css, html, nothing } from "../lib/element.js";
import { actorLink, actorName } from "../lib/sentence.js";
import { textDifference, valueView } from "../lib/values.js";
import { shortTime } from "./parts.js";
import { PAGES } from "./places.js";

/** @typedef {{ id: string, action: string, actor: import("../types.js").Actor, occurred_at?: string, recorded_at: string }} Mark */
/** @typedef {{ value?: unknown, absent?: true, unknown?: string }} Told */
/** @typedef {Told & { path: string, set_by?: Mark, learnt_from?: Mark }} Field */
/** @typedef {{ existence: string, created_by?: Mark, deleted_by?: Mark, sight: string, fields: Field[], incomplete?: string[], contradictions?: unknown[] }} State */
/** @typedef {{ path: string, from: Told, to: Told, set_by?: Mark, text?: Record<string, string>[] }} Difference */
/** @typedef {{ differences: Difference[], existence_from: string, existence_to: string, incomplete?: string[] }} Differences */

/** @param {State} state
 * @param {import("../lib/texts.js").Words} words
 * @param {string} version the entry whose fields are marked
 * @param {string | null} tenant */
export function stateView(state, words, version, tenant) {
  const { say } = words;
  return html`
    ${state.existence === "exists" ? nothing : html`<p class="note">${say(`existence.${state.existence}`)}</p>`}
    ${state.sight === "part" || state.incomplete?.length ? html`<p class="note">${say("object.part")}</p>` : nothing}
    ${state.fields.length ? html`<table>
      <thead><tr><th scope="col">${say("object.field")}</th><th scope="col">${say("object.value")}</th><th scope="col">${say("object.set")}</th></tr></thead>
      <tbody>${state.fields.map((field) => html`<tr class=${field.set_by?.id === version ? "fresh" : ""}>
        <th scope="row"><code><bdi>${field.path || "/"}</bdi></code></th><td>${told(field, words)}</td><td>${mark(field.set_by ?? field.learnt_from, words, tenant)}</td></tr>`)}</tbody>
    </table>` : html`<p class="muted">${say("object.nothing")}</p>`}`;
}

/** @param {Differences} found
 * @param {import("../lib/texts.js").Words} words
 * @param {string | null} tenant */
export function differencesView(found, words, tenant) {
  const { say } = words;
  const { existence_from: before, existence_to: after } = found;
  return html`
    ${before === after ? nothing : html`<p class="note">${say(`existence.${before}`)} → ${say(`existence.${after}`)}</p>`}
    ${found.differences.length ? html`<table>
      <thead><tr><th scope="col">${say("object.field")}</th><th scope="col">${say("change.from")}</th><th scope="col">${say("change.to")}</th><th scope="col">${say("object.set")}</th></tr></thead>
      <tbody>${found.differences.map((difference) => html`<tr><th scope="row"><code><bdi>${difference.path || "/"}</bdi></code></th>
        ${sides(difference, words)}<td>${mark(difference.set_by, words, tenant)}</td></tr>`)}</tbody>
    </table>` : html`<p class="muted">${say("object.same")}</p>`}`;
}

/** Two texts stand side by side, with what differs marked in each.
 * @param {Difference} difference
 * @param {import("../lib/texts.js").Words} words */
function sides({ from, to, text }, words) {
  if (!text) return html`<td>${told(from, words, "del")}</td><td>${told(to, words, "ins")}</td>`;
  const pieces = text.map((piece) => {
    const [[kind, value]] = Object.entries(piece);
    return { kind: /** @type {"same" | "removed" | "added"} */ (kind), text: value };
  });
  const side = (/** @type {string} */ other) => textDifference(pieces.filter(({ kind }) => kind !== other), words);
  return html`<td>${side("added")}</td><td>${side("removed")}</td>`;
}

/** @param {Told} field
 * @param {import("../lib/texts.js").Words} words
 * @param {"del" | "ins"} [how] */
function told(field, words, how) {
  if (field.unknown) return html`<span class="muted">${words.say(`unknown.${field.unknown}`)}</span>`;
  if (field.absent || !("value" in field)) return html`<span class="muted">${words.say("object.absent")}</span>`;
  const value = valueView(field.value);
  return how === "del" ? html`<del>${value}</del>` : how === "ins" ? html`<ins>${value}</ins>` : value;
}

/** @param {Mark | undefined} mark
 * @param {import("../lib/texts.js").Words} words
 * @param {string | null} tenant */
function mark(mark, words, tenant) {
  if (!mark) return html`<span class="muted">${words.say("object.unknown")}</span>`;
  const when = mark.occurred_at ?? mark.recorded_at;
  const entry = /** @type {import("../types.js").Entry} */ ({ id: mark.id, tenant: tenant ?? "default" });
  return html`${actorLink(mark.actor, actorName(mark.actor, words), PAGES, tenant ?? "default")}
    <a class="muted numbers when" href=${PAGES.entry(entry)}><time datetime=${when} title=${words.full(when)}>${shortTime(when, words)}</time></a>`;
}

export const stateStyle = css`
  table { inline-size: 100%; border-collapse: collapse; }
  th, td { padding: 0.375rem 0.75rem 0.375rem 0; text-align: start; vertical-align: baseline; border-block-end: 1px solid var(--_line); overflow-wrap: anywhere; }
  thead th { color: var(--_muted); font-size: 0.75rem; font-weight: 600; }
  tbody th { font-weight: 400; inline-size: 24%; }
  td:last-child { inline-size: 30%; }
  tr.fresh > * { background: var(--_accent-ground); }
  tr > :first-child { padding-inline-start: 0.5rem; }
  td .when { display: block; font-size: 0.8125rem; }
  .note { padding: 0.375rem 0.625rem; margin-block-end: 0.5rem; border-radius: var(--_radius); background: var(--_warn-ground); color: var(--_warn); }
`;
