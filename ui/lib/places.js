// Where links lead. Within the pages each thing has an address; an embedded component narrows its own query instead.

import { html, nothing } from "./element.js";
import { actorKey, sentence, targetKey } from "./sentence.js";

/** No pages: a click on a name narrows the query. @type {import("../types.js").Places} */
export const NOWHERE = { entry: () => null, object: () => null, person: () => null };

/** @param {string} path
 * @param {Record<string, string | null | undefined>} parameters */
function address(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return `${path}?${new URLSearchParams(/** @type {[string, string][]} */ (given))}`;
}

/** The pages of a server. @type {import("../types.js").Places} */
export const PAGES = {
  entry: (entry) => address("/entry", { id: entry.id, tenant: entry.tenant === "default" ? null : entry.tenant }),
  object: (target, tenant) => address("/object", { target, tenant: tenant === "default" ? null : tenant }),
  person: (id, tenant) => address("/person", { id, tenant: tenant === "default" ? null : tenant }),
};

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
