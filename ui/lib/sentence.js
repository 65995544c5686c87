// An entry as a sentence: who did what to which thing. What the caller wrote as description comes first; without one the
// sentence is made of the action. Names stay what they are, texts, and become links to what they name.

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

/** The sentence as text.
 * @param {Entry} entry
 * @param {import("./texts.js").Words} words */
export function sentenceText(entry, words) {
  return sentence(entry, words).map((part) => part.text).join("");
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
