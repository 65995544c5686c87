// Values of JSON as people read them: short in a line, whole as a tree, two texts as their difference.

import { css, html, nothing } from "./element.js";

const LINE_LENGTH_MAX = 400;
const MEMBERS_MAX = 200;

/** @param {unknown} value */
export function inLine(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LINE_LENGTH_MAX ? `${text.slice(0, LINE_LENGTH_MAX)}…` : text;
}

/** A value that stands alone; texts without quotes, all else as JSON.
 * @param {unknown} value */
export function valueView(value) {
  const kind = value === null ? "null" : typeof value;
  return html`<span class=${`value ${kind}`} dir="auto">${value === "" ? html`<span class="muted">""</span>` : inLine(value)}</span>`;
}

/** A value as a tree whose branches open.
 * @param {unknown} value
 * @param {import("./texts.js").Words} words
 * @param {number} [depth] */
export function tree(value, words, depth = 0) {
  if (value === null || typeof value !== "object") return valueView(value);
  const isList = Array.isArray(value);
  const members = Object.entries(value);
  if (members.length === 0) return html`<span class="value muted">${isList ? "[]" : "{}"}</span>`;
  if (depth === 0) return html`<dl class="tree">${branches(members, words, depth)}</dl>`;
  return html`<details ?open=${depth < 2 && members.length < 12}><summary class="muted">${words.say(isList ? "tree.items" : "tree.members", { count: members.length })}</summary>
    <dl class="tree">${branches(members, words, depth)}</dl></details>`;
}

/** @param {[string, unknown][]} members
 * @param {import("./texts.js").Words} words
 * @param {number} depth
 * @returns {unknown} */
function branches(members, words, depth) {
  return html`${members.slice(0, MEMBERS_MAX).map(([name, value]) => html`<div><dt><bdi>${name}</bdi></dt><dd>${tree(value, words, depth + 1)}</dd></div>`)}
    ${members.length > MEMBERS_MAX ? html`<div><dt>…</dt><dd class="muted">${words.say("tree.more", { count: members.length - MEMBERS_MAX })}</dd></div>` : nothing}`;
}

/** The changes of an entry, each as what it was and what it is.
 * @param {import("../types.js").Change[]} changes
 * @param {import("./texts.js").Words} words */
export function changesView(changes, words) {
  return html`<ul class="changes">${changes.map((change) => html`<li><code class="path"><bdi>${change.path || "/"}</bdi></code>${changed(change, words)}</li>`)}</ul>`;
}

/** @param {import("../types.js").Change} change
 * @param {import("./texts.js").Words} words */
function changed(change, words) {
  if (change.redacted) return html`<span class="muted">${words.say("change.redacted")}</span>`;
  const [had, has] = ["from" in change, "to" in change];
  if (typeof change.from === "string" && typeof change.to === "string" && (change.from + change.to).length > 24) {
    return textDifference(difference(change.from, change.to), words);
  }
  return html`<span class="pair">${had ? html`<del><span class="unseen">${words.say("change.from")} </span>${valueView(change.from)}</del>` : nothing}
    ${had && has ? html`<span class="arrow muted" aria-hidden="true">→</span>` : nothing}
    ${has ? html`<ins><span class="unseen">${words.say("change.to")} </span>${valueView(change.to)}</ins>` : html`<span class="muted">${words.say("change.removed")}</span>`}</span>`;
}

/** @typedef {{ kind: "same" | "removed" | "added", text: string }} Piece */

/** @param {Piece[]} found
 * @param {import("./texts.js").Words} words */
export function textDifference(found, words) {
  return html`<span class="text value" dir="auto">${found.map(({ kind, text }) => kind === "removed"
    ? html`<del><span class="unseen">${words.say("change.removed")} </span>${text}</del>`
    : kind === "added" ? html`<ins><span class="unseen">${words.say("change.added")} </span>${text}</ins>` : text)}</span>`;
}

/** What two texts share at both ends, by words, and what differs between.
 * @param {string} from
 * @param {string} to
 * @returns {Piece[]} */
function difference(from, to) {
  const [before, after] = [from, to].map((text) => text.match(/\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? []);
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  /** @type {Piece[]} */
  const found = [
    { kind: "same", text: before.slice(0, start).join("") },
    { kind: "removed", text: before.slice(start, before.length - end).join("") },
    { kind: "added", text: after.slice(start, after.length - end).join("") },
    { kind: "same", text: before.slice(before.length - end).join("") },
  ];
  return found.filter(({ text }) => text);
}

export const valuesStyle = css`
  .value { white-space: pre-wrap; overflow-wrap: anywhere; }
  .value.number, .value.boolean, .value.null, .value.object { font-family: var(--_mono); font-size: 0.8125rem; }
  .tree > div { display: grid; grid-template-columns: fit-content(14rem) minmax(0, 1fr); gap: 0 0.75rem; padding-block: 0.0625rem; }
  .tree dt { color: var(--_muted); overflow-wrap: anywhere; }
  .tree .tree { padding-inline-start: 0.75rem; border-inline-start: 1px solid var(--_line); }
  details > summary { cursor: pointer; border-radius: 3px; inline-size: fit-content; }
  .changes li { display: grid; gap: 0.125rem; padding-block: 0.375rem; border-block-end: 1px solid var(--_line); }
  .changes li:last-child { border: 0; }
  .path { color: var(--_muted); overflow-wrap: anywhere; }
  .pair { display: flex; flex-wrap: wrap; gap: 0 0.5rem; align-items: baseline; }
  del, ins { text-decoration: none; border-radius: 3px; padding: 0 0.1875rem; overflow-wrap: anywhere; }
  del { background: var(--_bad-ground); color: var(--_bad); text-decoration: line-through; text-decoration-thickness: 1px; }
  ins { background: var(--_good-ground); color: var(--_good); }
  .text { line-height: 1.6; }
`;
