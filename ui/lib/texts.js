// The words of the interface in the reader's language, dates and numbers as that language writes them.

import { de } from "../texts/de.js";
import { en } from "../texts/en.js";

/** @type {Record<string, import("../types.js").Texts>} */
const LANGUAGES = { en, de };

const UNITS = /** @type {const} */ ([
  ["year", 31536000],
  ["month", 2592000],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
]);

/** Gives each language further texts: those of the pages are none of the component's.
 * @param {Record<string, import("../types.js").Texts>} further */
export function addTexts(further) {
  for (const [language, texts] of Object.entries(further)) Object.assign(LANGUAGES[language] ?? {}, texts);
}

/** A language with everything that is written in it. */
export class Words {
  /** @param {string | null} [locale] as in `de-AT`; the browser's where absent */
  constructor(locale) {
    this.locale = supported(locale) ?? supported(navigator.language) ?? "en";
    this.language = new Intl.Locale(this.locale).language;
    this.texts = LANGUAGES[this.language] ?? en;
    /** @type {Map<string, Intl.DateTimeFormat>} */
    this.formats = new Map();
    this.numbers = new Intl.NumberFormat(this.locale);
    this.plurals = new Intl.PluralRules(this.locale);
    this.relatives = new Intl.RelativeTimeFormat(this.locale, { numeric: "auto", style: "short" });
  }

  /** The direction in which the language of the dates is written. */
  get direction() {
    return /^(ar|fa|he|ur|ps|ku-arab|yi)\b/i.test(this.locale) ? "rtl" : "ltr";
  }

  /** A text with `{name}` replaced; where `count` is given, its plural form `key.one` if there is one.
   * @type {(key: string, values?: Record<string, string | number>) => string} */
  say = (key, values = {}) => {
    const form = typeof values.count === "number" ? `${key}.${this.plurals.select(values.count)}` : key;
    const text = this.texts[form] ?? this.texts[key] ?? en[form] ?? en[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === "number" ? this.number(value) : value ?? "";
    });
  };

  /** @param {number} value */
  number(value) {
    return this.numbers.format(value);
  }

  /** @param {string | Date} instant
   * @param {Intl.DateTimeFormatOptions} options */
  date(instant, options) {
    const key = JSON.stringify(options);
    const format = this.formats.get(key) ?? new Intl.DateTimeFormat(this.locale, options);
    this.formats.set(key, format);
    const date = new Date(instant);
    return Number.isNaN(date.getTime()) ? String(instant) : format.format(date);
  }

  /** @param {string} instant */
  time(instant) {
    return this.date(instant, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  }

  /** @param {string} instant */
  day(instant) {
    return this.date(instant, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  }

  /** @param {string} instant */
  full(instant) {
    return this.date(instant, { dateStyle: "full", timeStyle: "long" });
  }

  /** How long ago, or how far ahead.
   * @param {string} instant
   * @param {number} [now] */
  relative(instant, now = Date.now()) {
    const seconds = (new Date(instant).getTime() - now) / 1000;
    if (Number.isNaN(seconds)) return "";
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[6];
    return this.relatives.format(Math.trunc(seconds / size), unit);
  }
}

/** @param {string | null | undefined} locale */
function supported(locale) {
  try {
    return locale ? new Intl.Locale(locale).toString() : null;
  } catch {
    return null;
  }
}
