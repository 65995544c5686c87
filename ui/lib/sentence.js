// An entry as a sentence: who did what to which thing. What the caller wrote as description comes first; without one the
// sentence is made of the action. Names stay what they are, texts, and become links to what they name: within the pages each
// thing has an address, an embedded component narrows its own query instead.

import { html, nothing } from "./element.js";

/** @typedef {import("../types.js").Entry} Entry */
/** @typedef {import("../types.js").Actor} Actor */
/** @typedef {{ text: string, actor?: Actor, target?: import("../types.js").Target }} Part */

/** What stands for an actor.
 * @param {Actor} actor
 * @param {import("./texts.js").Words} words */
export function actorName(actor, words) {
  if (actor.name) return actor.name;
  if (actor.id) return actor.id;
  return words.texts[`actor.${actor.type}`] ?? actor.type;
}

/** How an actor is found: TYPE:ID, or the type of one without an id.
 * @param {Actor} actor */
export function actorKey(actor) {
  return actor.id ? `${actor.type}:${actor.id}` : actor.type;
}

/** @param {import("../types.js").Target} target */
export function targetKey(target) {
  return `${target.type}:${target.id}`;
}

/** The parts of the sentence.
 * @param {Entry} entry
 * @param {import("./texts.js").Words} words
 * @returns {Part[]} */
export function sentence(entry, words) {
  return entry.description ? described(entry, words) : composed(entry, words);
}

/** @param {Entry} entry
 * @param {import("./texts.js").Words} words */
function described(entry, words) {
  const text = /** @type {string} */ (entry.description);
  const found = places(text, named(entry, words));
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  for (const { start, part } of found) {
    if (start > end) parts.push({ text: text.slice(end, start) });
    parts.push(part);
    end = start + part.text.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  const tellsActor = found.some(({ part }) => part.actor === entry.actor);
  return tellsActor ? parts : [...who(entry, words), { text: ": " }, ...parts];
}

/** What may be named in a description, the longest names first.
 * @param {Entry} entry
 * @param {import("./texts.js").Words} words
 * @returns {Part[]} */
function named(entry, words) {
  /** @type {Part[]} */
  const parts = [];
  for (let actor = /** @type {Actor | undefined} */ (entry.actor); actor; actor = actor.on_behalf_of) {
    parts.push({ text: actorName(actor, words), actor });
  }
  for (const target of entry.targets ?? []) parts.push({ text: target.name ?? target.id, target });
  return parts.filter(({ text }) => text).sort((a, b) => b.text.length - a.text.length);
}

/** Where they are, in order, none over another.
 * @param {string} text
 * @param {Part[]} names */
function places(text, names) {
  /** @type {{ start: number, part: Part }[]} */
  const found = [];
  for (const part of names) {
    const free = (/** @type {number} */ start) =>
      found.every((other) => start + part.text.length <= other.start || start >= other.start + other.part.text.length);
    for (let start = text.indexOf(part.text); start >= 0; start = text.indexOf(part.text, start + 1)) {
      if (!isWhole(text, start, part.text.length) || !free(start)) continue;
      found.push({ start, part });
      break;
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** Whether these characters are not the middle of a longer word.
 * @param {string} text
 * @param {number} start
 * @param {number} length */
function isWhole(text, start, length) {
  const letter = /[\p{L}\p{N}_]/u;
  return !letter.test(text.charAt(start - 1)) && !letter.test(text.charAt(start + length));
}

/** @param {Entry} entry
 * @param {import("./texts.js").Words} words
 * @returns {Part[]} */
function who(entry, words) {
  /** @type {Part[]} */
  const parts = [{ text: actorName(entry.actor, words), actor: entry.actor }];
  const behind = entry.actor.on_behalf_of;
  if (behind) parts.push({ text: ` ${words.say("sentence.for")} ` }, { text: actorName(behind, words), actor: behind });
  return parts;
}

/** @param {Entry} entry
 * @param {import("./texts.js").Words} words */
function composed(entry, words) {
  const isItself = (/** @type {import("../types.js").Target} */ target) =>
    target.type === entry.actor.type && target.id === entry.actor.id;
  const targets = (entry.targets ?? []).filter((target) => !isItself(target));
  const parts = [...who(entry, words), { text: ` ${phrase(entry, words)}` }];
  for (const [index, target] of targets.slice(0, 3).entries()) {
    parts.push({ text: index === 0 ? " " : ", " }, { text: target.name ?? target.id, target });
  }
  if (targets.length > 3) parts.push({ text: ` ${words.say("sentence.more", { count: targets.length - 3 })}` });
  return parts;
}

/** Verbs whose past does not end in “ed”, as far as actions are made of them. */
const IRREGULAR = new Set(
  ("sent paid made read written run set put left lost begun held sold bought won given taken shown seen found kept told got " +
    "cut shut split drawn frozen built chosen broken spent met brought withdrawn overridden rewritten rebuilt reset").split(" "),
);

/** The action in words: `document.shared` is “shared document”, and `s3.get_object` stays “s3 get object”.
 * @param {Entry} entry
 * @param {import("./texts.js").Words} words */
function phrase(entry, words) {
  const all = entry.action.split(".").map((segment) => segment.replaceAll("_", " "));
  // What is done to the log itself: `audit.viewed`, `audit.token.created`.
  const segments = all[0] !== "audit" ? all : all.length > 2 ? all.slice(1) : [words.say("sentence.log"), ...all.slice(1)];
  const verb = segments.at(-1) ?? entry.action;
  const first = verb.split(" ")[0] ?? verb;
  const isPast = first.endsWith("ed") || IRREGULAR.has(first);
  if (words.texts["sentence.order"] !== "verb" || !isPast) return `· ${segments.join(" ")}${entry.targets?.length ? " ·" : ""}`;
  const primary = entry.targets?.[0];
  const thing = segments.slice(0, -1).join(" ");
  const isItself = primary ? primary.type === entry.actor.type && primary.id === entry.actor.id : thing === entry.actor.type;
  const tellsThing = primary?.name?.toLowerCase().startsWith(thing.toLowerCase());
  return isItself || tellsThing ? verb : `${verb} ${thing}`;
}

/** No pages: a click on a name narrows the query. @type {import("../types.js").Places} */
export const NOWHERE = { entry: () => null, object: () => null, person: () => null };

/** An address that a caller recorded, if it is one that may be followed: never a script.
 * @param {string | undefined} href
 * @returns {URL | null} */
export function outward(href) {
  if (!href) return null;
  try {
    const url = new URL(href);
    return url.protocol === "https:" || url.protocol === "http:" ? url : null;
  } catch {
    return null;
  }
}

/** A name as it can be seen: one that is made of spaces and invisible characters is written with their numbers.
 * @param {string} name */
export function visible(name) {
  if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(name)) return name;
  return `"${[...name].map((character) => `\\u{${character.codePointAt(0)?.toString(16)}}`).join("")}"`;
}

/** Something that has a name, as a link to its page; without pages it narrows the query by `deedbook-narrow`.
 * @param {{ text: string, href: string | null, field: string, value: string, kind: string }} link */
export function nameLink({ text, href, field, value, kind }) {
  if (href) return html`<a class=${`name ${kind}`} href=${href}><bdi>${visible(text)}</bdi></a>`;
  const narrow = (/** @type {Event} */ event) => {
    event.stopPropagation();
    event.currentTarget?.dispatchEvent(new CustomEvent("deedbook-narrow", { detail: { field, value }, bubbles: true, composed: true }));
  };
  return html`<button type="button" class=${`plain name ${kind}`} @click=${narrow}><bdi>${visible(text)}</bdi></button>`;
}

/** An actor as a link.
 * @param {import("../types.js").Actor} actor
 * @param {string} text
 * @param {import("../types.js").Places} places
 * @param {string} tenant */
export function actorLink(actor, text, places, tenant) {
  const value = actorKey(actor);
  return nameLink({ text, href: actor.id ? places.person(value, tenant) : null, field: "actor", value, kind: "actor" });
}

/** A target as a link.
 * @param {import("../types.js").Target} target
 * @param {import("../types.js").Places} places
 * @param {string} tenant */
export function targetLink(target, places, tenant) {
  const value = targetKey(target);
  return nameLink({ text: target.name ?? target.id, href: places.object(value, tenant), field: "target", value, kind: "target" });
}

/** The sentence of an entry, with its links.
 * @param {import("../types.js").Entry} entry
 * @param {import("./texts.js").Words} words
 * @param {import("../types.js").Places} places */
export function sentenceView(entry, words, places) {
  return sentence(entry, words).map((part) => {
    if (part.actor) return actorLink(part.actor, part.text, places, entry.tenant);
    if (part.target) return targetLink(part.target, places, entry.tenant);
    return part.text || nothing;
  });
}
