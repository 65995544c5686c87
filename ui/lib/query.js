// Queries as texts that are read and edited. What a query means, and whether it is right, the server alone says.

/** The fields of the language, as they are completed; the texts about them are `field.<name>`. */
export const FIELDS = [
  "action", "actor", "actor.type", "actor.name", "on_behalf_of", "principal", "target", "target.type", "target.name",
  "outcome", "ip", "service", "id", "seq", "request_id", "correlation_id", "transaction_id", "audience", "category",
  "change", "meta.", "occurred", "recorded", "has",
];

export const OUTCOMES = ["success", "failure", "denied", "unknown"];

/** What can be completed after `occurred:` and `recorded:`. */
export const TIMES = ["today", "yesterday", ">=-15m", ">=-24h", ">=-7d", ">=-30d"];

/** @typedef {{ kind: "space" | "operator" | "field" | "value" | "text" | "paren", text: string, start: number }} Piece */

const PIECE = /(\s+)|([()])|(-?[a-z_]+(?:\.(?:"(?:\\.|[^"\\])*"?|[^\s:()".]+))*:)|("(?:\\.|[^"\\])*"?\*?|[^\s()]+)/giy;

/** A query in pieces, for colours and completion. Every character is in exactly one.
 * @param {string} text
 * @returns {Piece[]} */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  let afterField = false;
  PIECE.lastIndex = 0;
  for (let match = PIECE.exec(text); match; match = PIECE.exec(text)) {
    const [whole, space, paren, field] = match;
    const start = match.index;
    if (space) found.push({ kind: "space", text: whole, start });
    else if (paren && afterField && paren === "(") {
      const end = text.indexOf(")", start);
      const list = text.slice(start, end < 0 ? text.length : end + 1);
      found.push({ kind: "value", text: list, start });
      PIECE.lastIndex = start + list.length;
    } else if (paren) found.push({ kind: "paren", text: whole, start });
    else if (field && !afterField) {
      found.push({ kind: "field", text: whole, start });
      afterField = true;
      continue;
    } else if (afterField) {
      const value = field ? text.slice(start).match(/^[^\s()]+/)?.[0] ?? whole : whole;
      found.push({ kind: "value", text: value, start });
      PIECE.lastIndex = start + value.length;
    } else found.push({ kind: /^(AND|OR|NOT)$/.test(whole) ? "operator" : "text", text: whole, start });
    afterField = false;
  }
  return found;
}

/** A value as it stands in a query.
 * @param {string} value */
export function quoted(value) {
  return /^[\p{L}\p{N}_/@][\p{L}\p{N}_.:/@+-]*$/u.test(value) && !value.includes("..")
    ? value
    : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** A term.
 * @param {string} field
 * @param {string} value */
export function term(field, value) {
  return `${field}:${quoted(value)}`;
}

/** The terms on the top level of a query, with their places: only these can be taken away without changing the rest.
 * @param {string} query */
function topLevel(query) {
  const terms = [];
  let depth = 0;
  const all = pieces(query);
  for (const [index, piece] of all.entries()) {
    if (piece.kind === "paren") depth += piece.text === "(" ? 1 : -1;
    const value = all[index + 1];
    if (piece.kind === "field" && value?.kind === "value" && depth === 0) {
      terms.push({ text: piece.text + value.text, start: piece.start, end: value.start + value.text.length });
    }
  }
  return terms;
}

/** @param {string} query */
function hasOr(query) {
  return pieces(query).some((piece) => piece.kind === "operator" && piece.text === "OR");
}

/** @param {string} query
 * @param {string} wanted a term */
export function hasTerm(query, wanted) {
  return !hasOr(query) && topLevel(query).some(({ text }) => text === wanted);
}

/** The query with one more condition.
 * @param {string} query
 * @param {string} added a term */
export function withTerm(query, added) {
  if (hasTerm(query, added)) return query;
  const base = query.trim();
  return base ? `${hasOr(base) ? `(${base})` : base} ${added}` : added;
}

/** The query without a term that stands on its top level.
 * @param {string} query
 * @param {(term: string) => boolean} unwanted */
export function withoutTerms(query, unwanted) {
  let out = query;
  for (const { text, start, end } of topLevel(query).reverse()) {
    if (unwanted(text)) out = `${out.slice(0, start).trimEnd()} ${out.slice(end).trimStart()}`.trim();
  }
  return out.trim();
}

/** Adds a term, or takes it away.
 * @param {string} query
 * @param {string} toggled */
export function toggleTerm(query, toggled) {
  return hasTerm(query, toggled) ? withoutTerms(query, (text) => text === toggled) : withTerm(query, toggled);
}

/** The query narrowed to a time, in place of what it said of time before.
 * @param {string} query
 * @param {import("./days.js").Range} range of whole minutes */
export function withRange(query, { from, until }) {
  const rest = withoutTerms(query, (text) => text.startsWith("occurred:"));
  const written = (/** @type {number} */ instant) => `${new Date(instant).toISOString().slice(0, 16)}Z`;
  return withTerm(withTerm(rest, `occurred:>=${written(from)}`), `occurred:<${written(until)}`);
}

/** The time that `withRange` wrote into a query.
 * @param {string} query
 * @returns {import("./days.js").Range | null} */
export function rangeOf(query) {
  const found = (/** @type {string} */ sign) =>
    Date.parse(query.match(`(?:^|\\s)occurred:${sign}(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\dZ)(?=\\s|$)`)?.[1] ?? "");
  const [from, until] = [found(">="), found("<")];
  return from < until ? { from, until } : null;
}

/** Entries of somebody having looked at the log. */
export const VIEWS = "action:audit.viewed";

/** The query without those, where it does not name such entries; as it is where parentheses around it would mend it.
 * @param {string} query */
export function withoutViews(query) {
  let [depth, lowest] = [0, 0];
  for (const { kind, text } of pieces(query)) {
    if (kind === "paren") depth += text === "(" ? 1 : -1;
    lowest = Math.min(lowest, depth);
  }
  if (lowest < 0 || /audit\.|category:/.test(query)) return query;
  return query.trim() ? `-${VIEWS} (${query})` : `-${VIEWS}`;
}

/** What stands before the caret and can be completed: a field, or a value of one.
 * @param {string} query
 * @param {number} caret */
export function atCaret(query, caret) {
  const all = pieces(query.slice(0, caret));
  const last = all.at(-1);
  const before = all.at(-2);
  if (!last || last.kind === "space" || last.kind === "paren") return { field: null, prefix: "", start: caret };
  if (last.kind === "field") return { field: bare(last.text), prefix: "", start: caret };
  if (last.kind === "value" && before) return { field: bare(before.text), prefix: last.text, start: last.start };
  const sign = last.text.startsWith("-") ? 1 : 0;
  return { field: null, prefix: last.text.slice(sign), start: last.start + sign };
}

/** @param {string} field */
function bare(field) {
  return field.replace(/^-/, "").slice(0, -1);
}
